"""Lanes that other processes hold: which are worth waiting for, how long, and which nobody serves any more."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Sequence

from kombo_provider.ledger import Ledger, lane_wishes, leases, on_wire
from kombo_provider.ledger.selection import Selection
from kombo_provider.sending.endings import Ending
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.options import SendOptions, Tuning

log = logging.getLogger(__name__)


def left_to_holders(
    ledger: Ledger, selection: Selection, options: SendOptions, lanes: Sequence[Lane], held: Collection[str], now: float
) -> list[str]:
    """Return those of the held lanes on which other runs send what waits, and let others have them from now on."""
    held_lanes = [lane for lane in lanes if lane.integration_id in held]
    source, holder = selection.source, options.holder
    kept = [lane.integration_id for lane in held_lanes if lane.turns.leaves_to_holder(source, holder, now)]
    if kept:
        log.info("Other runs send what waits on their lanes: %s", ", ".join(kept))
        with ledger.transaction() as conn:
            for name in sorted(kept):
                lane_wishes.withdraw(conn, selection.kombo_conn_id, name, options.holder)
    return kept


def look_again_in(lanes: Sequence[Lane], held: Collection[str], now: float) -> float:
    """Return in how many seconds the first of the held lanes should be asked for again, 0 where none is held."""
    return min((lane.turns.look_again_in(now) for lane in lanes if lane.integration_id in held), default=0.0)


def outlived(
    ledger: Ledger,
    selection: Selection,
    lanes: Sequence[Lane],
    tuning: Tuning,
    stop: threading.Event,
    *,
    besides: Collection[str],
) -> list[str]:
    """Find the lanes whose holder left rows on the wire and does not renew its lease: nobody else would settle them."""
    held = {lane.integration_id for lane in lanes if lane.ending is Ending.HELD}.difference(besides)
    with ledger.transaction() as conn:
        left = sorted(held.intersection(on_wire.lanes(conn, selection.source, selection.kombo_conn_id)))
        before = leases.lease_ends(conn, selection.kombo_conn_id, left)
    if not before:
        return []
    stop.wait(1.5 * tuning.renew_after)
    with ledger.transaction() as conn:
        after = leases.lease_ends(conn, selection.kombo_conn_id, left)
    return [name for name, ends in before.items() if ends is not None and after.get(name) == ends]
