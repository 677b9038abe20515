"""The funnel counts each delivery that went out once, in one place, in the week of its request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from kombo_provider.ledger import Ledger, Status
from kombo_provider.ledger._sync_tables import applications, jobs
from tests.unit.ledger.book import VALID, Book

SUNDAY = datetime(2026, 3, 8, 23, 59, 59, tzinfo=UTC)
MONDAY = SUNDAY + timedelta(seconds=1)
AT = {"integration_id": "greenhouse:a", "synced_at": MONDAY}
PLACES = ("unseen", "open", "hired", "declined", "deleted")


def funnel(ledger: Ledger, view: str = "kombo_funnel") -> list[Mapping[str, Any]]:
    with ledger.transaction() as conn:
        return [dict(row) for row in conn.execute(text(f"SELECT * FROM {view} ORDER BY week, job_id")).mappings()]


def one(ledger: Ledger) -> Mapping[str, Any]:
    (row,) = funnel(ledger)
    assert row["delivered"] == sum(row[place] for place in PLACES)
    return row


def pull(book: Book, number: str, **said: Any) -> None:
    values = {"id": f"app-{number}", "job_id": "job-1", "outcome": "PENDING"} | AT | said
    with book.ledger.transaction() as conn:
        conn.execute(applications.insert().values(values))


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (None, "unseen"),
        ({}, "open"),
        ({"outcome": None}, "open"),
        ({"outcome": "HIRED", "hired_at": MONDAY}, "hired"),
        ({"outcome": "HIRED", "hired_at": MONDAY, "remote_deleted_at": MONDAY}, "hired"),
        ({"outcome": "DECLINED"}, "declined"),
        ({"outcome": "DECLINED", "remote_deleted_at": MONDAY}, "declined"),
        ({"remote_deleted_at": MONDAY}, "deleted"),
    ],
)
def test_a_delivered_row_stands_in_one_place(book: Book, record: dict[str, Any] | None, place: str) -> None:
    book.deliver("1")
    if record is not None:
        pull(book, "1", **record)
    row = one(book.ledger)
    assert (row["sent"], row["delivered"]) == (1, 1)
    assert {name: row[name] for name in PLACES if row[name]} == {place: 1}


def test_what_never_left_is_not_sent_and_what_is_in_doubt_is_not_delivered(book: Book) -> None:
    book.stage(*(VALID.but(applicant_id=str(number)) for number in range(3)))
    first, second = book.claim(2)
    book.record(first, Status.IN_DOUBT)
    book.record(second, Status.REJECTED)
    row = one(book.ledger)
    assert (row["sent"], row["delivered"]) == (2, 0)


def test_a_week_begins_on_monday_in_utc_and_days_to_hire_begin_with_the_request(book: Book) -> None:
    book.deliver("1", "2")
    book.set("1", first_sent_at=SUNDAY)
    book.set("2", first_sent_at=MONDAY)
    pull(book, "1", outcome="HIRED", hired_at=SUNDAY + timedelta(days=3))
    pull(book, "2", outcome="HIRED", hired_at=MONDAY + timedelta(hours=36))
    first, second = funnel(book.ledger)
    assert [str(first["week"]), str(second["week"])] == [str(date(2026, 3, 2)), str(date(2026, 3, 9))]
    assert first["days_to_hire"] == pytest.approx(3)
    assert second["days_to_hire"] == pytest.approx(1.5)


def test_a_job_named_by_the_ats_is_counted_with_the_same_job_by_kombos_id(book: Book) -> None:
    book.deliver("1", "2")
    book.set("1", job_id="remote:j1")
    with book.ledger.transaction() as conn:
        conn.execute(jobs.insert().values(id="job-1", remote_id="j1", name="Nurse", **AT))
        conn.execute(jobs.insert().values(id="job-9", remote_id="remote:j1", name="Other", **AT))
    row = one(book.ledger)
    assert (row["job_id"], row["job_name"], row["sent"]) == ("job-1", "Nurse", 2)


def test_a_row_counts_once_where_two_jobs_have_the_same_id_in_the_ats(book: Book) -> None:
    book.deliver("1")
    book.set("1", job_id="remote:j1")
    with book.ledger.transaction() as conn:
        conn.execute(jobs.insert().values(id="job-a", remote_id="j1", name="Gone", remote_deleted_at=MONDAY, **AT))
        conn.execute(jobs.insert().values(id="job-b", remote_id="j1", name="Nurse", **AT))
    row = one(book.ledger)
    assert (row["job_id"], row["job_name"], row["sent"]) == ("job-b", "Nurse", 1)


def test_what_an_earlier_tool_sent_counts_as_sent(book: Book) -> None:
    book.stage(VALID.but(already_sent="app-1", payload=None))
    pull(book, "1", remote_created_at=SUNDAY)
    row = one(book.ledger)
    assert (row["sent"], row["delivered"], row["open"], str(row["week"])) == (1, 1, 1, "2026-03-02")


def test_open_applications_are_counted_by_stage(book: Book) -> None:
    book.deliver("1", "2", "3")
    pull(book, "1", current_stage_id="s1", current_stage_name="Applied")
    pull(book, "2", current_stage_id="s1", current_stage_name="Applied")
    pull(book, "3", current_stage_id="s1", outcome="DECLINED")
    (row,) = funnel(book.ledger, "kombo_funnel_stages")
    assert (row["stage_id"], row["stage_name"], row["applications"]) == ("s1", "Applied", 2)
