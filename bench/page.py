"""`python -m bench.page`: how long the page's questions take on a ledger of 1,000 lanes and 1,000,000 rows.

With `--browser` the page itself is used there, in a browser: timed, looked at in light and dark, and clicked.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine

from bench.fleet import CONN, Fleet, lane_name
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger, lane_view, overview, past_days
from kombo_provider.ledger.reader import LedgerReader
from tests.page_server import page_of
from tests.postgres import PostgresServer

SOURCE = "crm.applicants"
REPETITIONS = 5


def questions(lanes: int) -> dict[str, Callable[[Connection], object]]:
    """What each view asks the ledger."""
    since, today = past_days.first_day_shown(datetime.now(UTC)), past_days.today(datetime.now(UTC))
    lane, shown = lane_name(10), [lane_name(number) for number in range(25)]

    def fleet(conn: Connection) -> object:
        found = overview.lane_numbers(conn, SOURCE, CONN), overview.stops(conn, CONN)
        assert len(found[0]) == lanes
        return found

    def one_lane(conn: Connection) -> object:
        return (
            overview.lane_numbers(conn, SOURCE, CONN, lane),
            past_days.days_of_lanes(conn, SOURCE, [lane], since),
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
        "fleet, bars of a day": lambda conn: past_days.day(conn, SOURCE, today),
        "fleet, bars of 25 lanes": lambda conn: past_days.days_of_lanes(conn, SOURCE, shown, since),
        "lane": one_lane,
        "lane, refused rows": lambda conn: lane_view.rows(conn, (SOURCE, CONN, lane), "invalid"),
        "lane, waiting rows": lambda conn: lane_view.rows(conn, (SOURCE, CONN, lane), "waiting"),
        "row": row,
    }


def measure(url: str, fleet: Fleet) -> dict[str, float]:
    """Return the median milliseconds of each question, opening the ledger included."""
    ledger = Ledger(create_engine(url, **ENGINE_OPTIONS))
    ledger.ensure()
    fleet.fill(ledger)
    ledger.close()
    return {name: _median_ms(url, ask) for name, ask in questions(fleet.lanes).items()}


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
    parser.add_argument("--browser", action="store_true", help="use the page in Chromium instead; takes minutes")
    parser.add_argument("--pictures", type=Path, help="with --browser: where its pictures go")
    asked = parser.parse_args()
    if asked.browser:
        from bench.page_browser import use_the_page  # pytest's and Playwright's imports are not for everyone

        use_the_page(asked.lanes, asked.rows, asked.runs_a_day, asked.pictures)
    else:
        _measure_both(Fleet(asked.lanes, asked.rows, asked.runs_a_day, SOURCE))


def _measure_both(fleet: Fleet) -> None:
    server = PostgresServer()
    try:
        with tempfile.TemporaryDirectory(prefix="kombo-bench-") as folder:
            urls = {"SQLite": f"sqlite:///{Path(folder) / 'l.db'}", "PostgreSQL": server.url(server.lend_database())}
            for name, url in urls.items():
                found = measure(url, fleet) | serve(url)
                for question, ms in found.items():
                    print(f"{name:12} {question:26} {ms:8.0f} ms", flush=True)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
