"""Pulls one kind of record of one integration: page after page into the ledger, the watermark with the last one."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection

from kombo_provider.client.client import Model
from kombo_provider.client.reads import Page
from kombo_provider.errors import AnswerTooLargeError
from kombo_provider.ledger import Keep, Ledger, Pull, pulled, pulled_jobs, pulls
from kombo_provider.sync import records
from kombo_provider.sync.plan import LEARNED_AT_MOST, Wanted, updated_after

log = logging.getLogger(__name__)

IDS_A_PAGE = 100
"""Ids in one request: how many Kombo takes is not documented, and a URL has its limits."""

PAGE_SIZES = (250, 25, 2)
"""Records in one page: as many as Kombo gives, unless they hold so much that no answer can."""

Raw = dict[str, Any]


class Reads(Protocol):
    """What a pull needs of a client (see kombo_provider.client.client.KomboClient)."""

    def pages(self, model: Model, integration_id: str, **filters: Any) -> Iterator[Page]:
        """Yield page after page."""


class ReplacedError(Exception):
    """Another run has begun to pull the same records. Never leaves the sync."""


def pull(
    ledger: Ledger,
    client: Reads,
    begun: Pull,
    wanted: Wanted,
    *,
    learned: Sequence[str] = (),
    see: Callable[[str, Sequence[Raw]], None] | None = None,
) -> Counter[str]:
    """Read to the end and store page by page; each page is one transaction, the last one moves the watermark.

    A pull that ends early leaves the watermark: the next one reads the same again, and an upsert stores no record
    twice. `see` is shown the records of each page.
    """
    since = updated_after(begun, wanted, len(learned))
    keep = wanted.keep(begun.began_at)
    counts: Counter[str] = Counter(full=since is None)
    for page in _pages(ledger, client, begun, since, learned):
        with ledger.transaction() as conn:
            if not pulls.hold(conn, begun):
                raise ReplacedError
            counts += _store(conn, begun, page.results, keep)
            if page.is_last:
                pulls.finish(conn, begun, full=since is None, scope=wanted.scope, personal=wanted.personal)
        counts += Counter(pages=int(bool(page.results)), records=len(page.results))
        if see is not None:
            see(begun.integration_id, page.results)
    return counts


def _pages(
    ledger: Ledger, client: Reads, begun: Pull, since: datetime | None, learned: Sequence[str]
) -> Iterator[Page]:
    """Yield what changed and what is asked for by id; the last page says so.

    A list that shrinks while it is read may hide a record between two pages: after a full pull those are asked for that
    the ledger bears and Kombo did not show.
    """
    model: Model = begun.model  # type: ignore[assignment]  # written by the sync, which knows no other
    filters: dict[str, Any] = {"include_deleted": True, "ignore_unsupported_filters": True}
    changed = _read(client, model, begun.integration_id, **filters, updated_after=since)
    if model == "jobs" or (since is not None and not learned):
        yield from changed
        return
    yield from (page._replace(is_last=False) for page in changed)
    if since is None:
        with ledger.transaction() as conn:
            learned = pulled.without_record(conn, model, begun.integration_id, LEARNED_AT_MOST)
    for start in range(0, len(learned), IDS_A_PAGE):
        ids = learned[start : start + IDS_A_PAGE]
        with ledger.transaction() as conn:
            missing = pulled.not_stored(conn, model, begun.integration_id, ids)
        by_id = _read(client, model, begun.integration_id, ids=missing, include_deleted=True)
        yield from (page._replace(is_last=False) for page in by_id)
    yield Page([], is_last=True)


def _read(client: Reads, model: Model, integration_id: str, **filters: Any) -> Iterator[Page]:
    """Yield page after page; from the beginning again in smaller pages where one is larger than can be read."""
    for size in PAGE_SIZES[:-1]:
        try:
            yield from client.pages(model, integration_id, **filters, page_size=size)
        except AnswerTooLargeError:
            log.info("%s: a page of %s is too large, so they are read in smaller ones", integration_id, model)
        else:
            return
    yield from client.pages(model, integration_id, **filters, page_size=PAGE_SIZES[-1])


def _store(conn: Connection, begun: Pull, results: Sequence[Raw], keep: Keep) -> Counter[str]:
    if begun.model == "jobs":
        jobs = [job for result in results if (job := records.job(result)) is not None]
        pulled_jobs.store(conn, begun.integration_id, jobs)
        return Counter(unreadable=len(results) - len(jobs))
    if begun.model == "candidates":
        people = [person for result in results if (person := records.candidate(result)) is not None]
        completed = pulled.store_candidates(conn, begun.integration_id, people, keep)
        return Counter(completed=completed, unreadable=len(results) - len(people))
    rows = [row for result in results if (row := records.application(result)) is not None]
    completed = pulled.store_applications(conn, begun.integration_id, rows, keep)
    return Counter(completed=completed, unreadable=len(results) - len(rows))
