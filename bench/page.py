"""`python -m bench.page`: how long the page's questions take on a ledger of 1,000 lanes and 1,000,000 rows."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, text

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import LaneState, Ledger, lane_states, lane_view, overview
from kombo_provider.ledger._run_tables import runs
from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.reader import LedgerReader
from tests.page_server import page_of
from tests.postgres import PostgresServer

SOURCE, CONN = "crm.applicants", "kombo_default"
REPETITIONS = 5
CODES = ("REMOTE.SERVICE_UNAVAILABLE", "ATS.JOB_CLOSED", None)
STANDING = (
    (LaneState.BLOCKED, "INTEGRATION.AUTHENTICATION_INVALID"),
    (LaneState.PAUSED, "REMOTE.SERVICE_UNAVAILABLE"),
    (LaneState.STOPPED, "person"),
)
"""How every tenth lane stands, in turn."""


def lane_name(number: int) -> str:
    """Return one of the fleet's integrations."""
    return f"greenhouse:{number:04}HWUTwvyx2wLoSUHphiWVrp28"


def fill(ledger: Ledger, lanes: int, rows: int, runs_a_day: int) -> None:
    """Fill a ledger: of 20 rows 14 delivered, 4 waiting, one refused by Kombo, one by our checks; a few in doubt."""
    for first in range(0, rows, 20_000):
        numbers = range(first, min(rows, first + 20_000))
        with ledger.transaction() as conn:
            conn.execute(deliveries.insert(), [_delivery(number, lanes) for number in numbers])
    with ledger.transaction() as conn:
        for number in range(0, lanes, 10):
            state, code = STANDING[number // 10 % len(STANDING)]
            lane_states.set_state(conn, CONN, lane_name(number), state, code=code)
    for day in range(30):
        with ledger.transaction() as conn:
            conn.execute(runs.insert(), [_run(day, hour, lane) for hour in range(runs_a_day) for lane in range(lanes)])
    with ledger.engine.connect() as conn:
        conn.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))


def _delivery(number: int, lanes: int) -> dict[str, Any]:
    kind, at = number // lanes % 20, datetime(2026, 11, 1, tzinfo=UTC)
    status = "delivered" if kind < 14 else "ready"
    if kind >= 18:
        status = "rejected" if kind == 18 else "invalid"
    if number % 5_003 == 0:
        status = "in_doubt"
    code = CODES[number % 3] if status == "rejected" else None
    return {
        "source": SOURCE,
        "integration_id": lane_name(number % lanes),
        "applicant_id": f"A-{number}",
        "status": status,
        "kombo_conn_id": CONN,
        "endpoint": "application",
        "payload": "x" * 300 if status == "ready" else None,
        "payload_sha256": f"{number:064}",
        "error_code": code,
        "http_status": 503 if status == "rejected" else None,
        "hold": "approval" if status == "ready" and number % 97 == 0 else None,
        "log_url": "https://app.kombo.dev/logs/1" if status == "rejected" else None,
        "staged_at": at + timedelta(milliseconds=number),
        "sent_at": at if status == "in_doubt" else None,
        "finished_at": at if status in ("delivered", "rejected") else None,
        "dag_id": "push",
        "run_id": f"r{number % 720}",
    }


def _run(day: int, hour: int, lane: int) -> dict[str, Any]:
    ended = datetime.now(UTC) - timedelta(days=day, hours=hour)
    return {
        "source": SOURCE,
        "dag_id": "push",
        "run_id": f"{day} {hour}",
        "integration_id": lane_name(lane),
        "kombo_conn_id": CONN,
        "counts": "{}",
        "statuses": json.dumps({"delivered": 30, "invalid": 1, "rejected": 1}),
        "p50_ms": 900,
        "p95_ms": 2_000,
        "began_at": ended - timedelta(minutes=5),
        "ended_at": ended,
    }


