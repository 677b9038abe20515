"""Which delivery has a row of the target to itself: pure, no database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kombo_provider.ledger.delivered_ids import DeliveredIds
from kombo_provider.ledger.kombo_ids import KomboIds

Pair = tuple[str, str]
"""Integration id and applicant id."""


BLANK = " "
"""What every id is greater than: a column may have an empty text where there is none."""


class Found(NamedTuple):
    """Rows of the target that one key, named by its number, converts to.

    `printed` is the key as the columns print it, `exact` tells whether that is the text of the key. `ids` are
    those that stand there already, `dated` tells whether an instant of delivery does.
    """

    number: int
    printed: tuple[str | None, ...]
    exact: bool
    rows: int
    ids: KomboIds
    dated: bool


def ids_there(values: Sequence[Any]) -> KomboIds:
    """Return the ids of a row: an empty text, or one of blanks, is none."""
    return KomboIds(*[(value.strip() or None) if isinstance(value, str) else value for value in values])


class Miss(NamedTuple):
    """Why a delivery gets no row: what it matches, in how many rows."""

    matches: str
    rows: int


NO_ROW = Miss("no row of the target", 0)


def matches(found: Sequence[Found], wanted: Mapping[int, DeliveredIds]) -> tuple[dict[int, Found], dict[int, Miss]]:
    """Return the row of each delivery that has one to itself, and why the others have none."""
    of_number: defaultdict[int, list[Found]] = defaultdict(list)
    of_row: defaultdict[tuple[str | None, ...], list[int]] = defaultdict(list)
    for one in found:
        of_number[one.number].append(one)
        of_row[one.printed].append(one.number)
    alone: dict[int, Found] = {}
    missed: dict[int, Miss] = {}
    for number in wanted:
        candidates = of_number[number]
        rows = sum(one.rows for one in candidates)
        if rows > 1:
            missed[number] = Miss(f"{rows} rows of the target", rows)
        elif not any(one.exact for one in candidates):
            missed[number] = NO_ROW
        elif _owner(of_row[candidates[0].printed], candidates[0], wanted) != number:
            missed[number] = Miss(SHARED, 1)
        else:
            alone[number] = candidates[0]
    return alone, missed


SHARED = "one row of the target together with another applicant"


def _owner(numbers: Sequence[int], row: Found, wanted: Mapping[int, DeliveredIds]) -> int | None:
    """Return whose row it is: whose ids stand in it, else who had it first, else nobody's."""
    if len(numbers) == 1:
        return numbers[0]
    there = [number for number in numbers if _stand_in(row, wanted[number])]
    had_it = [number for number in numbers if wanted[number].written_back_at is not None]
    if there:
        return there[0]
    return min(had_it, key=lambda number: (str(wanted[number].delivered_at), number), default=None)


def _stand_in(row: Found, delivered: DeliveredIds) -> bool:
    there, ours = row.ids, delivered.ids
    if there.kombo_application_id is not None:
        return there.kombo_application_id == ours.kombo_application_id
    return there.kombo_candidate_id is not None and there.kombo_candidate_id == ours.kombo_candidate_id


def stand_written(found: Sequence[Found], wanted: Mapping[int, DeliveredIds]) -> set[int]:
    """Return the deliveries whose ids stand in their row, as it was read back: what a database says it did is no proof.

    A view, a rule, a trigger or row-level security may make an UPDATE change nothing, and say nothing of it.
    """
    return {one.number for one in found if one.exact and _all_stand(one, wanted[one.number])}


def _all_stand(row: Found, delivered: DeliveredIds) -> bool:
    if delivered.delivered_at is not None and not row.dated:
        return False
    return all(ours is None or there == ours for there, ours in zip(row.ids, delivered.ids, strict=True))
