"""Questions over days, with the time injected: nobody answers, and still each doubt is told of once, within a day."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Table, select, update

from kombo_provider.doubts import held, questions
from kombo_provider.doubts.questions import Asked
from kombo_provider.doubts.replies import HeldReply, Reply
from kombo_provider.ledger import Hold, holds, staging
from kombo_provider.ledger import questions as open_questions
from kombo_provider.ledger._run_tables import questions as questions_table
from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.questions import About, QuestionKey
from kombo_provider.operators.doubts import ASKED_WITHIN, QUESTION_OPEN_FOR
from kombo_provider.pipeline import ASKING_RUNS_AT_MOST
from tests.unit.doubts.test_resolve import put_in_doubt
from tests.unit.ledger.book import GRACE, SELECTION, STAGING, VALID, Book

HOUR = timedelta(hours=1)
TIMEOUT = timedelta(minutes=5)
ROWS_TIMES = ("sent_at", "first_sent_at", "staged_at", "looked_up_at", "ask_after", "asked_at", "finished_at")
QUESTIONS_TIMES = ("open_until", "ask_after")


class Asking:
    """The runs of an asking DAG on a ledger whose clock is moved."""

    def __init__(self, book: Book) -> None:
        self.book, self.hour = book, 0
        self.open_runs: dict[int, list[Asked]] = {}
        self.told: Counter[tuple[str, str]] = Counter()
        self.told_at: dict[tuple[str, str], int] = {}

    def pass_an_hour(self) -> None:
        """Let everything that the ledger knows be an hour longer ago, and questions end that nobody answered."""
        self.hour += 1
        for table, names in ((deliveries, ROWS_TIMES), (questions_table, QUESTIONS_TIMES)):
            self._shift(table, names)
        for began in [began for began in self.open_runs if (self.hour - began) * HOUR >= QUESTION_OPEN_FOR]:
            for asked in self.open_runs.pop(began):
                questions.close(self.book.ledger, STAGING.source, asked, str(began))

    def _shift(self, table: Table, names: tuple[str, ...]) -> None:
        keys = list(table.primary_key)
        with self.book.ledger.transaction() as conn:
            for row in conn.execute(select(table)).mappings().all():
                earlier = {name: row[name] - HOUR for name in names if row[name] is not None}
                if earlier:
                    conn.execute(update(table).where(*(key == row[key.name] for key in keys)).values(earlier))

    def run(self) -> None:
        """Do what a run does when it is due, where Airflow lets one more run begin."""
        if len(self.open_runs) == ASKING_RUNS_AT_MOST:
            return
        by, source, ledger = str(self.hour), STAGING.source, self.book.ledger
        found = questions.collect(
            ledger, source, timeout=TIMEOUT, open_for=QUESTION_OPEN_FOR + ASKED_WITHIN, asked_by=by
        )
        for asked in found:
            question = questions.put(ledger, source, asked)
            assert question is not None
            if question.is_news:
                news = [doubt for doubt in questions.still_in_doubt(ledger, source, asked) if doubt.is_news]
                self.told.update((asked.integration_id, doubt.key.applicant_id) for doubt in news)
                self.told_at |= {(asked.integration_id, doubt.key.applicant_id): self.hour for doubt in news}
            questions.told(ledger, source, asked)
        if found:
            self.open_runs[self.hour] = found

    def open_integrations(self) -> list[str]:
        return [asked.integration_id for asked_in_run in self.open_runs.values() for asked in asked_in_run]


def test_forty_integrations_in_doubt_one_per_hour_are_each_told_of_once_within_a_day_though_nobody_answers(
    book: Book,
) -> None:
    asking = Asking(book)
    fell: dict[tuple[str, str], int] = {}

    def fall(lane: str, name: str, *, looked_up: bool) -> None:
        put_in_doubt(book, name, lane=lane)
        fell[lane, name] = asking.hour
        if looked_up:
            book.set(name, looked_up_at=book.row(name, lane)["sent_at"])

    for hour in range(70):
        if hour < 40:
            fall(f"ats:{hour}", f"a{hour}", looked_up=hour % 2 == 0)  # the others cannot be read by any look-up
        if hour in (2, 17, 30):
            fall("ats:0", f"again{hour}", looked_up=True)
        asking.pass_an_hour()
        asking.run()
        assert len(asking.open_runs) <= ASKING_RUNS_AT_MOST
        assert max(Counter(asking.open_integrations()).values(), default=0) <= 1, "one open question per integration"
    assert asking.told == Counter(list(fell))
    assert max(asking.told_at[key] - fell[key] for key in fell) <= 24


def _collect(book: Book, by: str = "run") -> dict[str, list[str]]:
    found = questions.collect(book.ledger, STAGING.source, timeout=timedelta(), open_for=HOUR, asked_by=by)
    return {asked.integration_id: sorted(asked.attempts) for asked in found}


def test_a_new_doubt_does_not_wait_for_one_that_somebody_keeps_looking_for(book: Book) -> None:
    lane = "greenhouse:a"
    put_in_doubt(book, "ada")
    book.set("ada", looked_up_at=book.row("ada")["sent_at"])
    assert _collect(book) == {lane: ["ada"]}
    asked = Asked(lane, {"ada": 1})
    questions.carry_out(
        book.ledger,
        Reply.KEEP_LOOKING,
        STAGING.source,
        asked,
        by=GRACE,
        timeout=timedelta(),
        ask_again_after=24 * HOUR,
    )
    questions.close(book.ledger, STAGING.source, asked, "run")
    put_in_doubt(book, "bob")
    book.set("bob", looked_up_at=book.row("bob")["sent_at"])
    assert _collect(book) == {lane: ["bob"]}


def test_of_two_runs_that_meet_one_puts_the_question_and_only_that_one_closes_it(book: Book) -> None:
    key = QuestionKey(STAGING.source, "greenhouse:a", About.DOUBTS)
    with book.ledger.transaction() as conn:
        assert open_questions.open_one(conn, key, "one", HOUR)
        assert not open_questions.open_one(conn, key, "other", HOUR)
        open_questions.close(conn, key, "other")
        assert not open_questions.open_one(conn, key, "other", HOUR)
        open_questions.close(conn, key, "one")
        assert open_questions.open_one(conn, key, "other", HOUR)


def _held(book: Book, *names: str) -> None:
    book.stage(*(VALID.but(applicant_id=name) for name in names), hold=Hold.APPROVAL)


def _ask_about_held(book: Book) -> Asked:
    (asked,) = held.collect(book.ledger, SELECTION, open_for=HOUR, asked_by="run")
    return asked


def test_yes_releases_the_held_rows_that_were_asked_about_and_no_others(book: Book) -> None:
    _held(book, "1", "2")
    asked = _ask_about_held(book)
    assert held.collect(book.ledger, SELECTION, open_for=HOUR, asked_by="other") == []
    question = held.put(book.ledger, SELECTION, asked)
    assert question is not None
    assert question.subject == "2 rows held for greenhouse:a"
    _held(book, "3")
    assert held.carry_out(book.ledger, HeldReply.SEND, SELECTION, asked, by=GRACE) == 2
    assert [intent.key.applicant_id for intent in book.claim()] == ["1", "2"]


def test_no_cancels_held_rows_for_good_or_leaves_them(book: Book) -> None:
    _held(book, "1", "2")
    asked = _ask_about_held(book)
    assert held.carry_out(book.ledger, HeldReply.LEAVE, SELECTION, asked, by=GRACE) == 0
    assert book.statuses() == {"ready": 2}
    assert held.carry_out(book.ledger, HeldReply.CANCEL, SELECTION, asked, by=GRACE) == 2
    _held(book, "1", "2")
    assert book.statuses() == {"cancelled": 2}
    assert book.row("1")["payload"] is None
    assert held.put(book.ledger, SELECTION, asked) is None


def test_held_rows_are_told_of_again_only_where_they_are_more_or_others(book: Book) -> None:
    _held(book, "1", "2")
    for expected in (True, False):
        asked = _ask_about_held(book)
        question = held.put(book.ledger, SELECTION, asked)
        assert question is not None
        assert question.is_news is expected
        held.told(book.ledger, SELECTION, asked)
        questions.close(book.ledger, STAGING.source, asked, "run")
    held.carry_out(book.ledger, HeldReply.SEND, SELECTION, asked, by=GRACE)
    assert held.collect(book.ledger, SELECTION, open_for=HOUR, asked_by="run") == []
    _held(book, "3")
    question = held.put(book.ledger, SELECTION, _ask_about_held(book))
    assert question is not None
    assert question.is_news


def _hold_by_backfill(book: Book, *names: str) -> None:
    backfill = replace(STAGING, backfill=True, hold=Hold.APPROVAL)
    rows = [VALID.but(applicant_id=name) for name in names]
    with book.ledger.transaction() as conn:
        staging.lock_source(conn, STAGING.source)
        staging.stage(conn, backfill, rows)


@pytest.mark.parametrize("reply", [HeldReply.SEND, HeldReply.CANCEL])
def test_an_answer_touches_no_row_that_was_held_after_the_question(book: Book, reply: HeldReply) -> None:
    """The later ones would leave first: they are no backfill's."""
    _hold_by_backfill(book, "1", "2", "3")
    asked = _ask_about_held(book)
    _held(book, "new-1", "new-2")
    assert held.carry_out(book.ledger, reply, SELECTION, asked, by=GRACE) == 3
    assert [book.row(f"new-{number}")["hold"] for number in (1, 2)] == ["approval"] * 2


