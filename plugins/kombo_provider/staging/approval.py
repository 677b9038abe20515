"""A run that would newly send surprisingly much holds those rows until a person has confirmed them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace

from sqlalchemy import Connection

from kombo_provider.ledger import Hold, estimate, holds
from kombo_provider.ledger.selection import Selection
from kombo_provider.staging.narrowing import Narrowing

log = logging.getLogger(__name__)

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
    narrowing: Narrowing,
    approve_above: int,
    confirm_rows: int | None,
    *,
    max_in_flight: int = estimate.USUAL_CAP,
) -> set[str]:
    """Let staged rows leave, or hold them for a person's approval; return the integrations whose new rows are held.

    Decides about all rows of the source that no run has decided about yet: those of a run that was killed count with
    this one's. `confirm_rows` is compared with the rows of the selection that are held, and releases them.
    """
    source = replace(selection, applicant_ids=(), staged_by=None)
    asked = replace(selection, staged_by=None)
    too_many = surprising(_count(conn, source, Hold.UNDECIDED), approve_above)
    released = _release_confirmed(conn, asked, narrowing, confirm_rows)
    if too_many:
        holds.hold_for(conn, source, Hold.UNDECIDED, Hold.APPROVAL, too_many)
    holds.release(conn, source, Hold.UNDECIDED)
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
    held = sum(_count(conn, asked, Hold.APPROVAL, narrowing.integration_ids).values())
    wanted = held if narrowing.limit is None else min(held, narrowing.limit)
    if not 0 < wanted <= confirm_rows:
        return False
    holds.release(conn, asked, Hold.APPROVAL, narrowing.integration_ids, limit=narrowing.limit)
    return True


def _count(conn: Connection, selection: Selection, hold: Hold, integration_ids: Collection[str] = ()) -> dict[str, int]:
    held = holds.held(conn, selection, integration_ids)
    return {found.integration_id: found.rows for found in held if found.hold is hold}


def worded(foreseen: Mapping[str, estimate.Foreseen], approve_above: int) -> str:
    """Say what is held, for how many hours it would send, and how to let it go."""
    total = sum(found.to_send for found in foreseen.values())
    each = "; ".join(f"{name}: {found.in_words()}" for name, found in sorted(foreseen.items()))
    return (
        f"{total} rows are held, since a run would newly have sent more than approve_above={approve_above} to one "
        f"integration (or {ALL_HELD_ABOVE} times that in all); nothing of them is sent. Per integration: {each}. To "
        f"confirm, trigger the DAG with the param confirm_rows={total}; to send a part first, with integration_ids or "
        "limit beside it; to take rows out, select them as withdrawn or already_sent."
    )
