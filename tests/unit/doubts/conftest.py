"""A ledger in both databases, and what fills it."""

from tests.unit.ledger.conftest import book, ledger, open_ledger

__all__ = ["book", "ledger", "open_ledger"]
