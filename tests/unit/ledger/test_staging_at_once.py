"""Several processes stage at once, or one stages while another sends."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import create_engine

from kombo_provider.ledger import claims, staging
from kombo_provider.ledger.ledger import Ledger
from tests.unit.ledger.book import RUN, SELECTION, STAGING, VALID, Book, key
from tests.waiting import PATIENCE_SECONDS

CHANGED_ROW = VALID.but(payload='{"candidate":{"first_name":"Zoe"}}', payload_sha256="hash-2")


def test_two_stagings_of_the_same_keys_add_up(book: Book, open_ledger: Callable[[], Ledger]) -> None:
    rows = [VALID.but(applicant_id=str(number)) for number in range(400)]
    counts: Counter[str] = Counter()
    ledgers = [open_ledger() for _ in range(3)]

    def stage(ledger: Ledger) -> None:
        for start in range(0, len(rows), 100):
            counts.update(Book(ledger).stage(*rows[start : start + 100]))

    threads = [threading.Thread(target=stage, args=(ledger,)) for ledger in ledgers]
    _run(threads)
    assert counts == {"new": 400, "already_known": 800}
    assert book.statuses() == {"ready": 400}


def test_staging_and_claiming_the_same_rows_at_once(book: Book, open_ledger: Callable[[], Ledger]) -> None:
    """No deadlock and no waiting: each passes over what the other has locked, and what left is what was claimed."""
    rows = [VALID.but(applicant_id=str(number)) for number in range(120)]
    book.stage(*rows)
    claimed: list[claims.Intent] = []
    errors: list[Exception] = []
    other = Book(open_ledger())

    def send() -> None:
        try:
            until = time.monotonic() + PATIENCE_SECONDS
            while len(claimed) < len(rows) and time.monotonic() < until:
                claimed.extend(other.claim(7))
        except Exception as exc:  # noqa: BLE001 - shown by the assertion below
            errors.append(exc)

    sender = threading.Thread(target=send)
    sender.start()
    version = 2
    while sender.is_alive():
        changed = [row.but(payload=f'"{version}"', payload_sha256=str(version)) for row in reversed(rows)]
        counts = book.stage(*changed)
        assert sum(counts.values()) == 120
        version += 1
    _run([sender])
    assert errors == []
    assert sorted(intent.key for intent in claimed) == sorted(key(str(number)) for number in range(120))
    for intent in claimed:
        assert book.row(intent.key.applicant_id)["payload"] == intent.payload


def test_staging_does_not_wait_for_rows_that_a_sender_has_locked_on_postgresql(postgres_url: str) -> None:
    book, sender = (Book(Ledger(create_engine(postgres_url))) for _ in range(2))
    book.ledger.ensure()
    book.stage(VALID, VALID.but(applicant_id="2"))
    with sender.ledger.transaction() as conn:
        claims.claim(conn, SELECTION, "greenhouse:a", 1, RUN)
        started = time.monotonic()
        assert book.stage(CHANGED_ROW, CHANGED_ROW.but(applicant_id="2")) == {"already_known": 1, "restaged": 1}
        assert time.monotonic() - started < PATIENCE_SECONDS
    assert (book.row("1")["status"], book.row("1")["payload"]) == ("sending", VALID.payload)
    book.ledger.close()
    sender.ledger.close()


def test_a_failed_transaction_leaves_nothing(book: Book) -> None:
    def fail() -> None:
        with book.ledger.transaction() as conn:
            staging.lock_source(conn, STAGING.source)
            staging.stage(conn, STAGING, [VALID])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert book.statuses() == {}


def _run(threads: list[threading.Thread]) -> None:
    for thread in threads:
        if thread.ident is None:
            thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
