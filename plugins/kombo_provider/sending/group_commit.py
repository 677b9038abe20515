"""The sender's side of the ledger: answers in, intents out, one durable transaction for a group of both."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.ledger import (
    EVERYWHERE,
    DeliveryKey,
    Intent,
    LaneState,
    LaneStatus,
    Ledger,
    Result,
    RunRef,
    Selection,
    claims,
    lane_states,
    leases,
    now,
)
from kombo_provider.ledger import results as result_store
from kombo_provider.sending.lane import Ending, Lane
from kombo_provider.sending.pacing import Breaker, Pace, Tuning

log = logging.getLogger(__name__)

LEASE_MARGIN_SECONDS = 15.0
"""A holder stops sending so long before its lease ends, by its own clock."""

RENEW_AFTER_SECONDS = 10.0
STATES_AFTER_SECONDS = 1.0
LOCKED_ROW_SECONDS = 0.2
"""How long a row that is due, but was passed over because somebody has locked it, is left alone."""


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How a task sends: for which run, under which name it holds lanes, and with which limits."""

    run: RunRef
    holder: str
    max_in_flight: int
    timeout_seconds: float
    tuning: Tuning = field(default_factory=Tuning)


@dataclass(slots=True)
class _Step:
    """What one transaction did, applied to this process's picture only once it is committed."""

    began: float
    renewed: list[Lane] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    claimed: list[tuple[Lane, Intent]] = field(default_factory=list)
    dry: list[tuple[Lane, float | None]] = field(default_factory=list)
    limits: list[tuple[Lane, int]] = field(default_factory=list)
    states: dict[str, LaneStatus] = field(default_factory=dict)
    at: datetime | None = None

    def may_send(self, lane: Lane) -> bool:
        status = self.states[lane.integration_id]
        if status.state is LaneState.PAUSED:
            return status.paused_until is None or self.at is None or status.paused_until <= self.at
        return status.state is LaneState.OPEN


