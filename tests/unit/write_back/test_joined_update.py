"""The dialect of another warehouse in the same process changes none of our statements."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.sql import functions

from kombo_provider.ledger import holds
from kombo_provider.ledger.status import Hold
from tests.unit.ledger.book import STAGING, VALID, Book
from tests.unit.write_back.write_back_target import ids, make, write


class _Unnest:
    """As sqlalchemy-bigquery has it: whatever is called `unnest` takes one array, for every dialect there is."""

    def __init__(self, *arguments: Any, **_options: Any) -> None:
        raise TypeError(f"The unnest function requires a single argument, not {len(arguments)}.")


@pytest.fixture(autouse=True)
def bigquery_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register a function under that name, as a dialect does when it is imported."""
    monkeypatch.setitem(functions._registry["_default"], "unnest", _Unnest)


def test_rows_are_staged_and_held(book: Book) -> None:
    book.stage(VALID, VALID.but(applicant_id="2"))
    with book.ledger.transaction() as conn:
        assert holds.put_on_hold(conn, STAGING.source, [("greenhouse:a", "2")], Hold.HAS_ID) == {("greenhouse:a", "2")}
    assert [intent.key.applicant_id for intent in book.claim()] == ["1"]


def test_ids_are_written_back(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", "'1'")
    book.deliver("1")
    assert write(warehouse, book).written == 1
    assert ids(warehouse) == [("1", "app-1")]
