"""Rows in doubt are settled by proof or by a person, never by a guess."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import create_engine, update

from kombo_provider.client import KomboClient
from kombo_provider.doubts.questions import Asked, carry_out, question
from kombo_provider.doubts.replies import REPLIES, Reply
from kombo_provider.doubts.resolve import resolve
from kombo_provider.ledger import Actor, By, DeliveryKey, Endpoint, Ledger, RunRef, asking, doubts, history, staging
from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.selection import Selection
from kombo_provider.mapping import RowMapper
from kombo_provider.sending.deliver import deliver
from kombo_provider.sending.options import SendOptions, Tuning
from kombo_sandbox.testing import API_KEY, Sandbox

INTEGRATION = "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js"
JOB = "7sWpGf2XkLr9TzQn4VbHyJ6c"
RUN = RunRef("dag", "run")
NO_TIME = timedelta()
TIMEOUT = 60.0
"""Seconds of one request. Answers are lost by resets, so that nothing here waits for its end."""
IDS = ("kombo_application_id", "kombo_application_remote_id", "kombo_candidate_id", "kombo_candidate_remote_id")
AFTER_THE_CUT = {"application": "kombo_candidate_id", "candidate": "kombo_application_id"}
"""What an answer of which half arrives holds no more: the first id, that of the record itself, it still does."""
COLUMNS = [
    "applicant_id",
    "integration_id",
    "job_id",
    "candidate__first_name",
    "candidate__last_name",
    "candidate__email_address",
]


class OneSource:
    """One source, its ledger and a client."""

    def __init__(self, sandbox: Sandbox, path: Path, endpoint: Endpoint = "application") -> None:
        self.sandbox = sandbox
        self.endpoint: Endpoint = endpoint
        self.ledger = Ledger(
            create_engine(f"sqlite:///{path / 'ledger.db'}", hide_parameters=True), digest_secret=b"of the tests"
        )
        self.ledger.ensure()
        self.reader = KomboClient(api_key=API_KEY, base_url=sandbox.url, timeout_seconds=TIMEOUT)

    def stage(self, *rows: tuple[str, str, str]) -> None:
        """Stage applicants given as (applicant id, job id, e-mail)."""
        data = [(applicant, INTEGRATION, job, "Ada", "Lovelace", email) for applicant, job, email in rows]
        mapped = RowMapper(COLUMNS, endpoint=self.endpoint).map_chunk(pd.DataFrame(data, columns=COLUMNS, dtype=object))
        with self.ledger.transaction() as conn:
            staging.lock_source(conn, "s")
            staging.stage(conn, staging.Staging("s", "k", self.endpoint, RUN), mapped)

    def deliver(self, stop: threading.Event | None = None) -> Any:
        tuning = Tuning(failures_in_row=99, failures_of_last=99, patience=0.5, wind_down=0.1)
        options = SendOptions(RUN, "holder", 30, TIMEOUT, tuning)
        return deliver(
            self.ledger,
            KomboClient(api_key=API_KEY, base_url=self.sandbox.url, timeout_seconds=TIMEOUT),
            Selection("s", "k"),
            options,
            [INTEGRATION],
            stop=stop or threading.Event(),
            read_file=lambda _: b"",
        )

    def resolve(self) -> dict[str, int]:
        return dict(resolve(self.ledger, self.reader, "s", "k", RUN))

    def row(self, applicant: str) -> dict[str, Any]:
        with self.ledger.transaction() as conn:
            found = history.find(conn, DeliveryKey("s", INTEGRATION, applicant))
        assert found is not None
        return found

    def statuses(self) -> dict[str, str]:
        with self.ledger.transaction() as conn:
            query = deliveries.select().with_only_columns(deliveries.c.applicant_id, deliveries.c.status)
            return {row[0]: row[1] for row in conn.execute(query)}

    def answer(self, reply: Reply, *applicants: str) -> int:
        return carry_out(
            self.ledger,
            reply,
            "s",
            Asked(INTEGRATION, {applicant: self.row(applicant)["attempts"] for applicant in applicants}),
            by=By(Actor.PERSON, RUN, "Grace"),
            timeout=timedelta(seconds=1),
            ask_again_after=timedelta(days=1),
        )

    def let_time_pass(self) -> None:
        with self.ledger.transaction() as conn:
            conn.execute(update(deliveries).values(not_before=None))

    @contextmanager
    def losing(self, *emails: str, **rule: Any) -> Iterator[None]:
        """Executed, and never answered; each of them has to be sent meanwhile."""
        lost = {"kind": "write_reset", "count": 1}
        self.sandbox.faults([{**lost, "match": {"email": email}, **rule} for email in emails])
        yield
        assert self.sandbox.faults() == [], "a request that was to lose its answer was not sent"


@pytest.fixture(params=["application", "candidate"])
def desk(sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest) -> OneSource:
    return OneSource(sandbox, tmp_path, request.param)


def test_a_request_without_answer_is_delivered_by_look_up_once_kombo_shows_it(desk: OneSource) -> None:
    desk.sandbox.config(visibility="after_sync")
    desk.stage(("1", JOB, "ada@example.com"), ("2", JOB, "bob@example.com"))
    with desk.losing("ada@example.com"):
        desk.deliver()
    assert desk.statuses() == {"1": "in_doubt", "2": "delivered"}
    assert desk.resolve().get("still in doubt") == 1
    desk.sandbox.sync(INTEGRATION)
    assert desk.resolve()["delivered"] == 1
    row = desk.row("1")
    assert (row["status"], row["resolution"]) == ("delivered", "lookup")
    assert row["kombo_application_id"]
    assert row["kombo_candidate_remote_id"]
    assert set(desk.sandbox.creates().values()) == {1}


def test_an_answer_that_comes_after_the_stop_ends_the_doubt_and_brings_its_ids(desk: OneSource) -> None:
    desk.stage(*((str(number), JOB, f"p{number}@example.com") for number in range(5)))
    desk.sandbox.config(latency_seconds=1)
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(desk.deliver, stop)
        while not any(desk.sandbox.stats(summary=True)["in_flight"].values()):
            time.sleep(0.01)
        stop.set()
        while "sending" in desk.statuses().values():
            time.sleep(0.01)
        begun = {applicant for applicant, status in desk.statuses().items() if status != "ready"}
        sending.result()
    assert begun, "what was on the wire is not ready again"
    for applicant in begun:
        row = desk.row(applicant)
        assert (row["status"], row["resolution"]) == ("delivered", "response")
        assert all(row[name] for name in IDS)


def test_a_look_up_never_gives_the_ids_of_one_delivery_to_another(desk: OneSource) -> None:
    desk.stage(("1", JOB, "ada@example.com"))
    desk.deliver()
    desk.sandbox.config(visibility_of_lost="never")
    desk.stage(("2", JOB, "ada@example.com"))
    with desk.losing("ada@example.com"):
        desk.deliver()
    assert desk.resolve() == {"still in doubt": 1}
    assert desk.row("2")["kombo_application_id"] is None


def test_two_doubts_about_the_same_person_and_job_are_left_to_a_person(desk: OneSource) -> None:
    desk.sandbox.config(visibility="at_once")
    desk.stage(("1", JOB, "ada@example.com"), ("2", JOB, "ADA@example.com"))
    with desk.losing("ada@example.com", count=2):
        desk.deliver()
    assert set(desk.statuses().values()) == {"in_doubt"}
    assert desk.resolve() == {"still in doubt": 2}


def test_an_ordered_resend_waits_for_the_first_request_to_end_and_already_exists_is_proof(desk: OneSource) -> None:
    desk.sandbox.config(refuse_duplicates=True, visibility_of_lost="never")
    desk.stage(("1", JOB, "ada@example.com"))
    with desk.losing("ada@example.com"):
        desk.deliver()
    sent_at = desk.row("1")["sent_at"]
    assert desk.answer(Reply.SEND_AGAIN, "1") == 1
    assert desk.row("1")["not_before"] >= sent_at + timedelta(seconds=61)
    desk.let_time_pass()
    desk.deliver()
    row = desk.row("1")
    assert (row["status"], row["resolution"]) == ("delivered", "already_exists")
    assert set(desk.sandbox.creates().values()) == {1}


def test_an_ordered_resend_that_is_refused_is_in_doubt_again_with_its_code(desk: OneSource) -> None:
    desk.sandbox.config(visibility_of_lost="never")
    desk.stage(("1", JOB, "ada@example.com"))
    with desk.losing("ada@example.com"):
        desk.deliver()
    assert desk.answer(Reply.SEND_AGAIN, "1") == 1
    desk.let_time_pass()
    desk.sandbox.faults([{"kind": "error", "code": "ATS.JOB_CLOSED", "count": 1}])
    desk.deliver()
    row = desk.row("1")
    assert (row["status"], row["error_code"]) == ("in_doubt", "ATS.JOB_CLOSED")


def test_the_answers_were_sent_and_give_up_settle_rows_for_good(desk: OneSource) -> None:
    desk.sandbox.config(visibility="after_sync")
    desk.stage(("1", JOB, "ada@example.com"), ("2", JOB, "bob@example.com"))
    with desk.losing("ada@example.com", "bob@example.com"):
        desk.deliver()
    assert desk.statuses() == {"1": "in_doubt", "2": "in_doubt"}
    assert desk.answer(Reply.WERE_SENT, "1") == 1
    assert desk.answer(Reply.GIVE_UP, "2") == 1
    desk.stage(("1", JOB, "ada@example.com"), ("2", JOB, "bob2@example.com"))
    desk.deliver()
    assert desk.statuses() == {"1": "delivered", "2": "cancelled"}
    desk.sandbox.sync(INTEGRATION)
    assert desk.resolve() == {"ids filled in": 1}
    assert desk.row("1")["kombo_application_id"]
    with desk.ledger.transaction() as conn:
        told = history.history(conn, DeliveryKey("s", INTEGRATION, "2"))
    assert (told[-1]["actor_name"], told[-1]["to_status"]) == ("Grace", "cancelled")


def test_ids_that_an_answer_left_out_are_filled_in_later(desk: OneSource) -> None:
    desk.stage(("1", JOB, "ada@example.com"), ("2", JOB, "bob@example.com"))
    desk.sandbox.faults(
        [
            {"kind": "null_ids", "count": 1, "match": {"email": "ada@example.com"}},
            {"kind": "truncated", "count": 1, "match": {"email": "bob@example.com"}},
        ]
    )
    desk.deliver()
    assert set(desk.statuses().values()) == {"delivered"}
    assert desk.row("2")[AFTER_THE_CUT[desk.endpoint]] is None
    assert desk.resolve() == {"ids filled in": 2}
    for applicant in ("1", "2"):
        row = desk.row(applicant)
        assert all(row[name] for name in IDS)
    assert desk.resolve() == {}


def test_one_question_is_open_for_an_integration_and_shows_no_personal_data(desk: OneSource) -> None:
    desk.sandbox.config(visibility_of_lost="never")
    desk.stage(("1", JOB, "ada@example.com"))
    with desk.losing("ada@example.com"):
        desk.deliver()
    with desk.ledger.transaction() as conn:
        assert asking.integrations_to_ask(conn, "s", NO_TIME) == []  # not looked up yet
    desk.resolve()
    with desk.ledger.transaction() as conn:
        assert asking.integrations_to_ask(conn, "s", NO_TIME) == [INTEGRATION]
        asked = doubts.in_doubt(conn, "s", INTEGRATION)
        asking.ask_again_after(conn, asked, timedelta(days=7))
        assert asking.integrations_to_ask(conn, "s", NO_TIME) == []
    text = json.dumps(question("s", INTEGRATION, asked))
    assert "ada@example.com" not in text
    assert "Lovelace" not in text
    assert all(str(answer) in text for answer in REPLIES)
