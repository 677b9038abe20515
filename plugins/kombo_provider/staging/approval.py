"""A run that would newly send surprisingly much holds those rows until a person has confirmed them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection

from kombo_provider.ledger import Hold, RunRef, estimate, holds, now, undecided
from kombo_provider.ledger.ledger import CLOCKS_DIFFER_BY
from kombo_provider.ledger.selection import Selection
from kombo_provider.staging.narrowing import Narrowing

log = logging.getLogger(__name__)

SIGN_OF_LIFE = timedelta(minutes=10)
"""A run that stages commits a chunk more often than this."""
ALL_HELD_ABOVE = 10
"""So many times `approve_above` in one run, over all integrations, and nothing new of it leaves unasked."""


def surprising(fresh: Mapping[str, int], approve_above: int) -> dict[str, int]:
    """Return those of the integrations' new rows that are too many to leave unasked."""
    if sum(fresh.values()) > ALL_HELD_ABOVE * approve_above:
        return dict(fresh)
    return {integration_id: rows for integration_id, rows in fresh.items() if rows > approve_above}


def decide_holds(
    conn: Connection,
    selection: Selection,
    run: RunRef,
    narrowing: Narrowing,
    approve_above: int,
    confirm_rows: int | None,
    *,
    max_in_flight: int = estimate.USUAL_CAP,
) -> set[str]:
    """Let staged rows leave, or hold them for a person's approval; return the integrations whose new rows are held.

    Decides about what this run staged, and what runs left that were killed. What others are staging just now is theirs
    to decide: a part of it says nothing of how many there will be. `confirm_rows` is compared with the rows of the
    selection that are held, and releases them.
    """
    source = replace(selection, applicant_ids=(), staged_by=None)
    asked = replace(selection, staged_by=None)
    runs = [run, *_abandoned(conn, source, run)]
    too_many = surprising(undecided.count(conn, source, runs), approve_above)
    released = _release_confirmed(conn, asked, narrowing, confirm_rows)
    undecided.hold(conn, source, runs, too_many)
    undecided.release(conn, source, runs)
    if not released:
        # No rows of earlier runs were confirmed: the number may mean those that this run has held just now.
        _release_confirmed(conn, asked, narrowing, confirm_rows)
    held = estimate.count_held(conn, asked, Hold.APPROVAL, narrowing.integration_ids)
    foreseen = estimate.foresee(conn, selection.kombo_conn_id, held, max_in_flight=max_in_flight)
    if foreseen:
        log.warning("%s", worded(foreseen, approve_above))
    return set(too_many).intersection(foreseen)


def _release_confirmed(conn: Connection, asked: Selection, narrowing: Narrowing, confirm_rows: int | None) -> bool:
    """Release the held rows that were asked for if they are no more than were confirmed; tell whether."""
    if confirm_rows is None:
        return False
    found = holds.held(conn, asked, narrowing.integration_ids)
    held = sum(one.rows for one in found if one.hold is Hold.APPROVAL)
    wanted = held if narrowing.limit is None else min(held, narrowing.limit)
    if not 0 < wanted <= confirm_rows:
        return False
    holds.release(conn, asked, Hold.APPROVAL, narrowing.integration_ids, limit=narrowing.limit)
    return True


def _abandoned(conn: Connection, source: Selection, run: RunRef) -> list[RunRef]:
    """Return the other runs that staged rows, have not decided about them, and give no sign of life any more."""
    at = now(conn)
    dead: list[RunRef] = []
    for other, newest in undecided.newest_by_run(conn, source).items():
        # A time that lies ahead is of a clock that was wrong, and proves no life.
        lives = at - SIGN_OF_LIFE < newest <= at + CLOCKS_DIFFER_BY
        if other != run and not lives:
            dead.append(other)
    return dead


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