def questions(lanes: int) -> dict[str, Callable[[Connection], object]]:
    """What each view asks the ledger."""
    since, today = overview.first_day_shown(datetime.now(UTC)), overview.today(datetime.now(UTC))
    lane, shown = lane_name(10), [lane_name(number) for number in range(25)]

    def fleet(conn: Connection) -> object:
        found = overview.lane_numbers(conn, SOURCE, CONN), overview.stops(conn, CONN)
        assert len(found[0]) == lanes
        return found

    def one_lane(conn: Connection) -> object:
        return (
            overview.lane_numbers(conn, SOURCE, CONN, lane),
            overview.days_of_lanes(conn, SOURCE, [lane], since),
            lane_view.recent_runs(conn, SOURCE, lane),
            lane_view.codes(conn, SOURCE, lane),
            overview.sources_on(conn, lane, [SOURCE]),
        )

    def row(conn: Connection) -> object:
        found = lane_view.find(conn, SOURCE, "A-18010", None)
        assert len(found) == 1
        return found, overview.lane_numbers(conn, SOURCE, CONN, found[0]["integration_id"])

    return {
        "fleet": fleet,
        "fleet, bars of a day": lambda conn: overview.day(conn, SOURCE, today),
        "fleet, bars of 25 lanes": lambda conn: overview.days_of_lanes(conn, SOURCE, shown, since),
        "lane": one_lane,
        "lane, refused rows": lambda conn: lane_view.rows(conn, (SOURCE, CONN, lane), "invalid"),
        "lane, waiting rows": lambda conn: lane_view.rows(conn, (SOURCE, CONN, lane), "waiting"),
        "row": row,
    }


def measure(url: str, lanes: int, rows: int, runs_a_day: int) -> dict[str, float]:
    """Return the median milliseconds of each question, opening the ledger included."""
    ledger = Ledger(create_engine(url, **ENGINE_OPTIONS))
    ledger.ensure()
    fill(ledger, lanes, rows, runs_a_day)
    ledger.close()
    return {name: _median_ms(url, ask) for name, ask in questions(lanes).items()}


def serve(url: str) -> dict[str, float]:
    """Return the median milliseconds of the server's own for each view, by the header that browsers show."""
    lane, query = lane_name(10), f"source={SOURCE}"
    asked: dict[str, tuple[str, str, Any]] = {
        "served: fleet": ("GET", f"fleet?{query}", None),
        "served: lane": ("GET", f"lane?{query}&integration_id={lane}", None),
        "served: refused rows": ("POST", f"rows?{query}", {"integration_id": lane, "what": "invalid"}),
        "served: row": ("POST", f"row?{query}", {"applicant_id": "A-18010"}),
    }
    with page_of(url, SOURCE) as client:
        return {name: _served_ms(client, *one) for name, one in asked.items()}


def _served_ms(client: Any, method: str, path: str, body: Any) -> float:
    taken = []
    for _ in range(REPETITIONS):
        answer = client.request(method, f"/api/dags/push/{path}", json=body)
        assert answer.status_code == 200, answer.text
        assert "problem" not in answer.json(), answer.text
        taken.append(float(answer.headers["server-timing"].partition("dur=")[2]))
    return statistics.median(taken)


def _median_ms(url: str, ask: Callable[[Connection], object]) -> float:
    taken = []
    for _ in range(REPETITIONS):
        began = time.perf_counter()
        engine = create_engine(url, **ENGINE_OPTIONS)
        with LedgerReader(engine, seconds=60).transaction() as conn:
            ask(conn)
        engine.dispose()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    parser.add_argument("--lanes", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs-a-day", type=int, default=24, help="of every lane")
    asked = parser.parse_args()
    server = PostgresServer()
    try:
        with tempfile.TemporaryDirectory(prefix="kombo-bench-") as folder:
            urls = {"SQLite": f"sqlite:///{Path(folder) / 'l.db'}", "PostgreSQL": server.url(server.lend_database())}
            for name, url in urls.items():
                found = measure(url, asked.lanes, asked.rows, asked.runs_a_day) | serve(url)
                for question, ms in found.items():
                    print(f"{name:12} {question:26} {ms:8.0f} ms", flush=True)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
