"""What users of Airflow, and those who run it, can read after runs: logs, errors, tables, answers, commands."""

from __future__ import annotations

import logging
import os
import traceback
from argparse import Namespace
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from airflow.api_fastapi.app import create_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from fastapi import FastAPI
from fastapi.testclient import TestClient

from kombo_provider.cli import checking, commands, failures, planning
from kombo_provider.ledger.lane_view import RowsOf
from kombo_provider.ui.access import PAGE_HEADER
from kombo_provider.ui.app import make_app
from tests.e2e.airflow_runs import Run
from tests.e2e.canaries import Place, files, sightings, tables, texts

NOISY = ("sqlalchemy.engine", "sqlalchemy.engine.Engine", "urllib3", "psycopg", "airflow", "kombo_provider")

_FORMATTER = logging.Formatter()


@contextmanager
def all_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let every logger say all it can, those too whose level Airflow sets."""
    before = {name: logging.getLogger(name).level for name in NOISY}
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


class Readable:
    """Everything that runs left behind; `may_be` names secrets and the places that are theirs."""

    def __init__(
        self,
        secrets: tuple[str, ...],
        capfd: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
        may_be: Collection[tuple[str, str]] = (),
    ) -> None:
        self.secrets, self.may_be = secrets, may_be
        self._capfd, self._caplog = capfd, caplog
        self._answers: dict[str, str] = {}

    def found(self, *runs: Run) -> list[tuple[str, str, bytes]]:
        """Return where a secret stands though it must not."""
        home = Path(os.environ["AIRFLOW_HOME"])
        seen = sightings(self.secrets, [*self._said(runs), *tables(home / "airflow.db"), *files(home / "logs")])
        return [each for each in seen if each[:2] not in self.may_be]

    def _said(self, runs: Iterable[Run]) -> Iterator[Place]:
        out, err = self._capfd.readouterr()
        errors = [error for run in runs for error in run.errors.values()]
        raised = "".join("".join(traceback.format_exception(error)) + repr(error) for error in errors)
        logs = {"log": "", "log of Airflow's engine": ""}
        for record in self._caplog.records:
            name = "log of Airflow's engine" if record.name == "sqlalchemy.engine.Engine" else "log"
            logs[name] += f"{_FORMATTER.format(record)}\n"
        yield from texts({"output": out, "errors": err, "exceptions": raised} | logs | self._answers)

    def ask_airflow(self, run: Run) -> None:
        """Keep what Airflow's own API says of a run to its UI."""
        of_run = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}"
        tasks = f"{of_run}/taskInstances"
        paths = [of_run, tasks, f"/api/v2/dags/{run.dag_id}/details", f"/api/v2/dagSources/{run.dag_id}"]
        paths += ["/api/v2/assets/events", "/api/v2/eventLogs", f"/ui/grid/runs/{run.dag_id}"]
        paths += [f"{tasks}/{name}/xcomEntries" for name in ("stage", "deliver", "write_back", "report")]
        paths.append(f"{tasks}/stage/xcomEntries/counts?deserialize=true")
        with _logged_in(create_app(apps="core")) as client:
            for path in paths:
                self._answers[path] = _answer(client.get(path))

    def ask_the_page(self, dag_id: str, source: str, integration_id: str, applicant_ids: Iterable[str]) -> None:
        """Keep what the page *Kombo* is told."""
        where, of_lane = {"source": source}, {"integration_id": integration_id}
        with _logged_in(make_app()) as client:
            for path in ("pipelines", f"dags/{dag_id}/fleet", f"dags/{dag_id}/days"):
                self._answers[path] = _answer(client.get(f"/api/{path}", params=where))
            self._answers["lane"] = _answer(client.get(f"/api/dags/{dag_id}/lane", params=where | of_lane))
            asked = [("rows", of_lane | {"what": what}) for what in get_args(RowsOf)]
            asked += [("row", {"applicant_id": name}) for name in applicant_ids]
            for number, (path, body) in enumerate(asked):
                answer = client.post(f"/api/dags/{dag_id}/{path}", json=body, params=where, headers={PAGE_HEADER: "1"})
                self._answers[f"{path} {number}"] = _answer(answer)

    def ask_the_commands(self, dag_id: str, applicant_ids: Iterable[str]) -> None:
        """Run the commands that print; what they say is taken from the output."""
        unsaid = {"verbose": True, "conf": None, "dag_id": dag_id, "integration_id": None, "kombo_conn_id": None}
        today = datetime.now(UTC)
        span = {"from_date": today - timedelta(days=9), "to_date": today}
        called: list[tuple[Any, dict[str, Any]]] = [
            (commands.explain, {"applicant_id": applicant_id}) for applicant_id in applicant_ids
        ]
        for output in ("table", "json", "csv"):
            called += [(failures.failed, {}), (commands.lanes, {"action": "list"}), (checking.doctor, {})]
            called = [(command, {"output": output} | given) for command, given in called]
        called.append((planning.plan, {"output": "json", **span}))
        for command, given in called:
            try:
                command(Namespace(**unsaid | given))
            except SystemExit as exc:
                self._answers[f"{command.__name__} {given}"] = str(exc)


@contextmanager
def _logged_in(app: FastAPI) -> Iterator[TestClient]:
    app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="Grace", role="admin")
    with TestClient(app) as client:
        yield client


def _answer(response: Any) -> str:
    assert response.status_code == 200, (response.url, response.text)
    return str(response.text)
