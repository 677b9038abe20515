"""Whom the page's routes answer, and who may act."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from kombo_provider.ledger import RunRef, runs, staging
from kombo_provider.ledger._tables import lane_events
from tests.unit.ledger.book import VALID, Book
from tests.unit.ui.asked import ACTS, GETS, LANE, LOOKS, block, every_route
from tests.unit.ui.conftest import JSON, Site, push_dag


def test_nobody_without_a_login_is_answered(site: Site, book: Book) -> None:
    site.user = None
    assert {answer.status_code for answer in [site.get("pipelines"), site.get("unread"), *every_route(site)]} == {401}


def test_nobody_without_the_right_on_the_dag_is_answered(site: Site, book: Book) -> None:
    book.stage(VALID)
    site.user = "Mallory"
    assert {answer.status_code for answer in every_route(site)} == {403}
    assert site.get("pipelines").json() == []
    assert site.get("dags/no_such/fleet").status_code == 403, "whether there is such a DAG is not told"


def test_a_viewer_looks_and_does_not_act(site: Site, book: Book) -> None:
    book.stage(VALID)
    block(book)
    site.user = "Vera"
    assert {site.get(f"dags/push/{name}", **query).status_code for name, query in GETS} == {200}
    assert {site.post(f"dags/push/{name}", body).status_code for name, body in LOOKS} == {200}
    assert {site.post(f"dags/push/{name}", body).status_code for name, body in ACTS} == {403}
    seen = site.get("dags/push/lane", integration_id=LANE).json()
    assert (seen["may_act"], seen["may_replay"]) == (False, False)
    assert seen["lane"]["state"] == "blocked"


def test_who_may_not_trigger_another_dag_of_the_lane_does_not_act_on_it(
    site: Site, book: Book, rights: set[tuple[str, str, str]], dags: dict[str, Any]
) -> None:
    dags["other_push"] = push_dag("other_push", "crm.agencies")
    book.stage(VALID)
    book.stage(VALID, source="crm.agencies")
    assert site.post("dags/push/lane/stop", {"integration_id": LANE}).status_code == 403
    rights.add(("Grace", "POST", "other_push"))
    assert site.post("dags/push/lane/stop", {"integration_id": LANE}).status_code == 200


@pytest.mark.parametrize(
    "place", [{"ledger_conn_id": "warehouse_team_b"}, {"ledger_schema": "public"}], ids=["connection", "schema"]
)
def test_a_dag_that_names_the_ledger_differently_has_to_be_triggerable_as_well(
    site: Site, book: Book, rights: set[tuple[str, str, str]], dags: dict[str, Any], place: dict[str, str]
) -> None:
    dags["other_push"] = push_dag("other_push", "crm.agencies", **place)
    book.stage(VALID)
    book.stage(VALID, source="crm.agencies")
    assert site.get("dags/push/lane", integration_id=LANE).json()["may_act"] is False
    assert site.post("dags/push/lane/open", {"integration_id": LANE}).status_code == 403
    rights.add(("Grace", "POST", "other_push"))
    assert site.post("dags/push/lane/open", {"integration_id": LANE}).status_code == 200


def test_a_dag_under_another_kombo_connection_and_rows_that_no_dag_has_any_more_lock_no_lane(
    site: Site, book: Book, dags: dict[str, Any]
) -> None:
    dags["dev_push"] = push_dag("dev_push", kombo_conn_id="kombo_dev")
    book.stage(VALID)
    book.stage(VALID, source="crm.deleted_long_ago")
    assert site.post("dags/push/lane/stop", {"integration_id": LANE}).status_code == 200


def test_a_dag_that_cannot_be_read_has_to_be_triggerable_where_it_ran_for_the_lane(
    site: Site, book: Book, rights: set[tuple[str, str, str]], dags: dict[str, Any]
) -> None:
    dags |= {"foreign": None, "other_push": None}
    book.stage(VALID)
    book.stage(VALID, source="crm.agencies")
    with book.ledger.transaction() as conn:
        staging.lock_source(conn, "crm.agencies")
        runs.note_counts(conn, "crm.agencies", "kombo_default", RunRef("other_push", "1"), {"": {}})
    assert site.post("dags/push/lane/stop", {"integration_id": LANE}).status_code == 403
    rights.add(("Grace", "POST", "other_push"))
    assert site.post("dags/push/lane/stop", {"integration_id": LANE}).status_code == 200


def test_a_dag_that_cannot_be_read_is_named_to_who_may_see_it_and_hides_no_other(
    site: Site, rights: set[tuple[str, str, str]], dags: dict[str, Any]
) -> None:
    dags["foreign"] = None
    assert [one["dag_id"] for one in site.get("pipelines").json()] == ["push"]
    assert site.get("unread").json() == []
    rights.add(("Grace", "GET", "foreign"))
    assert site.get("unread").json() == ["foreign"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        (JSON | {"Sec-Fetch-Site": "cross-site"}, 403),
        (JSON | {"Sec-Fetch-Site": "same-site"}, 403),
        (JSON | {"Content-Type": "text/plain"}, 415),
        (JSON | {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_a_post_from_another_site_is_refused(site: Site, book: Book, headers: dict[str, str], status: int) -> None:
    book.stage(VALID)
    for name, body in LOOKS + ACTS:
        assert site.post(f"dags/push/{name}", body, headers=headers).status_code == status
    with book.ledger.transaction() as conn:
        assert conn.execute(select(lane_events)).all() == []
