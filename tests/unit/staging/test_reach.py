"""Which rows of an extract are taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kombo_provider.mapping import MappedRow
from kombo_provider.source.window import Window
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.reach import Reach

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _row(applicant_id: str, changed_at: datetime | None) -> MappedRow:
    return MappedRow("ats", applicant_id, "job", "{}", "hash", None, changed_at, None, False, None, False)


def _ids(rows: list[MappedRow]) -> list[str | None]:
    return [row.applicant_id for row in rows]


def test_a_chunk_within_the_window_is_taken_whole_and_says_how_far_it_reaches() -> None:
    reach = Reach(Window(NOON, NOON + HOUR))
    taken, not_yet = reach.take([_row("1", NOON), _row("2", NOON + HOUR / 2), _row("3", None)])
    assert (_ids(taken), not_yet, reach.greatest) == (["1", "2", "3"], [], NOON + HOUR / 2)


def test_rows_of_the_future_are_told_apart_and_reach_nowhere() -> None:
    reach = Reach(Window(None, NOON), now=NOON)
    taken, not_yet = reach.take([_row("1", NOON - HOUR), _row("2", NOON + HOUR)])
    assert (_ids(taken), _ids(not_yet), reach.greatest) == (["1"], ["2"], NOON - HOUR)


def test_a_replayed_row_is_taken_from_outside_the_window_and_reaches_nowhere() -> None:
    reach = Reach(Window(NOON, NOON + HOUR), replayed={("ats", "1")})
    taken, _ = reach.take([_row("1", NOON - HOUR), _row("2", NOON - HOUR)])
    assert (_ids(taken), reach.greatest, reach.cut) == (["1"], None, Window())


def test_a_narrowed_run_takes_only_what_it_was_asked_for() -> None:
    reach = Reach(Window(NOON, NOON + HOUR), Narrowing(applicant_ids=frozenset({"2"})))
    taken, _ = reach.take([_row("1", NOON), _row("2", NOON)])
    assert _ids(taken) == ["2"]
