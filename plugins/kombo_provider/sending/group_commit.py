"""One durable transaction for a group: answers in, leases on, rows out.

The ledger is told what became of requests before it is asked for new ones, so no answer waits for a claim.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection

from kombo_provider.ledger import EVERYWHERE, DeliveryKey, LaneState, Ledger, claims, lane_states, leases, now, results
from kombo_provider.ledger.claims import Intent
from kombo_provider.ledger.results import Result
from kombo_provider.ledger.selection import Selection
from kombo_provider.sending import opening
from kombo_provider.sending.body_memory import EXPECTED_FILES_BYTES, BodyMemory, expected_bytes
from kombo_provider.sending.commit_step import CommitStep
from kombo_provider.sending.endings import Notice
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.options import SendOptions

log = logging.getLogger(__name__)


class GroupCommit:
    """Keeps the ledger for one sender; all methods run in one thread."""

    def __init__(
        self,
        ledger: Ledger,
        selection: Selection,
        options: SendOptions,
        memory: BodyMemory,
        clock: Callable[[], float],
    ) -> None:
        self._ledger, self._selection, self._options, self._clock = ledger, selection, options, clock
        self._memory = memory
        self._conn_id = selection.kombo_conn_id
        self._renewed_at = self._states_at = 0.0
        self._notices: list[Notice] = []
        self._rate_pause: float | None = None
        self._unsure = False
        """The last commit may have succeeded though its answer was lost."""

    def has_room(self) -> bool:
        """Tell whether memory lets further rows be claimed."""
        return self._memory.room() > 0

    def ask_again(self, lane: Lane) -> None:
        """Take a lane that another process held, if it is free now."""
        opening.ask_again(self._ledger, self._selection, self._options, lane, self._clock())

    def answered(self, intent: Intent) -> None:
        """An intent has its answer, and its body is gone."""
        self._memory.release(intent)

    def count_ready(self, lanes: Sequence[Lane]) -> int:
        """Count the rows of the selection that wait on the lanes."""
        with self._ledger.transaction() as conn:
            ready = claims.count_ready(conn, self._selection, [lane.integration_id for lane in lanes])
        return sum(ready.values())

    def announce(self, notice: Notice) -> None:
        """Have the next commit tell every process what became of a lane or its whole connection."""
        self._notices.append(notice)

    def announce_rate_pause(self, seconds: float) -> None:
        """Have the next commit tell every process that the connection's rate limit is used up for so long."""
        self._rate_pause = max(seconds, self._rate_pause or 0.0)

    def commit(
        self,
        answers: Sequence[Result],
        lanes: Sequence[Lane],
        begun: Collection[DeliveryKey],
        *,
        claim: bool = True,
    ) -> list[tuple[Lane, Intent]]:
        """Record results, extend leases and claim what the lanes have room for; return the claimed intents.

        `begun` are the keys whose requests were handed on. Raises LedgerError where nothing of it was committed, or
        perhaps all of it: a later call takes back the claims that nobody heard of.
        """
        began = self._clock()
        wanting = self._wanting(lanes, began) if claim else []
        idle = [lane for lane in lanes if lane.idles(began)]
        over = [] if self._unsure else [lane for lane in lanes if lane.is_over]
        renewal_due = self._unsure or began - self._renewed_at >= self._options.tuning.renew_after
        if not (answers or wanting or idle or over or renewal_due or self._notices):
            return []
        unsure, self._unsure = self._unsure, True
        with self._ledger.transaction() as conn:
            step = CommitStep(began, now(conn))
            kept = [lane for lane in lanes if lane not in over]
            self._renew(conn, step, kept if renewal_due else self._concerned(kept, wanting))
            self._give_back(conn, step, over)
            self._record(conn, answers)
            if unsure:
                self._take_back(conn, step, begun)
            self._note_limits(conn, step)
            self._publish(conn, step)
            if wanting or began - self._states_at >= self._options.tuning.states_after:
                self._read_states(conn, step, lanes)
            self._claim(conn, step, wanting)
            for lane in idle:
                self._note_next_due(conn, step, lane)
        self._unsure = False
        self._published()
        return self._apply(step, lanes)

    def close(self, answers: Sequence[Result], lanes: Sequence[Lane]) -> None:
        """Record the last results and give the lanes back, with no row left on the wire.

        Lanes are locked before rows, here as everywhere: two processes that meet wait for each other in turn.
        """
        with self._ledger.transaction() as conn:
            step = CommitStep(self._clock(), now(conn))
            self._give_back(conn, step, lanes)
            self._record(conn, answers)
            self._take_back(conn, step, ())
            self._note_limits(conn, step)
            self._publish(conn, step)
        self._published()

    def record_late(self, answers: Sequence[Result]) -> None:
        """Record answers that came after the lanes were given back, where nobody has decided since."""
        with self._ledger.transaction() as conn:
            self._record(conn, answers)

    def _wanting(self, lanes: Sequence[Lane], at: float) -> list[tuple[Lane, int]]:
        """Return the lanes that have room, where memory has; those that waited longest come first to what is left."""
        if not self.has_room():
            return []
        in_turn = sorted(lanes, key=lambda lane: (lane.in_flight, lane.last_progress))
        # What only waits for a connection must not take the memory that a free connection needs.
        may_wait = self._memory.is_plenty()
        wanting: list[tuple[Lane, int]] = []
        for lane in in_turn:
            rows = lane.claimable(at) if may_wait else lane.room(at)
            if rows > 0:
                wanting.append((lane, rows))
        return wanting

    # The kinds of work in one transaction, in the order in which they are done.

    def _concerned(self, lanes: Sequence[Lane], wanting: Sequence[tuple[Lane, int]]) -> list[Lane]:
        """Return the lanes that this transaction writes for: it has to prove that they are still ours."""
        noticed = {notice.integration_id for notice in self._notices}
        claiming = {lane.integration_id for lane, _ in wanting}
        return [lane for lane in lanes if lane.integration_id in noticed | claiming]

    def _renew(self, conn: Connection, step: CommitStep, lanes: Sequence[Lane]) -> None:
        held = [lane for lane in lanes if lane.lease is not None]
        lost = leases.renew(
            conn, [lane.lease for lane in held if lane.lease], self._options.holder, self._options.tuning.lease
        )
        step.lost = {lease.integration_id for lease in lost}
        step.lost |= {lane.integration_id for lane in lanes if lane.lease is None}
        step.renewed = [lane for lane in held if lane.integration_id not in step.lost]

    def _give_back(self, conn: Connection, step: CommitStep, lanes: Sequence[Lane]) -> None:
        """Let others have the lanes, except those that are no longer ours."""
        for lane in lanes:
            if lane.lease is not None and leases.release(conn, lane.lease, self._options.holder):
                step.given_back.append(lane)
            else:
                step.lost.add(lane.integration_id)

    def _record(self, conn: Connection, answers: Sequence[Result]) -> None:
        for result in results.record(conn, answers, self._options.run):
            log.error(
                "A success came for a row that has moved on, it may be a duplicate: source %s, integration %s, "
                "applicant %s, application %s",
                *result.intent.key,
                result.ids.kombo_application_id,
            )

    def _take_back(self, conn: Connection, step: CommitStep, begun: Collection[DeliveryKey]) -> None:
        """Give claims back that were committed unheard, on lanes that were just proven to be held still."""
        for lane in step.proven:
            if claims.take_back(conn, lane.integration_id, self._conn_id, begun):
                step.with_unheard_claims.append(lane)

    def _note_limits(self, conn: Connection, step: CommitStep) -> None:
        for lane in step.proven:
            limit = lane.pace.limit_seen
            if limit is not None and limit != lane.limit_noted:
                lane_states.see_cap(conn, self._conn_id, lane.integration_id, limit)
                step.limits.append((lane, limit))

    def _publish(self, conn: Connection, step: CommitStep) -> None:
        for notice in self._notices:
            if notice.integration_id in step.lost and not notice.account_wide:
                continue  # its new holder knows better
            paused = notice.state is LaneState.PAUSED
            lane_states.set_state(
                conn,
                self._conn_id,
                EVERYWHERE if notice.account_wide else notice.integration_id,
                notice.state,
                code=notice.code,
                log_url=notice.log_url,
                paused_until=step.at + timedelta(seconds=notice.pause_seconds) if paused else None,
                pauses=notice.pauses,
            )
        if self._rate_pause is not None:
            until = step.at + timedelta(seconds=self._rate_pause)
            lane_states.pause_for_rate_limit(conn, self._conn_id, until)

    def _read_states(self, conn: Connection, step: CommitStep, lanes: Sequence[Lane]) -> None:
        lane_states.hold_off_drain(conn)
        step.states = lane_states.statuses(conn, self._conn_id, [lane.integration_id for lane in lanes])

    def _claim(self, conn: Connection, step: CommitStep, wanting: Sequence[tuple[Lane, int]]) -> None:
        if not wanting:
            return
        room_bytes = self._memory.room()
        # All locks are held before the clock is read in here: what follows waits for nobody.
        with claims.claims_of_lanes(conn, self._options.run) as claim_of:
            for lane, room in wanting:
                if room_bytes <= 0 or not step.may_send(lane):
                    continue
                memory = claims.Memory(room_bytes, EXPECTED_FILES_BYTES)
                others_first = step.is_wanted(lane, self._options.holder, self._selection.serves)
                selection = self._selection
                if others_first:
                    selection = replace(selection, only_ordinary=True)
                intents = claim_of(selection, lane.integration_id, room, memory)
                step.claimed += [(lane, intent) for intent in intents]
                room_bytes -= sum(expected_bytes(intent) for intent in intents)
                if len(intents) < room and room_bytes > 0:
                    waits = self._note_next_due(conn, step, lane, at_least=self._options.tuning.locked_row)
                    if others_first and waits:
                        step.giving_way.append(lane)

    def _note_next_due(self, conn: Connection, step: CommitStep, lane: Lane, *, at_least: float = 0.0) -> bool:
        """Note when the lane's next row is due, in `at_least` so many seconds; tell whether any row waits."""
        due = claims.next_due(conn, self._selection, [lane.integration_id])
        if due is None:
            step.looked.append((lane, None))
            return False
        step.looked.append((lane, max(at_least, (due - step.at).total_seconds())))
        return True

    def _published(self) -> None:
        self._notices.clear()
        self._rate_pause = None

    def _apply(self, step: CommitStep, lanes: Sequence[Lane]) -> list[tuple[Lane, Intent]]:
        """Tell the lanes what was committed."""
        tuning = self._options.tuning
        for lane in step.renewed:
            lane.renewed(step.began + tuning.lease - tuning.lease_margin)
        for lane in lanes:
            if lane.integration_id in step.lost and lane.lease is not None:
                lane.lost()
        for lane in step.given_back:
            lane.given_back()
        for lane in step.giving_way:
            lane.turns.give_way(step.began)
        if len(step.renewed) == len([lane for lane in lanes if lane.lease]):
            self._renewed_at = step.began
        for lane in step.with_unheard_claims:
            lane.due.came_back(step.began)
        for lane, limit in step.limits:
            lane.limit_noted = limit
        for lane, wait in step.looked:
            lane.due.looked(wait, step.began)
        if step.states:
            self._states_at = step.began
            for lane in [lane for lane in lanes if lane.lease is not None]:
                lane.follow(step.states[lane.integration_id], step.at, step.began)
        for lane, intent in step.claimed:
            lane.started()
            self._memory.claimed(intent)
        return step.claimed
