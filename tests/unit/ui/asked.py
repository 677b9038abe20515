"""What tests ask the page's routes for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from kombo_provider.ledger import LaneState, lane_states
from tests.unit.ledger.book import Book
from tests.unit.ui.conftest import Site

LANE = "greenhouse:a"
GETS: list[tuple[str, dict[str, Any]]] = [("fleet", {}), ("days", {}), ("lane", {"integration_id": LANE})]
LOOKS: list[tuple[str, dict[str, Any]]] = [
    ("days", {"integration_ids": [LANE]}),
    ("rows", {"integration_id": LANE, "what": "waiting"}),
    ("row", {"applicant_id": "1"}),
]
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
ACTS: list[tuple[str, dict[str, Any]]] = [
    ("lane/open", {"integration_id": LANE}),
    ("lane/stop", {"integration_id": LANE, "reason": "asked"}),
    ("snooze", {"integration_id": LANE, "until": TOMORROW, "reason": "known"}),
    ("replay", {"integration_id": LANE, "code": "REMOTE.X"}),
]


def block(book: Book, code: str = "INTEGRATION.INACTIVE", log_url: str | None = None) -> None:
    with book.ledger.transaction() as conn:
        lane_states.set_state(conn, "kombo_default", LANE, LaneState.BLOCKED, code=code, log_url=log_url)


def every_route(site: Site) -> list[Any]:
    answers = [site.get(f"dags/push/{name}", **query) for name, query in GETS]
    answers += [site.post(f"dags/push/{name}", body) for name, body in LOOKS + ACTS]
    return answers
