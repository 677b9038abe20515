"""A ledger in both databases, and a Kombo that reads from a list of pages."""

from tests.unit.ledger.conftest import book, ledger, open_ledger

__all__ = ["book", "ledger", "open_ledger"]
