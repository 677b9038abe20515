"""Lists of Kombo's records, read page after page in pages small enough to be read, and counted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any, Protocol

from sqlalchemy import Connection

from kombo_provider.client.client import Model
from kombo_provider.client.reads import Page
from kombo_provider.errors import AnswerTooLargeError, UnreadableAnswerError
from kombo_provider.ledger import pulls
from kombo_provider.ledger.pulls import Pull
from kombo_provider.sync import records

log = logging.getLogger(__name__)

PAGE_SIZES = (250, 25, 2, 1)
"""Records in one page: as many as Kombo gives, unless they hold so much that no answer can."""


class Reads(Protocol):
    """What a pull needs of a client (see kombo_provider.client.client.KomboClient)."""

    def pages(self, model: Model, integration_id: str, **filters: Any) -> Iterator[Page]:
        """Yield page after page."""


class Lists:
    """Reads the lists of one pull; `counts` are of `pages`, `records` and `unreadable` ones, each counted once.

    It begins with the page size that the last pull ended with. A full pull (`is_full`) tries the next larger one:
    records need not stay as large as they once were.
    """

    def __init__(self, client: Reads, begun: Pull, *, is_full: bool) -> None:
        self._client, self._begun = client, begun
        self._known_size = begun.page_size
        self._size = _first_size(begun.page_size, is_full=is_full)
        self.counts: Counter[str] = Counter()

    def read(self, **filters: Any) -> Iterator[Page]:
        """Yield page after page; from the beginning again in smaller pages where one is larger than can be read."""
        before = self.counts.copy()
        while True:
            try:
                yield from self._pages(filters)
            except (AnswerTooLargeError, UnreadableAnswerError) as exc:
                smaller = [size for size in PAGE_SIZES if size < self._size]
                if not smaller:
                    raise
                self._size = smaller[0]
                # From the beginning, since no document says that a cursor goes on in pages of another size; what was
                # read already is read, and counted, again.
                self.counts = before.copy()
                which = f"{self._begun.integration_id}: a page of {self._begun.model}"
                log.info("%s cannot be read, so they are read in pages of %d: %s", which, self._size, exc)
            else:
                return

    def remember_size(self, conn: Connection) -> None:
        """Have the next pull begin with the size that was found, in the transaction of a page that has it."""
        if self._size != (self._known_size or PAGE_SIZES[0]):
            pulls.note_page_size(conn, self._begun, self._size)
            self._known_size = self._size

    def _pages(self, filters: dict[str, Any]) -> Iterator[Page]:
        model: Model = self._begun.model  # type: ignore[assignment]  # written by the sync, which knows no other
        for page in self._client.pages(model, self._begun.integration_id, **filters, page_size=self._size):
            readable = list(filter(records.has_id, page.results))
            items = len(page.results) + page.skipped
            if items:  # the last page may be empty: it is none that held anything
                self.counts["pages"] += 1
            self.counts["records"] += items
            self.counts["unreadable"] += items - len(readable)
            yield page


def _first_size(known: int | None, *, is_full: bool) -> int:
    if known not in PAGE_SIZES:
        return PAGE_SIZES[0]
    place = PAGE_SIZES.index(known)
    if is_full and place > 0:
        return PAGE_SIZES[place - 1]
    return known
