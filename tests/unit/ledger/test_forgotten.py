"""A person who was forgotten stays so, whatever a later pull brings of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from kombo_provider.errors import IntegrationError
from kombo_provider.ledger import DeliveryKey, Ledger, erasure, forgotten
from kombo_provider.ledger._sync_tables import PERSONAL, applications, candidates
from kombo_provider.ledger.status import Status
from kombo_provider.sync.fleet import Fleet
from kombo_provider.sync.plan import Wanted
from tests.unit.ledger.book import GRACE, VALID, Book, key
from tests.unit.sync.kombo import Kombo, application, candidate, sync


def personal(ledger: Ledger) -> set[Any]:
    """Return every value that a personal column holds."""
    found: set[Any] = set()
    with ledger.transaction() as conn:
        for table in (applications, candidates):
            columns = [table.c[name] for name in PERSONAL[table.name]]
            for row in conn.execute(select(*columns)):
                found |= set(row) - {None}
    return found


def forget(book: Book, key: DeliveryKey) -> None:
    with book.ledger.transaction() as conn:
        assert erasure.forget(conn, key, GRACE)


def filled(book: Book, **wanted: Any) -> Kombo:
    """Deliver one person and pull everything that Kombo has of them."""
    book.deliver("1")
    kombo = Kombo()
    kombo.put("applications", application("1", outcome="DECLINED", rejection_reason_name="Too junior"))
    kombo.put("candidates", candidate("1"))
    sync(book.ledger, kombo, **wanted)
    return kombo


def test_without_being_told_to_a_sync_stores_nothing_personal(book: Book) -> None:
    filled(book)
    assert personal(book.ledger) == set()


def test_a_sync_that_is_told_to_stores_names_contacts_and_rejections(book: Book) -> None:
    filled(book, personal=True)
    assert {"Ada", "Too junior", '{"salary": 1}'} <= personal(book.ledger)
    assert any("1@example.com" in value for value in personal(book.ledger))


def test_to_forget_a_person_empties_what_was_pulled_and_no_later_pull_brings_it_back(book: Book) -> None:
    kombo = filled(book, personal=True)
    forget(book, key("1"))
    assert personal(book.ledger) == set()
    kombo.put("applications", application("1", changed_at="2099-01-01T00:00:00Z"))
    kombo.put("candidates", candidate("1", changed_at="2099-01-01T00:00:00Z"))
    sync(book.ledger, kombo, personal=True)
    sync(book.ledger, kombo, personal=True, full_now=True)
    assert personal(book.ledger) == set()


@pytest.mark.parametrize("order", [("applications", "candidates"), ("candidates", "applications")])
def test_a_person_forgotten_before_the_first_pull_is_not_brought_in_by_it(book: Book, order: tuple[str, str]) -> None:
    book.deliver("1")
    forget(book, key("1"))
    kombo = Kombo()
    kombo.put("applications", application("1"))
    kombo.put("candidates", candidate("1"))
    sync(book.ledger, kombo, *order, personal=True)
    assert personal(book.ledger) == set()


def test_the_person_s_other_applications_are_forgotten_too(book: Book) -> None:
    book.deliver("1", "2")
    kombo = Kombo()
    kombo.put("applications", application("1"), application("2", candidate_id="cand-1", candidate=None))
    kombo.put("candidates", candidate("1"))
    sync(book.ledger, kombo, personal=True)
    forget(book, key("1"))
    sync(book.ledger, kombo, personal=True, full_now=True)
    assert personal(book.ledger) == set()


def test_a_stranger_is_found_by_the_address_alone(book: Book) -> None:
    book.deliver("9")
    kombo = Kombo()
    kombo.put("candidates", candidate("zoë", email_addresses=[{"email_address": "Zoe@Example.com"}]))
    sync(book.ledger, kombo, "candidates", scope="all", personal=True)
    assert personal(book.ledger)
    with book.ledger.transaction() as conn:
        erasure.forget_email(conn, " zoe@example.COM", None, GRACE)
    sync(book.ledger, kombo, "candidates", scope="all", personal=True, full_now=True)
    assert personal(book.ledger) == set()


def test_an_address_is_found_in_any_case_of_any_alphabet(book: Book) -> None:
    kombo = Kombo()
    kombo.put("candidates", candidate("1", email_addresses=[{"email_address": "JÖRG.Ökonom@example.com"}]))
    book.deliver("1")
    sync(book.ledger, kombo, "candidates", personal=True, scope="all")
    with book.ledger.transaction() as conn:
        found = forgotten.candidates_with_email(conn, "jörg.ökonom@EXAMPLE.com")
    assert [name for _, name in found] == ["cand-1"]


def test_personal_data_have_an_age_and_an_old_record_does_not_bring_them_back(book: Book) -> None:
    kombo = filled(book, personal=True)
    assert personal(book.ledger)
    sync(book.ledger, kombo, personal=True, keep_personal=timedelta(days=1), full_now=True)
    assert personal(book.ledger) == set()


@pytest.mark.parametrize("days", [1, None])
def test_personal_data_of_an_integration_that_kombo_no_longer_knows_are_emptied_all_the_same(
    book: Book, days: int | None
) -> None:
    kombo = filled(book, personal=True)
    assert personal(book.ledger)

    def refuse(model: str, integration_id: str, number: int) -> None:
        raise IntegrationError("gone", code="PLATFORM.INTEGRATION_NOT_FOUND", http_status=404)

    kombo.before = refuse
    with pytest.raises(IntegrationError):
        sync(book.ledger, kombo, personal=days is not None, keep_personal=timedelta(days=days or 0))
    assert personal(book.ledger) == set()


def test_personal_data_of_candidates_have_an_age_also_where_applications_alone_are_pulled_by_now(book: Book) -> None:
    kombo = filled(book, personal=True)
    sync(book.ledger, kombo, "applications", personal=True, keep_personal=timedelta(days=1))
    assert personal(book.ledger) == set()


def test_a_sync_of_another_connection_empties_nothing(book: Book) -> None:
    filled(book, personal=True)
    Fleet(book.ledger, Kombo(), "kombo_other", Wanted()).sync(["applications", "candidates"])
    assert personal(book.ledger)


def test_a_sync_of_jobs_alone_leaves_the_personal_data_of_another_sync(book: Book) -> None:
    kombo = filled(book, personal=True)
    sync(book.ledger, kombo, "jobs")
    assert personal(book.ledger)


def test_a_sync_that_is_no_longer_told_to_empties_what_it_stored(book: Book) -> None:
    kombo = filled(book, personal=True)
    sync(book.ledger, kombo)
    assert personal(book.ledger) == set()


def test_a_person_whom_the_ledger_knows_by_the_id_in_the_ats_alone_stays_forgotten_in_the_first_pull(
    book: Book,
) -> None:
    book.stage(VALID.but(already_sent="remote:r-1", payload=None))
    forget(book, key("1"))
    kombo = Kombo()
    kombo.put("applications", application("1"))
    kombo.put("candidates", candidate("1"))
    sync(book.ledger, kombo, personal=True)
    assert book.row("1")["kombo_application_id"] == "app-1"
    assert personal(book.ledger) == set()


@pytest.mark.parametrize("order", [("applications", "candidates"), ("candidates", "applications")])
def test_a_person_forgotten_on_the_wire_stays_so_when_the_late_answer_brings_the_ids(
    book: Book, order: tuple[str, str]
) -> None:
    book.stage(VALID)
    (intent,) = book.claim(1)
    forget(book, key("1"))
    book.record(intent, Status.DELIVERED, kombo_application_id="app-1", kombo_candidate_id="cand-1")
    kombo = Kombo()
    kombo.put("applications", application("1"))
    kombo.put("candidates", candidate("1"))
    sync(book.ledger, kombo, *order, personal=True)
    assert personal(book.ledger) == set()


def test_a_record_that_was_pulled_as_a_stranger_s_is_emptied_once_the_late_answer_says_whose_it_is(book: Book) -> None:
    book.stage(VALID)
    (intent,) = book.claim(1)
    forget(book, key("1"))
    kombo = Kombo()
    kombo.put("applications", application("1"), application("9", candidate_id="cand-1", candidate=None))
    kombo.put("candidates", candidate("1"))
    sync(book.ledger, kombo, personal=True, scope="all")
    book.record(intent, Status.DELIVERED, kombo_application_id="app-1")
    kombo.records.clear()
    sync(book.ledger, kombo, personal=True, scope="all")
    assert personal(book.ledger) == set()


def test_a_candidate_that_came_before_the_application_is_emptied_with_it(book: Book) -> None:
    book.stage(VALID.but(already_sent="remote:r-1", payload=None))
    forget(book, key("1"))
    kombo = Kombo()
    kombo.put("candidates", candidate("1"))
    sync(book.ledger, kombo, personal=True, scope="all")
    kombo.records.clear()
    later = "2099-01-01T00:00:00Z"
    other = application("9", candidate_id="cand-1", candidate=None, changed_at=later)
    kombo.put("applications", application("1", changed_at=later), other)
    sync(book.ledger, kombo, personal=True, scope="all")
    assert personal(book.ledger) == set()


def test_the_words_and_the_digest_of_a_late_answer_are_emptied_by_the_next_run(book: Book) -> None:
    payload = '{"candidate":{"email_address":"ada@example.com"}}'
    book.stage(VALID.but(payload=payload), VALID.but(applicant_id="2", payload=payload))
    delivered, refused = book.claim(2)
    for intent in (delivered, refused):
        forget(book, intent.key)
    book.record(delivered, Status.DELIVERED, keeps_digest=True)
    book.record(refused, Status.REJECTED, error_message="ada@example.com is taken")
    with book.ledger.transaction() as conn:
        erasure.keep_forgotten(conn)
    assert book.row(delivered.key.applicant_id)["email_sha256"] is None
    assert book.row(refused.key.applicant_id)["error_message"] is None
    assert book.row(refused.key.applicant_id)["status"] == "rejected"
