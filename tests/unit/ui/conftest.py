"""The page's application over a ledger in both databases, and users with rights on some DAGs."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from fastapi import HTTPException, Request
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, make_url

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.deployment import KnownPipelines
from kombo_provider.ledger.ledger import Ledger
from kombo_provider.operators.create import KomboCreateApplicationOperator
from kombo_provider.ui.access import PAGE_HEADER
from kombo_provider.ui.app import make_app
from kombo_provider.ui.bounded import BoundedWork
from tests.e2e.conftest import _make_airflow_database
from tests.unit.ledger.book import Book

SOURCE = "crm.applicants"
JSON = {PAGE_HEADER: "1"}


class RightsByDag(SimpleAuthManager):
    """Who may do what on which DAG, as FAB's roles say it: `(user, method, dag_id)`."""

    rights: set[tuple[str, str, str]]

    def is_authorized_dag(self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        return (user.get_name(), method, details.id) in self.rights


@pytest.fixture(scope="session")
def _airflow_database() -> None:
    _make_airflow_database()


@pytest.fixture
def rights(_airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str, str]]:
    """Rights that a test gives; nobody has any at first."""
    manager = RightsByDag()
    manager.rights = set()
    monkeypatch.setattr(airflow_app._AuthManagerState, "instance", manager)
    return manager.rights


def connection(url: str) -> str:
    """Return a database's URL as an Airflow connection."""
    parts = make_url(url)
    if parts.drivername == "sqlite":
        return json.dumps({"conn_type": "sqlite", "host": parts.database})
    host = parts.query.get("host") or parts.host
    fields = {"host": host, "port": parts.port, "login": parts.username, "password": parts.password}
    return json.dumps({"conn_type": "postgres", "schema": parts.database, **fields})


def push_dag(dag_id: str, source: str = SOURCE, **more: Any) -> Any:
    """Return a DAG with a task of ours, as if Airflow had stored it."""
    from airflow.sdk import DAG, Param

    params = {"replay": Param([])} if more.pop("pushes", True) else {}
    with DAG(dag_id, schedule=None, params=params) as dag:
        KomboCreateApplicationOperator(task_id="t", source=source, applicant_id="1", job_id="j", body={}, **more)
    return dag


def known_pipelines(dags: dict[str, Any], *, seconds: float) -> KnownPipelines:
    """Return what the page knows of these DAGs; one that is put in another's place is as if stored anew.

    None stands for a DAG that cannot be read.
    """

    def read(names: Collection[str]) -> dict[str, Any]:
        return {name: dags[name] for name in names if dags[name] is not None}

    return KnownPipelines(read, lambda: {name: id(dag) for name, dag in dags.items()}, seconds=seconds)


@dataclass
class Site:
    """The application, as a user's browser asks it."""

    client: TestClient
    dags: dict[str, Any]
    user: str | None = "Grace"
    requests: list[str] = field(default_factory=list)

    def get(self, path: str, **query: Any) -> Any:
        return self._send("GET", path, query)

    def post(self, path: str, body: Any = None, *, headers: Any = JSON, **query: Any) -> Any:
        return self._send("POST", path, query, json=body or {}, headers=headers)

    def _send(self, method: str, path: str, query: dict[str, Any], **more: Any) -> Any:
        query = {"source": SOURCE} | query
        return self.client.request(method, f"/api/{path}", params=query, **more)


@pytest.fixture
def dags() -> dict[str, Any]:
    """The deployment's DAGs; a test may add some."""
    return {"push": push_dag("push")}


@pytest.fixture
def site(
    dags: dict[str, Any],
    rights: set[tuple[str, str, str]],
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DEFAULT", connection(database_url))
    rights |= {("Grace", "GET", "push"), ("Grace", "POST", "push"), ("Vera", "GET", "push")}
    app = make_app(known=known_pipelines(dags, seconds=0), work=BoundedWork(seconds=5))
    with TestClient(app) as client:
        visited = Site(client, dags)

        def logged_in(request: Request) -> SimpleAuthManagerUser:
            if visited.user is None:
                raise HTTPException(401, "Not authenticated")
            return SimpleAuthManagerUser(username=visited.user, role="user")

        app.dependency_overrides[get_user] = logged_in
        yield visited


@pytest.fixture
def book(database_url: str) -> Iterator[Book]:
    """The ledger that the site shows."""
    ledger = Ledger(create_engine(database_url, **ENGINE_OPTIONS))
    ledger.ensure()
    yield Book(ledger)
    ledger.close()


Triggered = list[dict[str, Any]]
MakeSite = Callable[..., Site]
