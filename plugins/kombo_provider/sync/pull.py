"""Pulls one kind of record of one integration: page after page into the ledger, the watermark with the last one."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection

from kombo_provider.client.reads import Page
from kombo_provider.ledger import Ledger, pulled, pulled_jobs, pulls
from kombo_provider.ledger.pulled import Keep
from kombo_provider.ledger.pulls import Pull
from kombo_provider.sync import records
from kombo_provider.sync.lists import Lists, Reads
from kombo_provider.sync.plan import LEARNED_AT_MOST, Wanted, updated_after

log = logging.getLogger(__name__)

IDS_A_PAGE = 100
"""Ids in one request: how many Kombo takes is not documented, and a URL has its limits."""

LENGTH_OF_IDS = 6_000
"""Characters of all of them in the URL, of which most servers take 8,000; a longest id has 2,400 of them."""

Raw = dict[str, Any]
Row = TypeVar("Row")


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
    lists = Lists(client, begun, is_full=since is None)
    completed = 0
    for page in _pages(ledger, lists, begun, since, learned):
        with ledger.transaction() as conn:
            # Each page anew: another run may have begun since, and this one's watermark would be older than that's.
            if not pulls.hold(conn, begun):
                raise ReplacedError
            lists.remember_size(conn)
            completed += _store(conn, begun, page.results, keep)
            if page.is_last:
                pulls.finish(conn, begun, full=since is None, scope=wanted.scope, personal=wanted.personal)
        if see is not None:
            see(begun.integration_id, page.results)
    return lists.counts + Counter(full=since is None, completed=completed)


def _pages(ledger: Ledger, lists: Lists, begun: Pull, since: datetime | None, learned: Sequence[str]) -> Iterator[Page]:
    """Yield what changed and what is asked for by id; the last page says so.

    A list that shrinks while it is read may hide a record between two pages: after a full pull those are asked for that
    the ledger bears and Kombo did not show.
    """
    changed = lists.read(include_deleted=True, ignore_unsupported_filters=True, updated_after=since)
    if begun.model == "jobs" or (since is not None and not learned):
        yield from changed
        return
    # The watermark moves with the last page of all: with the last of this list, a kill would lose those by id.
    yield from _not_last(changed)
    if since is None:
        with ledger.transaction() as conn:
            learned = pulled.without_record(conn, begun.model, begun.integration_id, LEARNED_AT_MOST)
    askable = _askable(lists, begun, learned)
    for ids in batches(askable):
        with ledger.transaction() as conn:
            missing = pulled.not_stored(conn, begun.model, begun.integration_id, ids)
        # Without `updated_after`: what is missing may have changed last long ago.
        yield from _not_last(lists.read(ids=missing, include_deleted=True))
    yield Page([], is_last=True)


def _askable(lists: Lists, begun: Pull, ids: Sequence[str]) -> list[str]:
    """Leave out what no filter can carry: Kombo takes a comma for the end of an id, and has none in its own."""
    askable = [name for name in ids if "," not in name]
    left_out = len(ids) - len(askable)
    if left_out:
        lists.counts["no_id"] += left_out
        of = f"{begun.integration_id}: {left_out} {begun.model}"
        log.warning("%s have an id with a comma, which is none of Kombo's, and are not asked for (already_sent?)", of)
    return askable


def batches(ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield as many ids at a time as one request takes."""
    batch: list[str] = []
    length = 0
    for name in ids:
        written = len(quote(f"{name},", errors="replace"))
        if batch and (len(batch) == IDS_A_PAGE or length + written > LENGTH_OF_IDS):
            yield batch
            batch, length = [], 0
        batch.append(name)
        length += written
    if batch:
        yield batch


def _not_last(pages: Iterator[Page]) -> Iterator[Page]:
    for page in pages:
        yield page._replace(is_last=False)


def _store(conn: Connection, begun: Pull, results: Sequence[Raw], keep: Keep) -> int:
    """Store a page; return how many deliveries got ids from it."""
    integration_id = begun.integration_id
    if begun.model == "jobs":
        pulled_jobs.store(conn, integration_id, _read(results, records.job))
        return 0
    if begun.model == "candidates":
        return pulled.store_candidates(conn, integration_id, _read(results, records.candidate), keep)
    return pulled.store_applications(conn, integration_id, _read(results, records.application), keep)


def _read(results: Sequence[Raw], parse: Callable[[Raw], Row | None]) -> list[Row]:
    """Return the rows of those records that can be stored."""
    rows = []
    for result in results:
        row = parse(result)
        if row is not None:
            rows.append(row)
    return rows
