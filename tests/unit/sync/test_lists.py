"""A list with a page too large to be read is read in smaller ones: nothing counted twice, nothing found out twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from kombo_provider.client.reads import Page
from kombo_provider.errors import AnswerTooLargeError, ApiError, UnreadableAnswerError
from kombo_provider.ledger import Ledger
from kombo_provider.sync.fleet import Report
from tests.unit.ledger.book import Book
from tests.unit.sync.kombo import Kombo, application, ids, sync

NAMES = [f"{number:03}" for number in range(300)]
LARGE = "app-260"


class LargeRecords(Kombo):
    """A Kombo that heeds `page_size`; a page of more than `most` records with a large one cannot be read."""

    def __init__(self) -> None:
        super().__init__()
        self.put("applications", *map(application, NAMES))
        self.most = 250
        self.large: Sequence[str] = [LARGE]
        self.error: ApiError = AnswerTooLargeError("answered with more than is read at once", http_status=200)

    def pages(self, model: str, integration_id: str, **filters: Any) -> Iterator[Page]:
        self.page_size = filters["page_size"]
        for page in super().pages(model, integration_id, **filters):
            if self.page_size > self.most and any(record["id"] in self.large for record in page.results):
                raise self.error
            yield page

    def sizes(self) -> list[int]:
        """Return the page sizes of the lists that were asked for since the last call."""
        asked, self.asked = self.asked, []
        return [filters["page_size"] for _, _, filters in asked if "ids" not in filters]


@pytest.fixture
def kombo() -> LargeRecords:
    return LargeRecords()


def full(ledger: Ledger, kombo: LargeRecords) -> Report:
    return sync(ledger, kombo, "applications", full_now=True)


def test_records_before_a_page_that_is_too_large_count_once(book: Book, kombo: LargeRecords) -> None:
    book.deliver(*NAMES)
    kombo.most = 25
    kombo.records["applications", "greenhouse:a"].insert(0, {"id": None, "changed_at": "2026-01-01T00:00:00Z"})
    report = full(book.ledger, kombo)
    assert (report.counts["records"], report.counts["pages"], report.counts["unreadable"]) == (301, 13, 1)
    assert ids(book.ledger) == [f"app-{name}" for name in NAMES]


def test_the_next_pull_begins_with_the_size_that_could_be_read(book: Book, kombo: LargeRecords) -> None:
    book.deliver(*NAMES)
    kombo.most = 2
    full(book.ledger, kombo)
    assert kombo.sizes() == [250, 25, 2]
    sync(book.ledger, kombo, "applications")
    assert kombo.sizes() == [2]


def test_a_full_pull_tries_whether_larger_pages_can_be_read_again(book: Book, kombo: LargeRecords) -> None:
    book.deliver(*NAMES)
    kombo.most = 2
    full(book.ledger, kombo)
    kombo.most = 250
    kombo.sizes()
    for _ in range(3):
        full(book.ledger, kombo)
    assert kombo.sizes() == [25, 250, 250]


def test_a_pull_that_is_killed_after_its_pages_became_smaller_need_not_find_that_out_again(
    book: Book, kombo: LargeRecords
) -> None:
    book.deliver(*NAMES)
    kombo.most = 2

    def kill(model: str, integration_id: str, number: int) -> None:
        if kombo.page_size == 2 and number == 5:
            raise KeyboardInterrupt

    kombo.before = kill
    with pytest.raises(KeyboardInterrupt):
        full(book.ledger, kombo)
    kombo.before = None
    kombo.sizes()
    full(book.ledger, kombo)
    assert kombo.sizes() == [25, 2], "one size more than is known to work, as each full pull"


def test_pages_become_smaller_around_a_record_that_is_no_json_and_what_stands_before_it_is_stored(
    book: Book, kombo: LargeRecords
) -> None:
    book.deliver(*NAMES)
    kombo.most, kombo.error = 0, UnreadableAnswerError("a record is no JSON", http_status=200)
    with pytest.raises(UnreadableAnswerError):
        full(book.ledger, kombo)
    assert kombo.sizes() == [250, 25, 2, 1]
    assert ids(book.ledger) == [f"app-{name}" for name in NAMES if f"app-{name}" < LARGE]


def test_items_that_are_no_records_count_as_unreadable(book: Book) -> None:
    class Holes(Kombo):
        def pages(self, model: str, integration_id: str, **filters: Any) -> Iterator[Page]:
            for page in super().pages(model, integration_id, **filters):
                yield page._replace(skipped=2)

    book.deliver("1")
    kombo = Holes()
    kombo.put("applications", application("1"))
    report = sync(book.ledger, kombo, "applications")
    assert (report.counts["records"], report.counts["unreadable"]) == (3, 2)
