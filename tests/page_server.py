"""The page's application over a ledger of one's choice, asked by someone who may see and do everything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests import conftest

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

__all__ = ["conftest", "page_of"]  # importing conftest gives Airflow a home of its own, so it comes before Airflow


@contextmanager
def page_of(url: str, source: str) -> Iterator[TestClient]:
    """Serve the page of a DAG `push` with the source, whose ledger lies at a URL."""
    from airflow.api_fastapi import app as airflow_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi.testclient import TestClient

    from kombo_provider.ui.app import make_app
    from kombo_provider.ui.bounded import BoundedWork
    from tests.e2e.conftest import _make_airflow_database
    from tests.unit.ui.conftest import JSON, RightsByDag, connection, known_pipelines, push_dag

    _make_airflow_database()
    os.environ["AIRFLOW_CONN_WAREHOUSE_DEFAULT"] = connection(url)
    manager = RightsByDag()
    manager.rights = {("bench", method, "push") for method in ("GET", "POST")}
    airflow_app._AuthManagerState.instance = manager
    dags = {"push": push_dag("push", source)}
    app = make_app(known=known_pipelines(dags, seconds=3600), work=BoundedWork())
    app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="bench", role="user")
    with TestClient(app, headers=JSON) as client:
        yield client
