"""A ledger of many lanes and rows, with faults of each kind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from kombo_provider.ledger import LaneState, Ledger, lane_states
from kombo_provider.ledger._run_tables import runs
from kombo_provider.ledger._tables import deliveries

CONN = "kombo_default"
MARKUP = "<img src=x onerror=\"document.title='markup'\">"
CODES = ("REMOTE.SERVICE_UNAVAILABLE", "ATS.JOB_CLOSED", None, MARKUP)
PROBLEMS = json.dumps([{"field": "candidate__email_address", "problem": "is no e-mail address"}])
STANDING = (
    (LaneState.BLOCKED, "INTEGRATION.AUTHENTICATION_INVALID"),
    (LaneState.PAUSED, "REMOTE.SERVICE_UNAVAILABLE"),
    (LaneState.STOPPED, "person"),
)
"""How every tenth lane stands, in turn."""


def lane_name(number: int) -> str:
    """Return one of the fleet's integrations."""
    return f"greenhouse:{number:04}HWUTwvyx2wLoSUHphiWVrp28"


@dataclass(frozen=True, slots=True)
class Fleet:
    """How large a ledger is, and whose it is."""

    lanes: int
    rows: int
    runs_a_day: int
    source: str
    dag_id: str = "push"

    def fill(self, ledger: Ledger) -> None:
        """Of 20 rows 14 are delivered, 4 wait, Kombo and our checks refused one each; a few are in doubt or held."""
        for first in range(0, self.rows, 20_000):
            numbers = range(first, min(self.rows, first + 20_000))
            with ledger.transaction() as conn:
                conn.execute(deliveries.insert(), [self._delivery(number) for number in numbers])
        with ledger.transaction() as conn:
            for number in range(0, self.lanes, 10):
                state, code = STANDING[number // 10 % len(STANDING)]
                lane_states.set_state(conn, CONN, lane_name(number), state, code=code, log_url=_log_url(number))
        for day in range(30):
            with ledger.transaction() as conn:
                for hour in range(self.runs_a_day):
                    conn.execute(runs.insert(), [self._run(day, hour, lane) for lane in range(self.lanes)])
        with ledger.engine.connect() as conn:
            conn.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))

    def _delivery(self, number: int) -> dict[str, Any]:
        lane, kind = number % self.lanes, number // self.lanes % 20
        status = _status(number, kind)
        at = datetime.now(UTC) - timedelta(days=3) + timedelta(milliseconds=number)
        is_refused = status == "rejected"
        is_held = status == "ready" and lane % 200 == 3 and number % 3 == 0
        return {
            "source": self.source,
            "integration_id": lane_name(lane),
            "applicant_id": f"A-{number}",
            "status": status,
            "kombo_conn_id": CONN,
            "endpoint": "application",
            "payload": "x" * 300 if status == "ready" else None,
            "payload_sha256": f"{number:064}",
            "problems": PROBLEMS if status == "invalid" else None,
            "error_code": CODES[number % len(CODES)] if is_refused else None,
            "http_status": 503 if is_refused else None,
            "hold": "approval" if is_held else None,
            "log_url": _log_url(number) if is_refused else None,
            "staged_at": at,
            "sent_at": datetime.now(UTC) if status == "in_doubt" else None,
            "finished_at": at if status in ("delivered", "rejected", "invalid") else None,
            "dag_id": self.dag_id,
            "run_id": f"r{number % 720}",
        }

    def _run(self, day: int, hour: int, lane: int) -> dict[str, Any]:
        ended = datetime.now(UTC) - timedelta(days=day, hours=hour)
        statuses = {"delivered": 10 + (day * 7 + lane) % 40, "invalid": 1, "rejected": 1 + (day == 3) * 20}
        return {
            "source": self.source,
            "dag_id": self.dag_id,
            "run_id": f"{day} {hour}",
            "integration_id": lane_name(lane),
            "kombo_conn_id": CONN,
            "counts": "{}",
            "statuses": json.dumps(statuses),
            "p50_ms": 900,
            "p95_ms": 2_000,
            "began_at": ended - timedelta(minutes=5),
            "ended_at": ended,
        }


def _status(number: int, kind: int) -> str:
    if number % 5_003 == 0:
        return "in_doubt"
    if kind >= 18:
        return "rejected" if kind == 18 else "invalid"
    return "delivered" if kind < 14 else "ready"


def _log_url(number: int) -> str:
    """Return a page of Kombo's, or something that must never become a link."""
    return "javascript:document.title='link'" if number % 7 == 0 else "https://app.kombo.dev/logs/1"
