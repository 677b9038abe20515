"""A run that would newly send surprisingly much holds those rows until a person has confirmed them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from kombo_provider.ledger import Hold, Ledger, RunRef, estimate, holds, now, undecided
from kombo_provider.ledger.ledger import CLOCKS_DIFFER_BY
from kombo_provider.ledger.selection import Selection
from kombo_provider.staging.narrowing import Narrowing

log = logging.getLogger(__name__)

SIGN_OF_LIFE = timedelta(seconds=5)
"""A run that stages new rows commits a chunk more often than this."""
_LOOKS_AGAIN_IN_SECONDS = 1.0
ALL_HELD_ABOVE = 10
"""So many times `approve_above` in one run, over all integrations, and nothing new of it leaves unasked."""


def surprising(fresh: Mapping[str, int], approve_above: int) -> dict[str, int]:
    """Return those of the integrations' new rows that are too many to leave unasked."""
    if sum(fresh.values()) > ALL_HELD_ABOVE * approve_above:
        return dict(fresh)
    return {integration_id: rows for integration_id, rows in fresh.items() if rows > approve_above}


def decide(conn: Connection, selection: Selection, runs: Sequence[RunRef], approve_above: int) -> set[str]:
    """Let the rows leave that these runs staged, or hold them for a person's approval; return whose rows are held.

    What others are staging just now is theirs to decide: a part of it says nothing of how many there will be.
    """
    if not runs:
        return set()
    source = _whole(selection)
    too_many = surprising(undecided.count(conn, source, runs), approve_above)
    undecided.hold(conn, source, runs, too_many)
    undecided.release(conn, source, runs)
    return set(too_many)


def release_confirmed(conn: Connection, selection: Selection, narrowing: Narrowing, confirm_rows: int | None) -> bool:
    """Release the held rows of the selection if they are no more than a person confirmed; tell whether."""
    if confirm_rows is None:
        return False
    asked = replace(selection, staged_by=None)
    found = holds.held(conn, asked, narrowing.integration_ids)
    held = sum(one.rows for one in found if one.hold is Hold.APPROVAL)
    wanted = held if narrowing.limit is None else min(held, narrowing.limit)
    if not 0 < wanted <= confirm_rows:
        return False
    holds.release(conn, asked, Hold.APPROVAL, narrowing.integration_ids, limit=narrowing.limit)
    return True


def tell_of_held(
    conn: Connection, selection: Selection, narrowing: Narrowing, approve_above: int, max_in_flight: int
) -> Collection[str]:
    """Say what is held, and for how many hours it would send; return the integrations."""
    held = estimate.count_held(conn, replace(selection, staged_by=None), Hold.APPROVAL, narrowing.integration_ids)
    foreseen = estimate.foresee(conn, selection.kombo_conn_id, held, max_in_flight=max_in_flight)
    if foreseen:
        log.warning("%s", worded(foreseen, approve_above))
    return foreseen.keys()


def _whole(selection: Selection) -> Selection:
    return replace(selection, applicant_ids=(), staged_by=None)


def abandoned(ledger: Ledger, selection: Selection, run: RunRef, *, sleep: Callable[[float], object]) -> list[RunRef]:
    """Return the other runs that staged rows and died before they decided about them.

    Waits for a sign of life of those that staged a moment ago, for SIGN_OF_LIFE at most.
    """
    source = _whole(selection)
    dead: list[RunRef] = []
    silent, at = _newest_of_others(ledger, source, run)
    while silent:
        for other, newest in list(silent.items()):
            # A time that lies ahead is of a clock that was wrong, and proves no life.
            if not at - SIGN_OF_LIFE < newest <= at + CLOCKS_DIFFER_BY:
                dead.append(other)
                del silent[other]
        if silent:
            sleep(_LOOKS_AGAIN_IN_SECONDS)
            seen, at = _newest_of_others(ledger, source, run)
            # One that has decided, or has staged more since, lives.
            silent = {other: seen[other] for other, newest in silent.items() if other in seen and seen[other] <= newest}
    return dead


def _newest_of_others(ledger: Ledger, source: Selection, run: RunRef) -> tuple[dict[RunRef, datetime], datetime]:
    with ledger.transaction() as conn:
        found = undecided.newest_by_run(conn, source)
        at = now(conn)
    found.pop(run, None)
    return found, at


def worded(foreseen: Mapping[str, estimate.Foreseen], approve_above: int) -> str:
    """Say what is held, for how many hours it would send, and how to let it go."""
    total = sum(found.to_send for found in foreseen.values())
    each = "; ".join(f"{name}: {found.in_words()}" for name, found in sorted(foreseen.items()))
    return (
        f"{total} rows are held, since a run would newly have sent more than approve_above={approve_above} to one "
        f"integration (or {ALL_HELD_ABOVE} times that in all), or since the id that the target had for them is gone; "
        f"nothing of them is sent. Per integration: {each}. To confirm, trigger the DAG with the param "
        f"confirm_rows={total}; to send a part first, with integration_ids or limit beside it; to take rows out, "
        "select them as withdrawn or already_sent."
    )
