"""The ATS's ids beside the answer "They were sent" are taken as they are meant, or nothing is done at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kombo_provider.doubts.ids_given import read_ids
from kombo_provider.doubts.questions import Asked, carry_out
from kombo_provider.doubts.replies import Reply
from kombo_provider.doubts.resolve import resolve
from kombo_provider.errors import ReplyError
from kombo_provider.ledger import Resolution, Status
from tests.unit.doubts.test_resolve import A, Kombo, candidate, look_up, put_in_doubt
from tests.unit.ledger.book import GRACE, RUN, VALID, Book
from tests.unit.sync.kombo import Kombo as SyncedKombo
from tests.unit.sync.kombo import application, ids, sync


@pytest.mark.parametrize(
    "written",
    [
        "ada = r-1\nbob = r 2",
        "  ada\tr-1  \r\n\n\nbob | remote:r 2\n",
        "ada: remote: r-1\nbob,r 2",
        "bob = r 2\u2028ada = r-1",
    ],
)
def test_a_line_for_each_row_names_its_id(written: str) -> None:
    assert read_ids(written, ["ada", "bob"]) == {"ada": "r-1", "bob": "r 2"}


def test_the_longest_applicant_that_a_line_begins_with_is_meant() -> None:
    assert read_ids("a b = 1\na:7 = 2\na = 3", ["a", "a b", "a:7"]) == {"a b": "1", "a:7": "2", "a": "3"}


def test_nothing_written_names_none() -> None:
    assert read_ids(" \n\t\n", ["ada"]) == {}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("adam = 1", "line 1 begins with no applicant_id"),
        ("ada", "line 1 begins with no applicant_id"),
        ("\nada =", "line 2 holds no id"),
        ("ada = remote:", "line 1 holds no id"),
        ("ada = a\x00b", "line 1 holds no id"),
        ("ada = a\u202eb", "line 1 holds no id"),
        ("ada = " + "9" * 501, "line 1 holds no id"),
        ("ada = " + "\N{GRINNING FACE}" * 126, "line 1 holds no id"),
        ("| ada | J1 | 2026-01-01 10:00:00 UTC | 1 | no answer | log page |", "line 1 holds no id"),
        ("ada = 1\nada = 2", "line 2 names a row or an id a second time"),
        ("ada = 1\nbob = 1", "line 2 names a row or an id a second time"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line_and_not_by_its_text(written: str, said: str) -> None:
    with pytest.raises(ReplyError, match=said):
        read_ids(written, ["ada", "bob"])


def answer(book: Book, reply: Reply, written: str, *names: str) -> int:
    asked = Asked(A, dict.fromkeys(names, 1))
    wait = timedelta(days=1)
    return carry_out(
        book.ledger,
        reply,
        "crm.applicants",
        asked,
        by=GRACE,
        timeout=timedelta(),
        ask_again_after=wait,
        ids_written=written,
    )


def test_an_answer_with_an_id_puts_the_application_on_kombos_list_and_its_status_comes_back(book: Book) -> None:
    put_in_doubt(book, "ada", "bob")
    assert answer(book, Reply.WERE_SENT, "ada = r-ada", "ada", "bob") == 2
    kombo = SyncedKombo()
    assert sync(book.ledger, kombo).counts["tracked"] == 1
    assert [integration_id for integration_id, _ in kombo.tracked] == [A]
    assert b'"application_id":"r-ada"' in kombo.tracked[0][1]
    kombo.put("applications", application("ada", changed_at="2099-01-01T00:00:00Z", outcome="HIRED"))
    sync(book.ledger, kombo)
    assert ids(book.ledger) == ["app-ada"]
    row = book.row("ada")
    assert (row["status"], row["resolution"], row["kombo_application_id"], row["kombo_candidate_id"]) == (
        Status.DELIVERED,
        Resolution.HUMAN,
        "app-ada",
        "cand-ada",
    )
    assert book.row("bob")["kombo_application_remote_id"] is None


@pytest.mark.parametrize("reply", [Reply.SEND_AGAIN, Reply.KEEP_LOOKING, Reply.GIVE_UP])
def test_an_id_with_another_answer_contradicts_it_and_nothing_is_done(book: Book, reply: Reply) -> None:
    put_in_doubt(book, "ada")
    with pytest.raises(ReplyError, match="answer again"):
        answer(book, reply, "ada = r-ada", "ada")
    assert book.statuses() == {"in_doubt": 1}


def test_an_id_that_another_delivery_bears_is_refused_and_nothing_is_done(book: Book) -> None:
    book.stage(VALID.but(applicant_id="old", already_sent="remote:r-1", payload=None))
    put_in_doubt(book, "ada", "bob")
    with pytest.raises(ReplyError, match="1 of the ids in the ATS belong to other deliveries"):
        answer(book, Reply.WERE_SENT, "bob = r-2\nada = r-1", "ada", "bob")
    assert book.statuses() == {"in_doubt": 2, "delivered": 1}


def test_the_id_that_a_person_named_is_looked_up_by_itself_and_never_mixed_with_another(book: Book) -> None:
    put_in_doubt(book, "ada")
    answer(book, Reply.WERE_SENT, "ada = r-ada", "ada")
    kombo = Kombo(ada=[candidate("ada", remote_id="r-of-another")])
    assert look_up(book, kombo) == {}  # no digest of her address is kept in this ledger
    book.set("ada", kombo_candidate_id="cand-ada")
    assert look_up(book, kombo) == {"ids still missing": 1}
    made: dict[str, Any] = {"id": "app-7", "remote_id": "r-ada", "candidate": {"id": "cand-ada", "remote_id": "rc"}}
    kombo.by_job = [{"id": "app-8", "remote_id": "r-of-another"}, made]
    assert dict(resolve(book.ledger, kombo, "crm.applicants", "kombo_default", RUN)) == {"ids filled in": 1}
    row = book.row("ada")
    assert (row["kombo_application_id"], row["kombo_candidate_remote_id"]) == ("app-7", "rc")


def test_an_application_whose_id_in_the_ats_another_delivery_bears_settles_no_doubt(book: Book) -> None:
    book.stage(VALID.but(applicant_id="old", already_sent="remote:r-1", payload=None))
    put_in_doubt(book, "ada")
    assert look_up(book, Kombo(ada=[candidate("ada", remote_id="r-1")])) == {"still in doubt": 1}


def test_an_answer_that_is_carried_out_once_more_changes_nothing_and_does_not_fail(book: Book) -> None:
    put_in_doubt(book, "ada")
    assert answer(book, Reply.WERE_SENT, "ada = r-ada", "ada") == 1
    assert answer(book, Reply.WERE_SENT, "ada = r-ada", "ada") == 0


def test_a_row_that_a_look_up_settled_meanwhile_keeps_no_other_in_doubt(book: Book) -> None:
    put_in_doubt(book, "ada", "bob")
    assert answer(book, Reply.WERE_SENT, "ada = r-ada", "ada") == 1
    assert answer(book, Reply.WERE_SENT, "ada = r-ada\nbob = r-bob", "ada", "bob") == 1
    assert book.row("bob")["kombo_application_remote_id"] == "r-bob"
