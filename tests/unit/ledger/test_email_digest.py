"""An address whose payload is gone is known by a digest that the ledger alone cannot invert."""

from __future__ import annotations

import hashlib

from sqlalchemy import create_engine

from kombo_provider.ledger import Ledger, Status
from kombo_provider.ledger.email_digest import keyed_digest
from tests.unit.ledger.book import VALID, Book

ROW = VALID.but(payload='{"candidate":{"email_address":"Ada@Example.org"}}')


def delivered_without_ids(database_url: str, secret: bytes | None) -> str | None:
    """Deliver a row whose ids the answer left out, and return the digest that is kept of its address."""
    ledger = Ledger(create_engine(database_url), digest_secret=secret)
    ledger.ensure()
    book = Book(ledger)
    book.stage(ROW)
    book.record(book.claim()[0], Status.DELIVERED, keeps_digest=True)
    digest: str | None = book.row()["email_sha256"]
    ledger.close()
    return digest


def test_a_digest_is_keyed_by_the_secret(database_url: str) -> None:
    digest = delivered_without_ids(database_url, b"secret")

    assert digest == keyed_digest(" ada@example.ORG ", b"secret")
    assert digest != keyed_digest("ada@example.org", b"another")
    assert digest != hashlib.sha256(b"ada@example.org").hexdigest()


def test_without_a_secret_no_digest_is_kept(database_url: str) -> None:
    assert delivered_without_ids(database_url, None) is None
