"""The fleet is read a few at a time, in flat memory and few requests; who waits longest comes first."""

from __future__ import annotations

import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import func, select

from kombo_provider.client.reads import Page
from kombo_provider.errors import AccountError
from kombo_provider.ledger import Ledger, pulls
from kombo_provider.ledger._sync_tables import applications, job_questions, job_stages, jobs
from kombo_provider.sync.fleet import Fleet
from kombo_provider.sync.pacing import SharedPace, TooLateError
from kombo_provider.sync.plan import Wanted
from tests.unit.ledger.book import INVALID, VALID, Book
from tests.unit.sync.kombo import A, B, Kombo, application, stored, sync


class Large(Kombo):
    """Makes its pages as they are asked for: so many applications of each integration."""

    def __init__(self, records_each: int) -> None:
        super().__init__()
        self.records_each = records_each

    def pages(self, model: str, integration_id: str, **filters: Any) -> Iterator[Page]:
        for start in range(0, self.records_each, 250):
            self.requests += 1
            end = min(start + 250, self.records_each)
            page = [application(f"{integration_id}-{number}") for number in range(start, end)]
            yield Page(page, is_last=end == self.records_each)


@pytest.mark.parametrize("pages", [2, 10])
def test_memory_does_not_grow_with_the_number_of_pages(ledger: Ledger, pages: int) -> None:
    Book(ledger).stage(*(VALID.but(applicant_id=str(n), integration_id=f"ats:{n}") for n in range(4)))
    kombo = Large(pages * 250)
    tracemalloc.start()
    try:
        report = sync(ledger, kombo, "applications", scope="all")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kombo.requests == 4 * pages
    assert report.counts["records"] == 4 * pages * 250
    assert peak < 40_000_000
    with ledger.transaction() as conn:
        assert conn.scalar(select(func.count()).select_from(applications)) == 4 * pages * 250


def test_a_refused_key_ends_the_sync(book: Book) -> None:
    book.stage(VALID)

    def refuse(model: str, integration_id: str, number: int) -> None:
        raise AccountError("the key is refused")

    with pytest.raises(AccountError):
        sync(book.ledger, Kombo(before=refuse))


@pytest.mark.parametrize("where", ["a page", "a look-up"])
def test_an_integration_that_nobody_thought_of_ends_no_other_and_its_data_stays_out_of_the_log(
    book: Book, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    book.stage(VALID, VALID.but(integration_id=B))

    def stumble(model: str, integration_id: str, number: int) -> None:
        if integration_id == A and where == "a page":
            raise RecursionError("ada@example.com")

    class Late:
        def see(self, integration_id: str, records: Any) -> None:
            """Look at nothing."""

        def settle(self, integration_id: str) -> Counter[str]:
            if integration_id == A and where == "a look-up":
                raise KeyError("ada@example.com")
            return Counter()

    kombo = Kombo(before=stumble)
    kombo.put("applications", application("b"), of=B)
    report = Fleet(book.ledger, kombo, "kombo_default", Wanted(scope="all"), late=Late()).sync(["applications"])
    assert report.failed == {A: "UnexpectedDataError"}
    assert [row["id"] for row in stored(book.ledger)] == ["app-b"]
    assert f"Reading {A} failed: " in caplog.text
    assert "ada@" not in caplog.text


def begin_one_after_the_other(book: Book, integration_ids: list[str]) -> None:
    for name in integration_ids:
        with book.ledger.transaction() as conn:
            pulls.begin(conn, "kombo_default", name, "applications")


def test_an_integration_whose_turn_does_not_come_is_first_in_the_next_run(book: Book) -> None:
    begun = [f"a:{n}" for n in range(4)]
    book.stage(*(VALID.but(integration_id=name) for name in (*begun, "z:last")))
    begin_one_after_the_other(book, [*begun, "z:last"])
    all_four = threading.Barrier(4)

    def over(model: str, integration_id: str, number: int) -> None:
        all_four.wait(60)
        raise TooLateError

    report = sync(book.ledger, Kombo(before=over), "applications")
    assert sorted(report.left) == [*begun, "z:last"]
    assert not report.failed
    with book.ledger.transaction() as conn:
        assert pulls.integrations(conn, "kombo_default", ["applications"])[0] == "z:last"


def _take_all_time(endless: Sequence[str]) -> Callable[[str, str, int], None]:
    """Let four integrations be read until the run's time is over."""
    is_over, all_four = threading.Event(), threading.Barrier(4)

    def take(model: str, integration_id: str, number: int) -> None:
        if integration_id in endless:
            all_four.wait(60)
            is_over.set()
        if is_over.is_set():
            raise TooLateError

    return take


def test_four_integrations_that_never_end_in_time_keep_the_others_from_one_run_at_most(book: Book) -> None:
    endless, short = [f"a:{n}" for n in range(4)], [f"b:{n}" for n in range(6)]
    book.stage(*(VALID.but(integration_id=name) for name in endless + short))
    begin_one_after_the_other(book, endless + short)
    read: set[str] = set()
    for _ in range(2):
        report = sync(book.ledger, Kombo(before=_take_all_time(endless)), "applications", "candidates")
        read |= {*endless, *short} - set(report.left)
    assert read == set(short)


def test_a_read_that_is_cut_off_is_named(book: Book, caplog: pytest.LogCaptureFixture) -> None:
    book.stage(VALID)

    def over(model: str, integration_id: str, number: int) -> None:
        raise TooLateError

    sync(book.ledger, Kombo(before=over), "applications")
    assert f"{A}: the read of its applications did not end in this run" in caplog.text


def test_integrations_named_beside_are_read_before_anything_was_sent_to_them(book: Book) -> None:
    kombo = Kombo()
    stage = {"id": "s1", "name": "Applied", "index": 0}
    question = {"id": "q1", "title": "Why?", "format": {"type": "TEXT"}}
    job = {"id": "job-1", "name": "Nurse", "changed_at": "2026-01-01T00:00:00Z"}
    kombo.put("jobs", job | {"stages": [stage, stage | {"id": "s2"}], "screening_questions": [question]})
    Fleet(book.ledger, kombo, "kombo_default", Wanted()).sync(["jobs"], also=[A])
    assert [row["name"] for row in stored(book.ledger, jobs)] == ["Nurse"]
    assert [row["id"] for row in stored(book.ledger, job_stages)] == ["s1", "s2"]
    assert [row["type"] for row in stored(book.ledger, job_questions)] == ["TEXT"]
    kombo.put("jobs", job | {"stages": [stage], "screening_questions": [], "changed_at": "2099-01-01T00:00:00Z"})
    Fleet(book.ledger, kombo, "kombo_default", Wanted()).sync(["jobs"], also=[A])
    assert [row["id"] for row in stored(book.ledger, job_stages)] == ["s1"]
    assert stored(book.ledger, job_questions) == []


def test_an_integration_that_only_invalid_rows_name_is_not_asked_for(book: Book) -> None:
    book.stage(VALID, INVALID.but(applicant_id="2", integration_id="typo"))
    kombo = Kombo()
    sync(book.ledger, kombo, "applications")
    assert [integration_id for _, integration_id, _ in kombo.asked] == [A]


def test_a_stop_lets_no_page_begin(book: Book) -> None:
    book.deliver("1")
    pace = SharedPace(book.ledger, "kombo_default", turn_seconds=0)
    kombo = Kombo(before=lambda *_: pace.wait())
    report = sync(book.ledger, kombo, "applications")
    assert report.left == [A]
    assert stored(book.ledger) == []
