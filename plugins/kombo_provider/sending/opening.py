"""Takes lanes for a task: with what their last holder left on the wire, and how carefully to begin."""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import Connection

from kombo_provider.ledger import LaneState, Lease, Ledger, Selection, lane_states, lane_wishes, leases
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.options import SendOptions
from kombo_provider.sending.pacing import Breaker, Pace
from kombo_provider.sending.preflight import NOTHING_TOLD, LaneFacts

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
    with ledger.transaction() as conn:
        lease, soon = _acquire(conn, selection, options, integration_id)
        status = lane_states.own_status(conn, conn_id, integration_id)
        limit_seen = lane_states.cap_seen(conn, conn_id, integration_id)
    unanswered = len(lease.possibly_executing_since) if lease else 0
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
    _take_if_free(lane, lease, options, began, soon=soon)
    return lane


def ask_again(ledger: Ledger, selection: Selection, options: SendOptions, lane: Lane, now: float) -> None:
    """Take a lane that another process held, if it is free now."""
    with ledger.transaction() as conn:
        lease, soon = _acquire(conn, selection, options, lane.integration_id)
    _take_if_free(lane, lease, options, now, soon=soon)


def _acquire(
    conn: Connection, selection: Selection, options: SendOptions, integration_id: str
) -> tuple[Lease | None, bool]:
    """Return the lease, or whether it may be had soon: for ordinary rows a backfill gives way."""
    conn_id, holder = selection.kombo_conn_id, options.holder
    seconds, serves = options.tuning.lease, selection.serves
    lease = leases.acquire(conn, conn_id, integration_id, holder, options.run, seconds, serves=serves)
    return lease, lease is None and lane_wishes.note(conn, selection, integration_id, holder)


def _take_if_free(lane: Lane, lease: Lease | None, options: SendOptions, now: float, *, soon: bool) -> None:
    if lease is None:
        lane.asked_in_vain(now, soon=soon)
        return
    lane.taken(lease, now)
    _expect_unanswered(lane, lease, options, now)


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
