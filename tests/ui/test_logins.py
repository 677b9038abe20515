"""Who is answered what, by a real API server below a sub-path, with each of Airflow's own ways to log in.

FAB's provider is no dependency: `make test-fab` runs this with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, expect
from sqlalchemy import create_engine

from include.demo.environment import Airflow, Files, demo_connections, free_port
from include.demo.processes import Processes
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import LaneState, lane_states
from kombo_provider.ledger.ledger import Ledger
from tests.ui.conftest import wait_until
from tests.unit.ledger.book import VALID, Book
from tests.unit.ui.asked import ACTS, GETS, LANE, LOOKS, block

FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
HAS_FAB = find_spec("airflow.providers.fab") is not None
SOURCE, CANARY = "crm.applicants", "zoe.canary@example.com"
DAGS = """# airflow
from kombo_provider.pipeline import kombo_push_dag

for dag_id, source in (("push", "crm.applicants"), ("others_push", "crm.others")):
    globals()[dag_id] = kombo_push_dag(
        dag_id=dag_id, source=source, extract_sql="SELECT 1 AS applicant_id", write_back_table=None
    )
"""
SEES_PLUGINS = [["can_read", "Website"], ["can_read", "Plugins"]]
LOOK = [*SEES_PLUGINS, ["can_read", "DAG:push"], ["can_read", "DAG Runs"]]
ROLES = {
    "vera": LOOK,
    "grace": [*LOOK, ["can_edit", "DAG:push"], ["can_create", "DAG Runs"], ["can_edit", "DAG Runs"]],
    "mallory": [["can_read", "DAG:others_push"], ["can_read", "DAG Runs"]],
}
"""By user, as FAB knows them; SimpleAuthManager has no rights on single DAGs, so Mallory is not there."""
SIMPLE_ROLES = {"vera": "viewer", "grace": "user", "olga": "op", "ada": "admin"}
MIGRATE_SECONDS = 300.0


@dataclass
class Server:
    """An API server and the ledger that it shows; a password is the user's name."""

    url: str
    users: tuple[str, ...]
    book: Book

    def token(self, user: str) -> str:
        login = {"username": user, "password": user}
        answer = requests.post(f"{self.url}/auth/token", json=login, timeout=60)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def ask(self, user: str | None, path: str, body: Any = None, *, source: str = SOURCE, **more: Any) -> Any:
        headers = {"X-Kombo-Page": "1"} | ({"Authorization": f"Bearer {self.token(user)}"} if user else {})
        headers |= more.pop("headers", {})
        method = "GET" if body is None else "POST"
        query = {"source": source} | more.pop("query", {})
        asked = {"params": query, "headers": headers, "timeout": 60, **more}
        asked |= {} if body is None or "data" in more else {"json": body}
        return requests.request(method, f"{self.url}/kombo/api/{path}", **asked)

    def every_look(self, user: str | None) -> list[Any]:
        answers = [self.ask(user, f"dags/push/{name}", query=query) for name, query in GETS]
        return answers + [self.ask(user, f"dags/push/{name}", body) for name, body in LOOKS]

    def every_act(self, user: str | None, **more: Any) -> list[Any]:
        return [self.ask(user, f"dags/push/{name}", body, **more) for name, body in reversed(ACTS)]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SIMPLE, id="simple"),
        pytest.param(FAB, id="fab", marks=pytest.mark.skipif(not HAS_FAB, reason="make test-fab has FAB's provider")),
    ],
)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    files = Files(tmp_path_factory.mktemp("logins"))
    ledger = Ledger(create_engine(f"sqlite:///{files.warehouse}", **ENGINE_OPTIONS))
    ledger.ensure()
    book = Book(ledger)
    book.stage(VALID.but(payload=json.dumps({"email": CANARY})))
    book.stage(VALID.but(integration_id="lever:b"), source="crm.others")
    with ledger.transaction() as conn:
        lane_states.set_state(conn, "kombo_default", LANE, LaneState.BLOCKED, code="INTEGRATION.INACTIVE")
    with Processes(files.logs) as processes:
        url = _start(processes, files, str(request.param))
        users = tuple(SIMPLE_ROLES if request.param == SIMPLE else ROLES)
        yield Server(url, users, book)
    ledger.close()


