"""Takes lanes for a task: with what their last holder left on the wire, and how carefully to begin."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from kombo_provider.ledger import LaneState, Ledger, lane_states, lane_wishes, leases
from kombo_provider.ledger.leases import HeldTurn, Lease, Turn
from kombo_provider.ledger.selection import Selection
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.options import SendOptions
from kombo_provider.sending.pacing import Breaker, Pace
from kombo_provider.sending.preflight import NOTHING_TOLD, LaneFacts
from kombo_provider.sending.turns import Turns

log = logging.getLogger(__name__)


def open_lane(
    ledger: Ledger,
    selection: Selection,
    options: SendOptions,
    integration_id: str,
    began: float,
    facts: LaneFacts = NOTHING_TOLD,
) -> Lane:
    """Take the integration's lane; one that another process keeps ends as `Ending.HELD`.

    `began` is the sender's clock. Requests that a dead holder left count as in flight until they have timed out, and
    as nothing else: a kill is no evidence of an outage. After several of them the lane begins with one request, and so
    it does where Kombo may refuse the integration.
    """
    tuning, conn_id = options.tuning, selection.kombo_conn_id
    turns = Turns(tuning)
    turns.begin(began, options.time)
    with ledger.transaction() as conn:
        asked = _ask(conn, selection, options, integration_id, turns.wanted(began))
        status = lane_states.own_status(conn, conn_id, integration_id)
        limit_seen = lane_states.cap_seen(conn, conn_id, integration_id)
    unanswered = len(asked.lease.possibly_executing_since) if asked.lease else 0
    probing = facts.may_be_refused or status.state in (LaneState.PAUSED, LaneState.BLOCKED)
    lane = Lane(
        integration_id=integration_id,
        lease=None,
        lease_until=began,
        pace=Pace(
            options.max_in_flight,
            tuning,
            limit_seen=limit_seen,
            carefully=probing or unanswered >= tuning.failures_in_row,
        ),
        breaker=Breaker(tuning, probing=probing, former_pause=status.pause_seconds),
        tuning=tuning,
        facts=facts,
        opened_to_probe=probing,
        limit_noted=limit_seen,
        last_progress=began,
    )
    lane.turns = turns
    _take_if_free(lane, asked, options, began)
    return lane


def ask_again(ledger: Ledger, selection: Selection, options: SendOptions, lane: Lane, now: float) -> None:
    """Take a lane that another process held, if it is free now."""
    with ledger.transaction() as conn:
        asked = _ask(conn, selection, options, lane.integration_id, lane.turns.wanted(now))
    _take_if_free(lane, asked, options, now)


class _Asked(NamedTuple):
    """The lease; or whether it may be had soon, and whose turn it is."""

    lease: Lease | None
    soon: bool = False
    held: HeldTurn | None = None


def _ask(
    conn: Connection, selection: Selection, options: SendOptions, integration_id: str, turn: Turn | None
) -> _Asked:
    """Take the lane, or find out when it may be had: for ordinary rows a backfill gives way."""
    conn_id, holder = selection.kombo_conn_id, options.holder
    seconds, serves = options.tuning.lease, selection.serves
    lease = leases.acquire(conn, conn_id, integration_id, holder, options.run, seconds, serves=serves, turn=turn)
    if lease is not None:
        return _Asked(lease)
    soon = lane_wishes.note(conn, selection, integration_id, holder)
    held = leases.held_turn(conn, conn_id, integration_id)
    if held is not None and held.source == selection.source:
        soon = False  # it sends these rows itself, and has no reason to give way
    return _Asked(None, soon, held)


def _take_if_free(lane: Lane, asked: _Asked, options: SendOptions, now: float) -> None:
    if asked.lease is None:
        lane.asked_in_vain(now, soon=asked.soon, held=asked.held)
        return
    lane.taken(asked.lease, now)
    _expect_unanswered(lane, asked.lease, options, now)


def _expect_unanswered(lane: Lane, lease: Lease, options: SendOptions, began: float) -> None:
    acquired_at = lease.expires_at - timedelta(seconds=options.tuning.lease)
    ages = [(acquired_at - sent_at).total_seconds() for sent_at in lease.possibly_executing_since]
    left = [options.timeout_seconds - age for age in ages if age < options.timeout_seconds]
    lane.pace.expect_unanswered(began + seconds for seconds in left)
    if left:
        log.info(
            "%s: %d requests of a former task may still run at Kombo: they count against its limit for up to %.0f s",
            lane.integration_id,
            len(left),
            max(left),
        )