def test_an_answer_touches_no_row_that_took_the_place_of_one_that_left(book: Book) -> None:
    _held(book, "1", "2", "3")
    asked = _ask_about_held(book)
    with book.ledger.transaction() as conn:
        holds.release(conn, replace(SELECTION, applicant_ids=("2", "3")), Hold.APPROVAL)
    _held(book, "new-1", "new-2")
    question = held.put(book.ledger, SELECTION, asked)
    assert question is not None
    assert question.subject == "1 row held for greenhouse:a"
    assert held.carry_out(book.ledger, HeldReply.CANCEL, SELECTION, asked, by=GRACE) == 1
    assert book.statuses() == {"cancelled": 1, "ready": 4}


def test_a_row_that_changed_after_the_question_is_asked_about_again(book: Book) -> None:
    _held(book, "1", "2")
    asked = _ask_about_held(book)
    book.stage(VALID.but(applicant_id="2", payload_sha256="another"), hold=Hold.APPROVAL)
    assert held.carry_out(book.ledger, HeldReply.SEND, SELECTION, asked, by=GRACE) == 1
    questions.close(book.ledger, STAGING.source, asked, "run")
    again = _ask_about_held(book)
    assert held.carry_out(book.ledger, HeldReply.SEND, SELECTION, again, by=GRACE) == 1