def _start(processes: Processes, files: Files, auth_manager: str) -> str:
    """Start an API server over two serialized DAGs; return its address, which has a path."""
    dags, passwords = files.root / "dags", files.root / "passwords.json"
    dags.mkdir()
    (dags / "pushes.py").write_text(DAGS)
    passwords.write_text(json.dumps({name: name for name in SIMPLE_ROLES}))
    files.airflow_home.mkdir(parents=True)
    airflow = Airflow(files, port=free_port(), schedule=False, dags=dags)
    url = f"{airflow.url}/airflow"
    environment = airflow.environment(demo_connections(files, "http://127.0.0.1:1/v1")) | {
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__AUTH_MANAGER": auth_manager,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(map(":".join, SIMPLE_ROLES.items())),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }
    steps: dict[str, tuple[str, ...]] = {
        "migrate": ("airflow", "db", "migrate"),
        "dags": ("airflow", "dags", "reserialize"),
    }
    if auth_manager == FAB:
        steps["users"] = ("tests.ui.fab_users", json.dumps(ROLES))
    for name, command in steps.items():
        processes.start(name, command, environment)
        processes.finish(name, MIGRATE_SECONDS)
    processes.start("api-server", ("airflow", "api-server"), environment)
    wait_until(lambda: _is_up(processes, url), f"no API server: {processes.log('api-server')}", seconds=300)
    return url


def _is_up(processes: Processes, url: str) -> bool:
    processes.check()
    try:
        return requests.get(f"{url}/api/v2/monitor/health", timeout=5).ok
    except requests.RequestException:
        return False


def _statuses(answers: list[Any]) -> set[int]:
    return {answer.status_code for answer in answers}


def test_nobody_without_a_login_is_answered(server: Server) -> None:
    answers = [server.ask(None, "pipelines"), *server.every_look(None), *server.every_act(None)]
    assert _statuses(answers) == {401}


def test_who_may_see_another_dag_only_is_refused_this_one_and_sees_the_other(server: Server) -> None:
    if "mallory" not in server.users:
        pytest.skip("SimpleAuthManager knows no rights on single DAGs")
    assert _statuses([*server.every_look("mallory"), *server.every_act("mallory")]) == {403}
    assert [one["dag_id"] for one in server.ask("mallory", "pipelines").json()] == ["others_push"]
    assert [one["dag_id"] for one in server.ask("vera", "pipelines").json()] == ["push"]


def test_a_viewer_looks_and_does_not_act_and_no_answer_holds_an_applicant(server: Server) -> None:
    looks = [server.ask("vera", "pipelines"), *server.every_look("vera")]
    assert _statuses(looks) == {200}
    acts = server.every_act("vera")
    assert _statuses(acts) == {403}
    assert CANARY not in "".join(answer.text for answer in [*looks, *acts])


def test_a_form_of_another_site_is_refused_with_the_users_own_cookie(server: Server) -> None:
    cookie = {"_token": server.token("grace")}
    form = {"integration_id": LANE, "reason": "x"}
    for headers in ({}, {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}):
        for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
            answer = requests.post(
                f"{server.url}/kombo/api/dags/push/lane/stop?source={SOURCE}",
                data=json.dumps(form),
                headers=headers | {"Content-Type": kind},
                cookies=cookie,
                timeout=60,
            )
            assert answer.status_code in (403, 415)
    elsewhere = server.every_act("grace", headers={"Sec-Fetch-Site": "cross-site"})
    assert _statuses(elsewhere) == {403}
    with server.book.ledger.transaction() as conn:
        assert lane_states.own_status(conn, "kombo_default", LANE).state is LaneState.BLOCKED


def test_the_page_works_below_the_sub_path_and_hides_what_a_viewer_may_not_press(
    server: Server, browser: Browser
) -> None:
    errors: list[str] = []
    for user, buttons in (("vera", 0), ("grace", 1)):
        context = browser.new_context(locale="en-US")
        context.add_cookies([{"name": "_token", "value": server.token(user), "url": server.url}])
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{server.url}/plugin/kombo")
        page.get_by_role("table", name="Lanes").get_by_role("link", name=LANE).click()
        expect(page.get_by_role("heading", name=LANE)).to_be_visible(timeout=60_000)
        assert page.url.startswith(f"{server.url}/plugin/kombo?")
        expect(page.get_by_role("button", name="Stop")).to_have_count(buttons)
        context.close()
    assert errors == []


def test_who_may_trigger_acts_and_the_ledger_says_who(server: Server) -> None:
    actors = [user for user in server.users if user not in ("vera", "mallory")]
    for user in actors:
        block(server.book)
        answers = server.every_act(user)
        assert [answer.status_code for answer in answers] == [200] * len(ACTS), [answer.text for answer in answers]
    with server.book.ledger.engine.connect() as conn:
        done = conn.exec_driver_sql("SELECT action, actor_name FROM kombo_lane_events ORDER BY event_id").all()
    expected = [(action, user) for user in actors for action in ("replay", "snooze", "stop", "open")]
    assert [tuple(row) for row in done] == expected
