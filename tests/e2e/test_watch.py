"""The watch tells of a whole week's faults by mail: each once, and each ending once, with Airflow's own notifier."""

from __future__ import annotations

import html
import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.models.dag import DagModel
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor
from airflow.utils.session import create_session

from kombo_provider.errors import LedgerError, NotifierError
from kombo_provider.pipeline import kombo_watch_dag
from kombo_sandbox.testing import Sandbox
from tests.conftest import MADE_DAGS
from tests.e2e.conftest import GREENHOUSE, MakesPipelines, Warehouse, run_dag
from tests.e2e.mailbox import PASSWORD, Mailbox, mailbox
from tests.e2e.test_killed_run import _run_in_a_process_of_its_own

CODE = "INTEGRATION.AUTHENTICATION_INVALID"
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
LANES = [f"lever:{number}" for number in range(10)]
SNOOZED = LANES[0]
MAILS: dict[str, Any] = {"from_email": "airflow@example.com", "to": "team@example.com"}


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with mailbox() as (box, connection):
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", connection)
        yield box


class Week:
    """A watch with Airflow's notifier for mails, and a clock that starts now and is wound by the test."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse, self.begin = warehouse, datetime.now(UTC)
        self.at = self.begin
        notifier = SmtpNotifier(**MAILS, subject="{{ kombo.subject }}", html_content="{{ kombo.text }}")
        self.dag = kombo_watch_dag(dag_id="watch", notifiers=[notifier])
        task: Any = self.dag.get_task("watch")
        self.watch = task
        task.clock = lambda _conn: self.at

    def look(self) -> None:
        """Watch once, now."""
        self.watch.execute({"dag": self.dag, "ti": _AsksAirflow()})

    def until(self, end: datetime) -> None:
        """Watch every hour until then."""
        while self.at < end:
            self.at += HOUR
            self.look()

    def lane(self, name: str, state: str, code: str | None = None, snoozed_until: datetime | None = None) -> None:
        """Have a lane stand, or open it."""
        values = ("kombo_default", name, state, code, _text(self.at), _text(snoozed_until), code)
        self.warehouse.execute(
            "INSERT OR REPLACE INTO kombo_lanes (kombo_conn_id, integration_id, state, code, since, snoozed_until, "
            "snoozed_code, pauses, lease_epoch) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)",
            values,
        )

    def runs(
        self, source: str, begins: list[datetime], extracted: int = 900, new: int = 50, dag_id: str | None = None
    ) -> None:
        """Have runs of a source, as `stage` and `report` leave them."""
        self.warehouse.execute("INSERT OR IGNORE INTO kombo_sources (source) VALUES (?)", (source,))
        parts = {"": {"extracted": extracted}, f"customer:of:{source}": {"new": new}}
        rows = [
            (
                source,
                dag_id or f"push_{source}",
                f"scheduled__{at}",
                name,
                "kombo_default",
                json.dumps(counts),
                *_times(at),
            )
            for at in begins
            for name, counts in parts.items()
        ]
        with closing(sqlite3.connect(self.warehouse.path, timeout=30)) as connection, connection:
            connection.executemany(
                "INSERT INTO kombo_runs (source, dag_id, run_id, integration_id, kombo_conn_id, counts, statuses, "
                "began_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, '{}', ?, ?)",
                rows,
            )

    def days(self, first: int, last: int) -> list[datetime]:
        """Return the begins of a daily run, by days from the beginning of the week."""
        return [self.begin + day * DAY + HOUR for day in range(first, last)]


class _AsksAirflow:
    """What a task instance answers about DAGs: what Airflow's API for tasks says, from its database."""

    def __init__(self) -> None:
        self._api = InProcessTestSupervisor._api_client()

    def get_dag(self, dag_id: str) -> Any:
        return self._api.dags.get(dag_id)


def pause(dag_id: str, *, paused: bool) -> None:
    """Pause or unpause a DAG as Airflow's UI does."""
    with create_session() as session:
        model = session.get(DagModel, dag_id)
        assert model is not None
        model.is_paused = paused


