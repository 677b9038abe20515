"""A Kombo made of lists of records, cut into pages; and short words for what tests ask of a sync."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from kombo_provider.client.query import query_pairs
from kombo_provider.client.reads import Page
from kombo_provider.ledger import Ledger
from kombo_provider.ledger._sync_tables import applications, candidates
from kombo_provider.sync.fleet import Fleet, Report
from kombo_provider.sync.plan import Wanted

A, B = "greenhouse:a", "personio:b"
NOW = f"{datetime.now(UTC) - timedelta(days=6):%Y-%m-%dT%H:%M:%S}.000Z"

FIVE = ("1", "2", "3", "4", "5")

Before = Callable[[str, str, int], None]


def application(name: str, **said: Any) -> dict[str, Any]:
    """Return an application `app-<name>` of the candidate `cand-<name>`."""
    record: dict[str, Any] = {
        "id": f"app-{name}",
        "remote_id": f"r-{name}",
        "candidate_id": f"cand-{name}",
        "candidate": {"id": f"cand-{name}", "remote_id": f"rc-{name}", "first_name": "Ada"},
        "job_id": "job-1",
        "job": {"id": "job-1", "remote_id": "j1", "name": "Nurse"},
        "current_stage_id": "stage-1",
        "current_stage": {"id": "stage-1", "remote_id": "s1", "name": "Applied"},
        "outcome": "PENDING",
        "rejection_reason_name": None,
        "rejected_at": None,
        "changed_at": NOW,
        "remote_created_at": NOW,
        "remote_updated_at": NOW,
        "remote_deleted_at": None,
        "custom_fields": {"salary": 1},
    }
    return record | said


def candidate(name: str, **said: Any) -> dict[str, Any]:
    """Return a candidate `cand-<name>` with the application `app-<name>`."""
    record: dict[str, Any] = {
        "id": f"cand-{name}",
        "remote_id": f"rc-{name}",
        "first_name": "Ada",
        "last_name": name.capitalize(),
        "email_addresses": [{"email_address": f"{name}@example.com", "type": None}],
        "changed_at": NOW,
        "remote_created_at": NOW,
        "remote_updated_at": NOW,
        "remote_deleted_at": None,
        "tags": [{"id": "t", "name": "warm", "remote_id": None}],
        "applications": [{"id": f"app-{name}", "job": {"id": "job-1"}}],
    }
    return record | said


class Kombo:
    """Serves records in pages of `page_size`, as they are when a page is asked for; remembers what it was asked.

    `before` is called with model, integration and number of the page, and may change the records, or raise.
    """

    def __init__(self, page_size: int = 2, before: Before | None = None) -> None:
        self.records: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.page_size = page_size
        self.before = before
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.requests = 0
        self.tracked: list[tuple[str, bytes]] = []
        self.refusals: list[Exception] = []

    def put(self, model: str, *records: dict[str, Any], of: str = A) -> None:
        """Add records, or replace those of the same id."""
        there = self.records.setdefault((model, of), [])
        ids = {record["id"] for record in records}
        there[:] = [record for record in there if record["id"] not in ids] + list(records)

    def pages(self, model: str, integration_id: str, **filters: Any) -> Iterator[Page]:
        if query_pairs(filters) is None:  # raises for what no URL can say, as the client does
            return
        self.asked.append((model, integration_id, filters))
        start, number = 0, 0
        while True:
            number, self.requests = number + 1, self.requests + 1
            if self.before is not None:
                self.before(model, integration_id, number)
            found = [r for r in self.records.get((model, integration_id), []) if _is_wanted(r, filters)]
            page = found[start : start + self.page_size]
            start += self.page_size
            yield Page(page, is_last=start >= len(found))
            if start >= len(found):
                return

    def import_tracked_application(self, integration_id: str, body: bytes) -> None:
        """Remember it, or raise what `refusals` holds for it."""
        self.tracked.append((integration_id, body))
        if self.refusals:
            raise self.refusals.pop()

    def candidates(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        for record in self.records.get(("candidates", integration_id), []):
            addresses = [entry["email_address"] for entry in record["email_addresses"]]
            if filters.get("email", addresses[0]) in addresses and record["id"] in filters.get("ids", [record["id"]]):
                yield record

    def applications(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        yield from self.records.get(("applications", integration_id), [])


def five() -> Kombo:
    """Return a Kombo with five applications and their candidates, in three pages of each."""
    kombo = Kombo()
    kombo.put("applications", *(application(name) for name in FIVE))
    kombo.put("candidates", *(candidate(name) for name in FIVE))
    return kombo


def _is_wanted(record: dict[str, Any], filters: dict[str, Any]) -> bool:
    since: datetime | None = filters.get("updated_after")
    changed_at = datetime.fromisoformat(record["changed_at"])
    return (since is None or changed_at >= since) and record["id"] in filters.get("ids", [record["id"]])


def sync(ledger: Ledger, kombo: Kombo, *models: Any, late: Any = None, **wanted: Any) -> Report:
    """Sync the applications and candidates of every integration that the ledger knows."""
    chosen = models or ("applications", "candidates")
    return Fleet(ledger, kombo, "kombo_default", Wanted(**wanted), late=late).sync(chosen)


def stored(ledger: Ledger, table: Any = applications) -> list[dict[str, Any]]:
    """Return the rows of a table by id, without what says when they were pulled."""
    with ledger.transaction() as conn:
        rows = conn.execute(select(table).order_by(table.c.integration_id, table.c.id)).mappings().all()
    return [{name: value for name, value in row.items() if name != "synced_at"} for row in rows]


def ids(ledger: Ledger, table: Any = applications) -> list[str]:
    """Return the ids that are stored."""
    return [row["id"] for row in stored(ledger, table)]


__all__ = ["A", "B", "Kombo", "application", "candidate", "candidates", "ids", "stored", "sync"]
