"""A ledger with rows of one lane, and what sends them with a client that answers by script."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import create_engine, select

from kombo_provider.client.outcome import CreatedIds, Endpoint, Outcome, OutcomeClass
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import LaneState, Ledger, RunRef, lane_states, staging
from kombo_provider.ledger._tables import deliveries, lanes
from kombo_provider.ledger.selection import Selection
from kombo_provider.mapping import MappedRow
from kombo_provider.sending.body_memory import BodyMemory
from kombo_provider.sending.file_reads import FileReads
from kombo_provider.sending.group_commit import GroupCommit
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.opening import open_lane
from kombo_provider.sending.options import SendOptions, Tuning
from kombo_provider.sending.requester import Requester
from kombo_provider.sending.sender import Sender
from tests.waiting import PATIENCE_SECONDS

RUN = RunRef("dag", "run")
CAP = 4
QUICK = Tuning(first_backoff=0.01, longest_backoff=0.05, patience=0.5, wind_down=0.2, last_tries=0.2)
Answering = Callable[[str], Outcome]


def delivered(job_id: str) -> Outcome:
    """Kombo's answer to a create; the rows' jobs are named as the rows."""
    return Outcome(OutcomeClass.EXECUTED, http_status=200, ids=CreatedIds(f"app-{job_id}", None, None, None))


@dataclass
class ScriptedClient:
    """Answers creates as a test says; keeps what was asked for, in order."""

    answer: Answering = delivered
    asked: list[tuple[str, str]] = field(default_factory=list)

    def create(
        self,
        endpoint: Endpoint,
        integration_id: str,
        job_id: str,
        body: bytes,
        *,
        may_begin: Callable[[], bool] | None = None,
    ) -> Outcome:
        if may_begin is not None and not may_begin():
            return Outcome(OutcomeClass.NOT_BEGUN)
        self.asked.append((integration_id, job_id))
        return self.answer(job_id)


class Desk:
    """Rows of some lanes in a ledger, one sender for them, and the ledger's statuses afterwards."""

    def __init__(self, ledger: Ledger, source: str = "s", holder: str = "holder") -> None:
        self.ledger, self.client, self.stop = ledger, ScriptedClient(), threading.Event()
        self.selection = Selection(source, "k")
        self.options = SendOptions(RUN, holder, CAP, PATIENCE_SECONDS, QUICK)

    def stage(self, *applicant_ids: str, lane: str = "ats:a", backfill: bool = False) -> None:
        """Put rows into the ledger, in one lane whose cap is known."""
        with self.ledger.transaction() as conn:
            source = self.selection.source
            staging.lock_source(conn, source)
            rows = [MappedRow(lane, key, key, "{}", key, None, None, None, False, None, False) for key in applicant_ids]
            staging.stage(conn, staging.Staging(source, "k", "application", RUN, backfill=backfill), rows)
            lane_states.set_state(conn, "k", lane, LaneState.OPEN)
            lane_states.see_cap(conn, "k", lane, CAP)

    def open(self, *integration_ids: str) -> list[Lane]:
        """Take the lanes."""
        return [
            open_lane(self.ledger, self.selection, self.options, name, time.monotonic()) for name in integration_ids
        ]

    def group_commit(self, memory: BodyMemory | None = None) -> GroupCommit:
        """What keeps the ledger for this desk's sender."""
        return GroupCommit(self.ledger, self.selection, self.options, memory or BodyMemory(), time.monotonic)

    def send(self, *integration_ids: str) -> list[Lane]:
        """Send what is due on the lanes; return them as they ended."""
        opened, memory = self.open(*integration_ids), BodyMemory()
        files = FileReads(lambda _: b"", within_seconds=1.0, clock=time.monotonic)
        requester = Requester(self.client, files, memory, stop=self.stop)
        Sender(requester, self.group_commit(memory), self.options, stop=self.stop).send(opened)
        return opened

    def statuses(self) -> dict[str, str]:
        """The status of each row."""
        with self.ledger.transaction() as conn:
            found = conn.execute(select(deliveries.c.applicant_id, deliveries.c.status))
            return {row[0]: row[1] for row in found}

    def holders(self) -> set[str | None]:
        """Who holds the lanes."""
        with self.ledger.transaction() as conn:
            return set(conn.scalars(select(lanes.c.lease_holder)))


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    """An empty ledger in both databases, and its sender."""
    ledger = Ledger(create_engine(database_url, **ENGINE_OPTIONS))
    ledger.ensure()
    yield Desk(ledger)
    ledger.close()