@pytest.mark.parametrize("by_person", [True, False])
def test_rows_in_place_of_those_that_left_are_told_of(book: Book, *, by_person: bool) -> None:
    _held(book, "1", "2", "3")
    asked = _ask_about_held(book)
    held.told(book.ledger, SELECTION, asked)
    _held(book, "new-1", "new-2")
    if by_person:
        held.carry_out(book.ledger, HeldReply.SEND, SELECTION, asked, by=GRACE)
    else:
        with book.ledger.transaction() as conn:
            holds.release(conn, replace(SELECTION, applicant_ids=("2", "3")), Hold.APPROVAL)
    questions.close(book.ledger, STAGING.source, asked, "run")
    question = held.put(book.ledger, SELECTION, _ask_about_held(book))
    assert question is not None
    assert question.is_news


def test_rows_that_a_clock_far_ahead_staged_are_asked_about(book: Book) -> None:
    _held(book, "1", "2")
    for name in ("1", "2"):
        book.set(name, staged_at=datetime.now(UTC) + timedelta(days=400))
    asked = _ask_about_held(book)
    assert held.carry_out(book.ledger, HeldReply.SEND, SELECTION, asked, by=GRACE) == 2


@pytest.mark.parametrize("column", ["open_until", "ask_after"])
def test_a_question_that_a_clock_far_ahead_put_off_is_put(book: Book, column: str) -> None:
    _held(book, "1")
    _ask_about_held(book)
    put_off = {"open_until": None, "ask_after": None, column: datetime.now(UTC) + timedelta(days=400)}
    with book.ledger.transaction() as conn:
        conn.execute(update(questions_table).values(put_off))
    _ask_about_held(book)


def test_a_doubt_that_a_clock_far_ahead_put_off_is_asked_about(book: Book) -> None:
    put_in_doubt(book, "ada")
    sent_at = datetime.now(UTC) - timedelta(days=1)
    book.set("ada", sent_at=sent_at, looked_up_at=datetime.now(UTC), ask_after=datetime.now(UTC) + timedelta(days=400))
    assert _collect(book) == {"greenhouse:a": ["ada"]}
