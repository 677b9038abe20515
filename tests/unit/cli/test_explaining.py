"""What `airflow kombo explain` says of a row, in words that a person can act on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kombo_provider.cli.explaining import explain, planned
from kombo_provider.ledger import Hold, LaneState, Status
from kombo_provider.ledger.lane_states import LaneStatus
from kombo_provider.mapping import MappedRow
from kombo_provider.operators.settings import PushSettings
from tests.unit.mapping.one_row import map_row

PUSH = PushSettings(source="crm", extract_sql="SELECT 1", defined_in=__file__, write_back_table=None)
NEW: tuple[str, Status | None] = ("new", Status.READY)


def _row(**columns: Any) -> MappedRow:
    return map_row(columns)


def _ledger_line(**fields: Any) -> str:
    delivery = {
        "integration_id": "i",
        "status": "ready",
        "attempts": 0,
        "problems": None,
        "hold": None,
        **dict.fromkeys(("error_code", "http_status", "log_url", "resolution")),
        **dict.fromkeys(("kombo_application_id", "written_back_at")),
    } | fields
    lanes = {"i": LaneStatus(LaneState.OPEN, None, None, None, None, 0)}
    return "\n".join(explain(PUSH, [], [], [delivery], {"i": []}, lanes, None))


@pytest.mark.parametrize(
    ("hold", "words"),
    [
        (Hold.APPROVAL, "confirm_rows"),
        (Hold.HAS_ID, "already_sent"),
        (Hold.HAS_ID, "empty the id"),
        (Hold.UNDECIDED, "the next run decides"),
    ],
)
def test_a_held_row_says_what_ends_its_hold(hold: Hold, words: str) -> None:
    said = _ledger_line(hold=hold)
    assert words in said
    assert "the next run of the DAG sends it" not in said


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "rejected", "error_code": "HTTP 403"}, 'replay=["HTTP 403"]'),
        ({"status": "invalid"}, 'replay=["invalid"]'),
    ],
)
def test_a_refused_row_says_how_it_is_tried_again(fields: dict[str, Any], words: str) -> None:
    assert words in _ledger_line(**fields)


def test_a_row_of_the_future_is_not_said_to_be_sent() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    later = _row(changed_at=at + timedelta(days=1))
    assert [would for _, would in planned([later], [NEW], at)] == ["nothing yet: its changed_at lies in the future"]


def test_a_second_row_of_a_key_is_said_to_be_left_out() -> None:
    rows = [_row(), _row()]
    first, second = [would for _, would in planned(rows, [NEW, NEW], datetime(2026, 3, 1, tzinfo=UTC))]
    assert first == "it enters the ledger and is sent"
    assert "left out as a duplicate" in second
