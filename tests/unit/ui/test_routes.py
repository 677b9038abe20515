"""What the page's routes answer, and what actions leave behind."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from kombo_provider.ledger import LaneState, lane_states, now
from kombo_provider.ledger._run_tables import runs
from kombo_provider.ledger._tables import EMPTIED, deliveries, lane_events, metadata
from tests.unit.ledger.book import INVALID, VALID, Book
from tests.unit.ui.asked import ACTS, GETS, LANE, LOOKS, TOMORROW, block, every_route
from tests.unit.ui.conftest import SOURCE, Site, connection


def test_the_fleet_shows_each_lane_with_what_waits_since_when_and_why(site: Site, book: Book) -> None:
    book.stage(VALID, VALID.but(applicant_id="2"), INVALID.but(applicant_id="3"), VALID.but(integration_id="lever:b"))
    book.set("2", hold="approval")
    block(book, log_url="https://app.kombo.dev/logs/1")
    a, b = site.get("dags/push/fleet").json()["lanes"]
    assert (a["integration_id"], a["state"], a["code"]) == (LANE, "blocked", "INTEGRATION.INACTIVE")
    assert (a["waiting"], a["held"], a["log_url"]) == (1, 1, "https://app.kombo.dev/logs/1")
    assert datetime.fromisoformat(a["oldest_waiting"]).tzinfo is not None
    assert (b["integration_id"], b["state"], b["waiting"]) == ("lever:b", "open", 1)


def test_figures_of_other_sources_on_the_same_lane_are_not_shown(site: Site, book: Book) -> None:
    book.stage(VALID)
    book.stage(VALID, VALID.but(applicant_id="2"), VALID.but(integration_id="lever:b"), source="crm.agencies")
    (lane,) = site.get("dags/push/fleet").json()["lanes"]
    assert (lane["integration_id"], lane["waiting"]) == (LANE, 1)
    assert site.get("dags/push/lane", integration_id="lever:b").status_code == 404


def test_hours_left_come_from_the_last_median_answer_and_the_cap(site: Site, book: Book) -> None:
    book.stage(*(VALID.but(applicant_id=str(number)) for number in range(60)))
    _run(book, "r1", p50_ms=60_000)
    (lane,) = site.get("dags/push/fleet").json()["lanes"]
    assert lane["hours_left"] == pytest.approx(60 * 60 / 3600 / 30)


def _run(book: Book, run_id: str, *, days_ago: int = 0, **values: Any) -> None:
    with book.ledger.transaction() as conn:
        key = {"source": SOURCE, "dag_id": "push", "run_id": run_id, "integration_id": LANE}
        at = now(conn) - timedelta(days=days_ago)
        conn.execute(
            runs.insert().values(key | {"kombo_conn_id": "kombo_default", "began_at": at, "ended_at": at} | values)
        )


def _all_days(site: Site) -> Any:
    """Ask as the page does, until no day is missing: a slow machine sums up few days at a time."""
    for _ in range(30):
        answer = site.get("dags/push/days").json()
        if answer["complete"]:
            return answer["days"]
    raise AssertionError("each question brings a day at least")


def test_the_last_30_days_are_summed_by_day(site: Site, book: Book) -> None:
    book.stage(VALID)
    _run(book, "r1", statuses=json.dumps({"delivered": 5, "invalid": 1}))
    _run(book, "r2", statuses=json.dumps({"delivered": 2, "rejected": 1, "in_doubt": 1, "ready": 3}))
    _run(book, "r3", days_ago=2, statuses=json.dumps({"delivered": 9}))
    _run(book, "r4", days_ago=31, statuses=json.dumps({"delivered": 100}))
    _run(book, "r5", statuses=None)
    found = _all_days(site)
    shown = {(day["day"], day["delivered"], day["refused"], day["open"]) for day in found}
    today = datetime.now(UTC).date()
    assert shown == {(str(today), 7, 2, 4), (str(today - timedelta(days=2)), 9, 0, 0)}
    again = _all_days(site)
    assert {(day["day"], day["delivered"]) for day in again} == {(day, rows) for day, rows, *_ in shown}
    of_lane = site.post("dags/push/days", {"integration_ids": [LANE]}).json()
    assert {(day["integration_id"], day["day"], day["delivered"]) for day in of_lane} == {
        (LANE, day, delivered) for day, delivered, *_ in shown
    }


def test_a_lane_shows_its_refusals_and_their_rows_page_by_page(site: Site, book: Book) -> None:
    book.stage(*(INVALID.but(applicant_id=f"{number:03}") for number in range(60)), VALID)
    found = site.get("dags/push/lane", integration_id=LANE).json()
    (code,) = found["codes"]
    assert (code["status"], code["code"], code["rows"]) == ("invalid", None, 60)
    asked = {"integration_id": LANE, "what": "invalid"}
    first = site.post("dags/push/rows", asked).json()
    assert [row["applicant_id"] for row in first["rows"]] == [f"{number:03}" for number in range(50)]
    second = site.post("dags/push/rows", asked | {"after": first["after"]}).json()
    assert (len(second["rows"]), second["after"]) == (10, None)
    assert second["rows"][0]["problems"] == [{"field": "x", "problem": "is required"}]


def test_a_row_says_what_became_of_it_and_what_to_do(site: Site, book: Book) -> None:
    book.deliver("1")
    (row,) = site.post("dags/push/row", {"applicant_id": "1"}).json()
    assert (row["status"], row["kombo_application_id"]) == ("delivered", "app-1")
    assert [event["to_status"] for event in row["history"]] == ["sending", "delivered"]
    assert row["what_to_do"].startswith("Nothing")
    assert site.post("dags/push/row", {"applicant_id": "1", "integration_id": "other"}).json() == []


def test_no_answer_holds_a_payload_or_a_message_of_kombo_s(site: Site, book: Book) -> None:
    canary = "zoe.canary@example.com"
    book.stage(VALID.but(payload=json.dumps({"email": canary})), INVALID.but(applicant_id="2"))
    book.set("2", status="rejected", error_code="X", error_title=canary, error_message=canary, warnings=canary)
    asked: list[dict[str, Any]] = [{"what": what} for what in ("waiting", "rejected", "invalid", "in_doubt")]
    answers = every_route(site) + [site.post("dags/push/rows", {"integration_id": LANE} | one) for one in asked]
    answers.append(site.post("dags/push/row", {"applicant_id": "2"}))
    assert canary not in "".join(answer.text for answer in answers)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", " javascript:alert(1)", "//x.example", "x"])
def test_a_link_of_kombo_s_that_is_no_web_page_is_dropped(site: Site, book: Book, url: str) -> None:
    book.stage(VALID, INVALID.but(applicant_id="2"))
    book.set("2", status="rejected", error_code="<script>alert(1)</script>", log_url=url)
    block(book, log_url=url)
    _run(book, "r1", top_codes=json.dumps([{"code": "X", "rows": 1, "log_url": url}]))
    found = site.get("dags/push/lane", integration_id=LANE).json()
    links = [found["lane"]["log_url"], found["codes"][0]["log_url"], found["runs"][0]["top_codes"][0]["log_url"]]
    assert links == [None, None, None]
    assert found["codes"][0]["code"] == "<script>alert(1)</script>", "text stays text"


def test_every_action_leaves_who_did_it_in_the_ledger_and_in_airflow_s_log(
    site: Site, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    from kombo_provider.ui import airflow_side

    ordered: list[tuple[str, ...]] = []

    def replay(_user: Any, *what: str) -> str:
        ordered.append(what)
        return "run-1"

    monkeypatch.setattr(airflow_side, "replay", replay)
    book.stage(VALID)
    block(book)
    with create_session() as session:
        session.query(Log).delete()
    for name, body in reversed(ACTS):
        answer = site.post(f"dags/push/{name}", body)
        assert answer.status_code == 200, answer.text
    with book.ledger.transaction() as conn:
        events = conn.execute(select(lane_events).order_by(lane_events.c.event_id)).all()
        assert lane_states.own_status(conn, "kombo_default", LANE).state is LaneState.OPEN
    assert [(event.action, event.actor, event.actor_name) for event in events] == [
        (action, "person", "Grace") for action in ("replay", "snooze", "stop", "open")
    ]
    assert ordered == [("push", "REMOTE.X", LANE)]
    with create_session() as session:
        lines = [(line.event, line.owner, line.dag_id) for line in session.query(Log).order_by(Log.id)]
    assert lines == [(f"kombo_lane_{name}", "Grace", "push") for name in ("replay", "snooze", "stop", "open")]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"until": (datetime.now(UTC) + timedelta(days=31)).isoformat()}, 422),
        ({"until": (datetime.now(UTC) - timedelta(days=1)).isoformat()}, 422),
        ({"reason": ""}, 422),
        ({"until": None}, 422),
    ],
)
def test_a_snooze_without_an_end_or_a_reason_is_refused(
    site: Site, book: Book, body: dict[str, Any], status: int
) -> None:
    book.stage(VALID)
    block(book)
    asked = {"integration_id": LANE, "until": TOMORROW, "reason": "known"} | body
    assert site.post("dags/push/snooze", asked).status_code == status


def test_an_open_lane_cannot_be_snoozed(site: Site, book: Book) -> None:
    book.stage(VALID)
    answer = site.post("dags/push/snooze", {"integration_id": LANE, "until": TOMORROW, "reason": "known"})
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "The lane is neither blocked nor paused: there is nothing to snooze.",
    )


def test_a_ledger_that_is_not_reached_is_said_in_one_sentence(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = json.dumps({"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "schema": "secret_db"})
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DEFAULT", nowhere)
    fleet = site.get("dags/push/fleet")
    assert fleet.status_code == 200
    assert fleet.json()["problem"].startswith("The ledger cannot be read")
    assert fleet.json()["report"] is None
    assert site.get("dags/push/lane", integration_id=LANE).status_code == 503
    assert site.post("dags/push/lane/stop", {"integration_id": LANE}).status_code == 503


def test_the_page_reads_with_a_connection_of_its_own_without_rights_on_payload_and_messages(
    site: Site, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    if book.ledger.dialect != "postgresql":
        pytest.skip("SQLite knows no rights")
    book.stage(VALID, INVALID.but(applicant_id="2"))
    columns = [column.name for column in deliveries.c if column.name not in EMPTIED]
    with book.ledger.transaction() as conn:
        conn.execute(text("DROP ROLE IF EXISTS kombo_page"))
        conn.execute(text("CREATE ROLE kombo_page LOGIN"))
        others = ", ".join(name for name in metadata.tables if name != "kombo_deliveries")
        conn.execute(text(f"GRANT SELECT ON {others} TO kombo_page"))
        conn.execute(text(f"GRANT SELECT ({', '.join(columns)}) ON kombo_deliveries TO kombo_page"))
    theirs = json.loads(connection(book.ledger.engine.url.render_as_string(hide_password=False)))
    monkeypatch.setenv("AIRFLOW_CONN_KOMBO_PAGE", json.dumps(theirs | {"login": "kombo_page"}))
    monkeypatch.setenv("AIRFLOW__KOMBO__PAGE_CONNECTIONS", '{"warehouse_default": "kombo_page"}')
    answers = [site.get(f"dags/push/{name}", **query) for name, query in GETS]
    answers += [site.post(f"dags/push/{name}", body) for name, body in LOOKS]
    problems = [answer.text for answer in answers if answer.status_code != 200 or 'problem":"' in answer.text]
    with book.ledger.transaction() as conn:
        conn.execute(text("DROP OWNED BY kombo_page"))
        conn.execute(text("DROP ROLE kombo_page"))
    assert "\n".join(problems) == ""


def watch_dag(dag_id: str = "watch", **more: Any) -> Any:
    from kombo_provider.pipeline import kombo_watch_dag

    return kombo_watch_dag(dag_id=dag_id, **more)


def watch_of(site: Site) -> str:
    return str(site.get("dags/push/fleet").json()["airflow"]["watch"]["state"])


def test_the_fleet_says_that_no_watch_looks_at_its_lanes(site: Site, book: Book, dags: dict[str, Any]) -> None:
    assert watch_of(site) == "missing"
    dags["watch"] = watch_dag(kombo_conn_id="another")
    assert watch_of(site) == "missing"
    dags["watch"] = watch_dag()
    assert watch_of(site) == "paused", "Airflow does not know it yet"
