"""One record of a strange shape keeps no other from being stored, and no integration from being read."""

from __future__ import annotations

import random
import string
from typing import Any

import pytest

from kombo_provider.client.envelope import id_text
from kombo_provider.ledger import Ledger
from kombo_provider.ledger._sync_tables import candidates, jobs
from kombo_provider.sync.fleet import Fleet
from kombo_provider.sync.plan import Wanted
from tests.unit.doubts.test_resolve import put_in_doubt
from tests.unit.doubts.test_shown import sync_with_look_ups
from tests.unit.ledger.book import VALID, Book
from tests.unit.sync.kombo import A, B, Kombo, application, candidate, ids, sync

# Too long for an entry of an index, also once PostgreSQL has compressed it.
LONG = "".join(random.Random(1).choices(string.ascii_letters, k=4_000))


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


ODD: dict[str, Any] = {
    "deep": nested(2_000),
    "digits": [10**5_000],
    "half a character": ["\ud800"],
}


def read(ledger: Ledger, kombo: Kombo, model: Any) -> None:
    Fleet(ledger, kombo, "kombo_default", Wanted(scope="all", personal=True)).sync([model])


@pytest.mark.parametrize("what", sorted(ODD))
def test_a_list_that_cannot_be_written_leaves_its_record_and_all_others(book: Book, what: str) -> None:
    book.stage(VALID, VALID.but(integration_id=B))
    kombo = Kombo()
    kombo.put("applications", application("1"), application("2", custom_fields=ODD[what]), application("3"))
    kombo.put("candidates", candidate("1"), candidate("2", tags=ODD[what]), candidate("3"))
    question = {"id": "q", "format": {"options": ODD[what]}}
    kombo.put("jobs", {"id": "job", "changed_at": "2099-01-01T00:00:00Z", "screening_questions": [question]})
    kombo.put("applications", application("9"), of=B)
    for model in ("applications", "candidates", "jobs"):
        read(book.ledger, kombo, model)
    assert ids(book.ledger) == ["app-1", "app-2", "app-3", "app-9"]
    assert ids(book.ledger, candidates) == ["cand-1", "cand-2", "cand-3"]
    assert ids(book.ledger, jobs) == ["job"]


def test_an_id_too_long_for_an_index_is_counted_and_keeps_no_other(book: Book) -> None:
    book.stage(VALID, VALID.but(integration_id=B))
    kombo = Kombo()
    kombo.put("applications", application("1"), application("2") | {"id": LONG}, application("3"))
    kombo.put("candidates", candidate("1", applications=[{"id": LONG}]))
    job = {"id": "job", "changed_at": "2099-01-01T00:00:00Z", "stages": [{"id": LONG}, {"id": "s"}]}
    kombo.put("jobs", job, job | {"id": LONG})
    kombo.put("applications", application("9"), of=B)
    report = sync(book.ledger, kombo, "applications", "candidates", "jobs", scope="all")
    assert ids(book.ledger) == ["app-1", "app-3", "app-9"]
    assert ids(book.ledger, jobs) == ["job"]
    assert report.counts["unreadable"] == 2
    assert not report.failed


def test_an_address_with_half_a_character_is_compared_with_a_doubt_as_any_other(book: Book) -> None:
    put_in_doubt(book, "ada")
    kombo = Kombo()
    kombo.put("candidates", candidate("1", email_addresses=[{"email_address": "\ud800@example.com"}]), of=A)
    sync_with_look_ups(book, kombo, "candidates")


@pytest.mark.parametrize("value", ["", "a\nb", "a\x00b", "\ud800", "\u202e", LONG, "ü" * 251, 7, ["a"], None])
def test_what_is_no_id_is_none(value: object) -> None:
    assert id_text(value) is None