class Books:
    """Keeps the ledger for one sender; all methods run in one thread."""

    def __init__(self, ledger: Ledger, selection: Selection, options: SendOptions, clock: Callable[[], float]) -> None:
        self._ledger, self._selection, self._options, self._clock = ledger, selection, options, clock
        self._renewed_at = self._states_at = 0.0
        self._news: list[tuple[Lane, Outcome]] = []
        self._rate_pause: float | None = None
        self._unsure = False

    def open_lane(self, integration_id: str) -> Lane:
        """Take the integration's lane; what a dead holder left on the wire counts as in flight until it timed out."""
        began = self._clock()
        with self._ledger.transaction() as conn:
            lease = leases.acquire(
                conn, self._selection.kombo_conn_id, integration_id, self._options.holder, self._options.run
            )
            status = lane_states.own_status(conn, self._selection.kombo_conn_id, integration_id)
            limit_seen = lane_states.cap_seen(conn, self._selection.kombo_conn_id, integration_id)
        tuning = self._options.tuning
        unanswered = len(lease.possibly_executing_since) if lease else 0
        probing = status.state in (LaneState.PAUSED, LaneState.BLOCKED) or unanswered >= tuning.failures_in_row
        lane = Lane(
            integration_id=integration_id,
            lease=lease,
            lease_until=began + leases.LEASE_SECONDS - LEASE_MARGIN_SECONDS,
            pace=Pace(self._options.max_in_flight, tuning, limit_seen=limit_seen),
            limit_noted=limit_seen,
            breaker=Breaker(tuning, probing=probing, former_pause=status.pause_seconds),
            opened_to_probe=probing,
            last_progress=began,
        )
        if lease is None:
            lane.stop(Ending.HELD)
            return lane
        acquired_at = lease.expires_at - timedelta(seconds=leases.LEASE_SECONDS)
        ages = [(acquired_at - sent_at).total_seconds() for sent_at in lease.possibly_executing_since]
        left = [seconds for age in ages if (seconds := self._options.timeout_seconds - age) > 0]
        lane.pace.expect_ghosts(began + seconds for seconds in left)
        if left:
            log.info(
                "%s: %d requests of a former task may still run at Kombo: they count against its limit for up to %.0fs",
                integration_id,
                len(left),
                max(left),
            )
        return lane

    def count_ready(self, lanes: Sequence[Lane]) -> int:
        """Count the rows of the selection that wait on the lanes."""
        with self._ledger.transaction() as conn:
            ready = claims.count_ready(conn, self._selection, [lane.integration_id for lane in lanes])
        return sum(ready.values())

    def commit(
        self,
        results: Sequence[Result],
        lanes: Sequence[Lane],
        begun: Collection[DeliveryKey],
        *,
        claim: bool = True,
    ) -> list[tuple[Lane, Intent]]:
        """Record results, extend leases and claim what the lanes have room for; return the claimed intents.

        `begun` are the keys whose requests were handed on. Raises LedgerError where nothing of it was committed, or
        perhaps all of it: a later call takes back the claims that nobody heard of.
        """
        step = _Step(began=self._clock())
        wanting = [(lane, lane.room(step.began)) for lane in lanes] if claim else []
        wanting = [(lane, room) for lane, room in wanting if room > 0]
        idle = [lane for lane in lanes if lane.waits_in_vain(step.began)]
        renewal_due = self._unsure or step.began - self._renewed_at >= RENEW_AFTER_SECONDS
        if not (results or wanting or idle or renewal_due or self._news):
            return []
        unsure, self._unsure = self._unsure, True
        with self._ledger.transaction() as conn:
            step.at = now(conn)
            concerned = {lane.integration_id: lane for lane, *_ in (*wanting, *self._news)}
            self._renew(conn, step, lanes if renewal_due else list(concerned.values()))
            self._record(conn, results)
            if unsure:
                self._take_back(conn, step.renewed, begun)
            self._note_limits(conn, step)
            self._publish(conn, step.at, step.lost | {lane.integration_id for lane in lanes if lane.lease is None})
            if wanting or step.began - self._states_at >= STATES_AFTER_SECONDS:
                lane_states.hold_off_drain(conn)
                ids = [lane.integration_id for lane in lanes]
                step.states = lane_states.statuses(conn, self._selection.kombo_conn_id, ids)
            for lane, room in wanting:
                if lane.integration_id not in step.lost and step.may_send(lane):
                    self._claim(conn, step, lane, room)
            for lane in idle:
                self._look(conn, step, lane)
        self._unsure = False
        self._told()
        return self._apply(step, lanes)

    def _record(self, conn: Connection, results: Sequence[Result]) -> None:
        for result in result_store.record(conn, results, self._options.run):
            log.error(
                "A success came for a row that has moved on: source %s, integration %s, applicant %s, application %s",
                *result.intent.key,
                result.kombo_application_id,
            )

    def _take_back(self, conn: Connection, lanes: Sequence[Lane], begun: Collection[DeliveryKey]) -> None:
        """Give claims back that were committed unheard, on lanes that were just proven to be held still."""
        for lane in lanes:
            if claims.take_back(conn, lane.integration_id, self._selection.kombo_conn_id, begun):
                lane.dry = False

    def _renew(self, conn: Connection, step: _Step, lanes: Sequence[Lane]) -> None:
        held = [lane for lane in lanes if lane.lease is not None]
        lost = leases.renew(conn, [lane.lease for lane in held if lane.lease], self._options.holder)
        step.lost = {lease.integration_id for lease in lost}
        step.renewed = [lane for lane in held if lane.integration_id not in step.lost]

    def _claim(self, conn: Connection, step: _Step, lane: Lane, room: int) -> None:
        intents = claims.claim(conn, self._selection, lane.integration_id, room, self._options.run)
        step.claimed += [(lane, intent) for intent in intents]
        if len(intents) < room:
            self._look(conn, step, lane, at_least=LOCKED_ROW_SECONDS)

    def _look(self, conn: Connection, step: _Step, lane: Lane, *, at_least: float = 0.0) -> None:
        """Find out when the lane's next row is due, or that there is none."""
        due = claims.next_due(conn, self._selection, [lane.integration_id])
        step.dry.append((lane, max(at_least, (due - step.at).total_seconds()) if due and step.at else None))

    def _apply(self, step: _Step, lanes: Sequence[Lane]) -> list[tuple[Lane, Intent]]:
        for lane in step.renewed:
            lane.lease_until = step.began + leases.LEASE_SECONDS - LEASE_MARGIN_SECONDS
        for lane in lanes:
            if lane.integration_id in step.lost:
                lane.stop(Ending.LOST)
                lane.lease = None
        if len(step.renewed) == len([lane for lane in lanes if lane.lease]):
            self._renewed_at = step.began
        for lane, limit in step.limits:
            lane.limit_noted = limit
        for lane, wait in step.dry:
            lane.looked_at = step.began
            lane.wait_for_rows(wait, step.began, self._options.tuning.patience)
        if step.states and step.at is not None:
            self._states_at = step.began
            for lane in lanes:
                lane.heed(step.states[lane.integration_id], step.at, step.began)
        for lane, _ in step.claimed:
            lane.started()
        return step.claimed

    def announce(self, lane: Lane, outcome: Outcome) -> None:
        """Have the next commit tell every process that a lane, or its whole connection, is paused, blocked or open."""
        self._news.append((lane, outcome))

    def announce_rate_pause(self, seconds: float) -> None:
        """Have the next commit tell every process that the connection's rate limit is used up for so long."""
        self._rate_pause = max(seconds, self._rate_pause or 0.0)

    def _publish(self, conn: Connection, at: datetime, lost: Collection[str]) -> None:
        for lane, outcome in self._news:
            if lane.integration_id in lost and not outcome.account_wide:
                continue  # its new holder knows better
            pause = lane.breaker.paused_until - self._clock() if lane.breaker.probing else 0.0
            blocked = outcome.outcome_class is OutcomeClass.INTEGRATION
            state = LaneState.BLOCKED if blocked else LaneState.PAUSED if pause > 0 else LaneState.OPEN
            lane_states.set_state(
                conn,
                self._selection.kombo_conn_id,
                EVERYWHERE if outcome.account_wide else lane.integration_id,
                state,
                code=lane.code,
                log_url=lane.log_url,
                paused_until=at + timedelta(seconds=pause) if state is LaneState.PAUSED else None,
                pauses=lane.breaker.pauses,
            )

        if self._rate_pause is not None:
            self._publish_rate_pause(conn, at + timedelta(seconds=self._rate_pause))

    def _publish_rate_pause(self, conn: Connection, until: datetime) -> None:
        conn_id = self._selection.kombo_conn_id
        status = lane_states.own_status(conn, conn_id, EVERYWHERE)
        longer = status.paused_until is not None and status.paused_until >= until
        if status.state in (LaneState.OPEN, LaneState.PAUSED) and not longer:
            code = "PLATFORM.RATE_LIMIT_EXCEEDED"
            lane_states.set_state(conn, conn_id, EVERYWHERE, LaneState.PAUSED, code=code, paused_until=until)

    def _note_limits(self, conn: Connection, step: _Step) -> None:
        for lane in step.renewed:
            limit = lane.pace.limit_seen
            if limit is not None and limit != lane.limit_noted:
                lane_states.see_cap(conn, self._selection.kombo_conn_id, lane.integration_id, limit)
                step.limits.append((lane, limit))

    def close(self, results: Sequence[Result], lanes: Sequence[Lane]) -> None:
        """Record the last results and give the lanes back, with no row left on the wire.

        Lanes are locked before rows, here as everywhere: two processes that meet wait for each other in turn.
        """
        step = _Step(began=self._clock())
        with self._ledger.transaction() as conn:
            for lane in lanes:
                if lane.lease is not None and leases.release(conn, lane.lease, self._options.holder):
                    step.renewed.append(lane)
            held = {lane.integration_id for lane in step.renewed}
            step.lost = {lane.integration_id for lane in lanes}.difference(held)
            self._record(conn, results)
            self._take_back(conn, step.renewed, ())
            self._note_limits(conn, step)
            self._publish(conn, now(conn), step.lost)
        self._told()

    def _told(self) -> None:
        self._news.clear()
        self._rate_pause = None