def _text(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") if at else None


def _times(at: datetime) -> tuple[str | None, str | None]:
    return _text(at), _text(at + timedelta(minutes=3))


def kill_a_run(dag_id: str, warehouse: Warehouse, sandbox: Sandbox) -> None:
    """Kill a run by SIGKILL while five of its requests are on the wire."""
    for number in range(5):
        warehouse.add(number)
    sandbox.config(latency_seconds=2)
    with _run_in_a_process_of_its_own(dag_id) as process:
        while not _all_on_the_wire(warehouse):
            assert process.poll() is None, "the process ended before it was killed"
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    sandbox.config(latency_seconds=0)


def _all_on_the_wire(warehouse: Warehouse) -> bool:
    """Tell whether no row waits any more and one at least has no answer yet; the ledger may not be there."""
    try:
        return warehouse.statuses().keys() - {"delivered"} == {"sending"}
    except sqlite3.OperationalError:
        return False


def test_a_week_of_faults_makes_one_mail_for_each_and_one_for_each_ending(
    warehouse: Warehouse,
    sandbox: Sandbox,
    pipeline: MakesPipelines,
    mails: Mailbox,
) -> None:
    killed, paused = pipeline(), pipeline()
    kill_a_run(killed, warehouse, sandbox)
    week = Week(warehouse)
    for name in LANES:
        week.lane(name, "blocked", CODE, week.begin + 8 * DAY if name == SNOOZED else None)
    week.runs("paused", [week.begin - hours * HOUR for hours in range(72)], dag_id=paused)
    pause(paused, paused=True)
    week.runs("empty", [*week.days(-29, 2), *week.days(3, 8)])
    week.runs("empty", week.days(2, 3), extracted=0, new=0)
    week.runs("tenfold", [*week.days(-29, 4), *week.days(5, 8)])
    week.runs("tenfold", week.days(4, 5), new=500)

    for day, name in enumerate(LANES[1:7]):
        week.until(week.begin + (day + 0.5) * DAY)
        week.lane(name, "open")
        if day == 2:
            warehouse.execute("UPDATE kombo_lanes SET lease_expires_at = '2000-01-01 00:00:00.000000'")
            run_dag(killed)
        if day == 3:
            warehouse.execute("UPDATE kombo_deliveries SET status = 'delivered' WHERE status = 'in_doubt'")
        if day == 5:
            pause(paused, paused=False)
            week.runs("paused", [week.begin + hours * HOUR for hours in range(132, 180)], dag_id=paused)
    for name in (SNOOZED, *LANES[7:]):
        week.lane(name, "open")
    week.until(week.begin + WEEK)

    told = [
        *(f"Integration {name} is blocked ({CODE})" for name in LANES if name != SNOOZED),
        f"DAG {killed} died before its report",
        f"Integration {GREENHOUSE} has old doubts",
        f"DAG {paused} does not run",
        "Source empty went empty",
        "Integration customer:of:tenfold brings far more new rows than usual",
    ]
    assert mails.subjects() == sorted([*told, *(f"Over: {one}" for one in told)])
    (unpause,) = [text for text in mails.texts() if text.startswith(f"DAG {paused} does not run")]
    assert "It is paused." in unpause
    assert "Unpause the DAG" in unpause
    assert not [text for text in mails.texts() if "a-1" in text], "no applicant id"


NASTY = "{{ conn.smtp_default.password }}{{ 7 * 7 }} <!channel> <script>alert(1)</script>\r\nBcc: all@example.com"


def test_two_mails_in_a_row_hold_outside_text_as_text(
    warehouse: Warehouse, mails: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dag()
    week = Week(warehouse)
    for name in ("a", "b"):
        week.lane(name, "blocked", NASTY)
        warehouse.execute("UPDATE kombo_lanes SET code = ? WHERE integration_id = ?", (NASTY, name))
    week.look()
    assert len(mails.mails) == 2
    for mail, text in zip(mails.mails, mails.texts(), strict=True):
        whole = f"{mail['subject']} {html.unescape(text)}"
        assert PASSWORD not in whole
        assert "49" not in str(mail["subject"])
        assert "conn.smtp_default.password" in whole, "it is text"
        assert "<script" not in text
        assert "<!channel" not in whole
        assert mail["bcc"] is None


def test_mails_that_the_server_refuses_come_with_the_next_watch_and_the_task_is_red(
    warehouse: Warehouse, mails: Mailbox
) -> None:
    run_dag()
    week = Week(warehouse)
    week.lane("a", "blocked", CODE)
    mails.refuses = True
    with pytest.raises(NotifierError, match="SmtpNotifier 1: SMTP"):
        week.look()
    mails.refuses = False
    week.look()
    week.look()
    assert mails.subjects() == [f"Integration a is blocked ({CODE})"]


_FILE = """# Airflow reads only files that hold the words airflow and dag.
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from kombo_provider.pipeline import kombo_watch_dag

notifier = SmtpNotifier(
    from_email="a@example.com", to="b@example.com", subject="{{ kombo.subject }}", html_content="{{ kombo.text }}"
)
dag = kombo_watch_dag(dag_id="made_watch", notifiers=[notifier], schedule=None)
"""


@pytest.fixture
def watch_dag() -> Iterator[str]:
    file = Path(MADE_DAGS / "made_watch.py")
    file.write_text(_FILE)
    yield "made_watch"
    file.unlink()


def test_a_watch_runs_as_a_dag_and_airflow_tells_it_that_a_run_is_over(
    warehouse: Warehouse, sandbox: Sandbox, mails: Mailbox, watch_dag: str
) -> None:
    assert run_dag(watch_dag).state == "success", "there is no ledger yet"
    warehouse.add(1)
    push = run_dag()
    warehouse.execute("UPDATE kombo_runs SET ended_at = NULL, statuses = NULL")
    watched = run_dag(watch_dag)
    assert watched.state == "success", watched.errors
    assert mails.subjects() == [f"DAG {push.dag_id} died before its report"]
    assert run_dag(watch_dag).state == "success"
    assert len(mails.mails) == 1


def test_a_watch_without_its_ledger_is_red_and_tells_nobody(
    warehouse: Warehouse, mails: Mailbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    week = Week(warehouse)
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all, but for long enough to be read as one" * 100)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DEFAULT", json.dumps({"conn_type": "sqlite", "host": str(broken)}))
    with pytest.raises(LedgerError):
        week.look()
    assert mails.mails == []
