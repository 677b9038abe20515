"""Pulls one kind of record of one integration: page after page into the ledger, the watermark with the last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from kombo_provider.client.reads import Page
from kombo_provider.ledger import Keep, Ledger, Pull, pulled, pulled_jobs, pulls
from kombo_provider.sync import records
from kombo_provider.sync.lists import Lists, Reads
from kombo_provider.sync.plan import LEARNED_AT_MOST, Wanted, updated_after

IDS_A_PAGE = 100
"""Ids in one request: how many Kombo takes is not documented, and a URL has its limits."""

Raw = dict[str, Any]


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
    yield from (page._replace(is_last=False) for page in changed)
    if since is None:
        with ledger.transaction() as conn:
            learned = pulled.without_record(conn, begun.model, begun.integration_id, LEARNED_AT_MOST)
    for start in range(0, len(learned), IDS_A_PAGE):
        ids = learned[start : start + IDS_A_PAGE]
        with ledger.transaction() as conn:
            missing = pulled.not_stored(conn, begun.model, begun.integration_id, ids)
        by_id = lists.read(ids=missing, include_deleted=True)
        yield from (page._replace(is_last=False) for page in by_id)
    yield Page([], is_last=True)


def _store(conn: Connection, begun: Pull, results: Sequence[Raw], keep: Keep) -> int:
    """Store a page; return how many deliveries got ids from it."""
    if begun.model == "jobs":
        jobs = [job for result in results if (job := records.job(result)) is not None]
        pulled_jobs.store(conn, begun.integration_id, jobs)
        return 0
    if begun.model == "candidates":
        people = [person for result in results if (person := records.candidate(result)) is not None]
        return pulled.store_candidates(conn, begun.integration_id, people, keep)
    rows = [row for result in results if (row := records.application(result)) is not None]
    return pulled.store_applications(conn, begun.integration_id, rows, keep)
