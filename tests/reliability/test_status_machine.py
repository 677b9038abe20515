"""The statuses, driven at random: no request without a reason, no row without exactly one status."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import create_engine, event, update

from kombo_provider.client.outcome import CreatedIds, Outcome, OutcomeClass
from kombo_provider.ledger import (
    Actor,
    By,
    DeliveryKey,
    Ledger,
    RunRef,
    Status,
    _tables,
    claims,
    doubts,
    erasure,
    history,
    leases,
    results,
    staging,
)
from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.claims import Intent
from kombo_provider.ledger.selection import Selection
from kombo_provider.mapping import MappedRow
from kombo_provider.sending.decide import ALREADY_EXISTS, decide

RUN, LANE = RunRef("dag", "run"), "ats:1"
GRACE = By(Actor.PERSON, RUN, "Grace")
NAMES = "abcdef"
APPLICANTS = st.sampled_from(NAMES)
OUTCOMES = {
    "executed": Outcome(OutcomeClass.EXECUTED, 200, ids=CreatedIds("x")),
    "S": Outcome(OutcomeClass.SAFE, 429),
    "V": Outcome(OutcomeClass.RETRYABLE_CODE, 503, "REMOTE.SERVICE_UNAVAILABLE"),
    "A": Outcome(OutcomeClass.AMBIGUOUS),
    "R": Outcome(OutcomeClass.REJECTED, 400, "REMOTE.INPUT_INVALID"),
    "exists": Outcome(OutcomeClass.REJECTED, 400, ALREADY_EXISTS),
    "I": Outcome(OutcomeClass.INTEGRATION, 403, "INTEGRATION.PERMISSION_MISSING"),
}
FREE_TO_REPEAT = {"S", "I", "R", "V", "exists"}


class Deliveries(RuleBasedStateMachine):
    """A few applicants on one lane; `past` is what the requests of each are known to have ended in."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        engine = create_engine(f"sqlite:///{Path(self.folder.name) / 'ledger.db'}")
        self.ledger = Ledger(engine)
        event.listen(engine, "connect", lambda dbapi, _: dbapi.execute("PRAGMA synchronous=OFF"))
        self.ledger.ensure()
        self.past: dict[str, list[str]] = {}
        self.ordered: set[str] = set()
        self.on_wire: dict[str, Intent] = {}
        self.ghosts: list[Intent] = []
        self.holder = 0
        self._acquire()
        for applicant in NAMES:
            self._extract(applicant, "0")

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.ledger.close()
            self.folder.cleanup()

    def _acquire(self) -> None:
        self.holder += 1
        with self.ledger.transaction() as conn:
            conn.execute(update(_tables.lanes).values(lease_expires_at=None))
            assert leases.acquire(conn, "k", LANE, str(self.holder), RUN) is not None

    @rule(applicant=APPLICANTS, version=st.integers(0, 2))
    def extract(self, applicant: str, version: int) -> None:
        self._extract(applicant, str(version))

    @rule(applicant=APPLICANTS, odd=st.sampled_from(["withdrawn", "invalid", "sent before"]))
    def extract_what_must_not_be_sent(self, applicant: str, odd: str) -> None:
        self._extract(applicant, odd)

    def _extract(self, applicant: str, what: str) -> None:
        invalid = what == "invalid"
        row = MappedRow(
            LANE,
            applicant,
            "j",
            None if invalid else "{}",
            what,
            '[{"field": "x", "problem": "y"}]' if invalid else None,
            None,
            "id" if what == "sent before" else None,
            what == "withdrawn",
            None,
            False,
        )
        with self.ledger.transaction() as conn:
            staging.lock_source(conn, "s")
            counts = staging.stage(conn, staging.Staging("s", "k", "application", RUN), [row])
        assert counts.total() == 1

    @rule(limit=st.integers(2, 3))
    def send(self, limit: int) -> None:
        with self.ledger.transaction() as conn:
            conn.execute(update(deliveries).values(not_before=None))
            intents = claims.claim(conn, Selection("s", "k"), LANE, limit, RUN)
        for intent in intents:
            applicant = intent.key.applicant_id
            past = self.past.setdefault(applicant, [])
            in_question = [ended for ended in past if ended not in FREE_TO_REPEAT]
            assert not in_question or applicant in self.ordered, f"a request after {past} that nobody ordered"
            assert "executed" not in past
            self.ordered.discard(applicant)
            self.on_wire[applicant] = intent
            past.append("A")  # until an answer says otherwise

    @precondition(lambda self: self.on_wire)
    @rule(data=st.data(), kind=st.sampled_from(sorted(OUTCOMES)))
    def answer(self, data: st.DataObject, kind: str) -> None:
        applicant = data.draw(st.sampled_from(sorted(self.on_wire)))
        intent = self.on_wire.pop(applicant)
        with self.ledger.transaction() as conn:
            results.record(conn, [decide(intent, OUTCOMES[kind])], RUN)
        self._learned(intent, kind)

    def _learned(self, intent: Intent, kind: str) -> None:
        """The newest request ended so; an order whose request was surely not executed still stands."""
        applicant = intent.key.applicant_id
        self.past[applicant][-1] = kind
        if intent.ordered_resend and decide(intent, OUTCOMES[kind]).status is Status.READY:
            self.ordered.add(applicant)

    @rule()
    def die_and_be_followed(self) -> None:
        self.ghosts += self.on_wire.values()
        self.on_wire.clear()
        self._acquire()

    @precondition(lambda self: self.ghosts)
    @rule(kind=st.sampled_from(["executed", "S", "R"]))
    def hear_late_from_a_dead_holder(self, kind: str) -> None:
        intent = self.ghosts.pop()
        before = self._row(intent.key.applicant_id)
        with self.ledger.transaction() as conn:
            results.record(conn, [decide(intent, OUTCOMES[kind])], RUN)
        after = self._row(intent.key.applicant_id)
        newest = before.attempts == intent.attempt
        reordered = before.status == Status.READY and before.ordered_resend
        if newest and kind == "executed" and (before.status == Status.IN_DOUBT or reordered):
            assert after.status == Status.DELIVERED
        elif newest and before.status == Status.IN_DOUBT and decide(intent, OUTCOMES[kind]).status != Status.IN_DOUBT:
            assert after.status == {"S": Status.READY, "R": Status.REJECTED}[kind]
            self._learned(intent, kind)
        else:
            assert after.status == before.status

    @rule(applicant=APPLICANTS)
    def forget(self, applicant: str) -> None:
        with self.ledger.transaction() as conn:
            assert erasure.forget(conn, DeliveryKey("s", LANE, applicant), GRACE)
        row = self._row(applicant)
        assert row.payload is None
        assert row.status not in (Status.READY, Status.INVALID, Status.REJECTED)

    @rule(applicant=APPLICANTS, what=st.sampled_from(["resend", "were sent", "give up"]))
    def a_person_decides(self, applicant: str, what: str) -> None:
        with self.ledger.transaction() as conn:
            asked = [doubt for doubt in doubts.in_doubt(conn, "s") if doubt.key.applicant_id == applicant]
            if what == "resend" and doubts.order_resend(conn, asked, timedelta(seconds=1), GRACE):
                self.ordered.add(applicant)
            elif what == "were sent":
                doubts.settle_as_sent(conn, asked, GRACE)
            elif what == "give up":
                doubts.give_up(conn, asked, GRACE)

    def _row(self, applicant: str) -> Any:
        with self.ledger.transaction() as conn:
            return conn.execute(deliveries.select().where(deliveries.c.applicant_id == applicant)).one()

    @invariant()
    def sending_is_what_is_on_the_wire(self) -> None:
        with self.ledger.transaction() as conn:
            rows = conn.execute(deliveries.select()).all()
        assert {row.applicant_id for row in rows if row.status == Status.SENDING} == set(self.on_wire)
        for row in rows:
            past = self.past.get(row.applicant_id, [])
            assert row.attempts == len(past)
            if row.status in (Status.REJECTED, Status.INVALID):
                assert "A" not in past or row.ordered_resend, "a doubt was turned into a refusal"

    @invariant()
    def events_tell_the_whole_life(self) -> None:
        with self.ledger.transaction() as conn:
            rows = conn.execute(deliveries.select()).all()
            lives = {row.applicant_id: history.history(conn, DeliveryKey("s", LANE, row.applicant_id)) for row in rows}
        for row in rows:
            life = lives[row.applicant_id]
            for before, after in pairwise(life):
                assert before["to_status"] == after["from_status"]
            if life:
                assert life[-1]["to_status"] == row.status


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
