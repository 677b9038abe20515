"""A pull asks for what changed, stores what is the ledger's, and once killed or refused loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, select, update

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.errors import ApiError
from kombo_provider.ledger import Ledger, Status
from kombo_provider.ledger._sync_tables import candidates, syncs
from kombo_provider.sync.plan import OVERLAP
from tests.unit.ledger.book import VALID, Book
from tests.unit.sync.kombo import FIVE, B, Kombo, application, five, ids, stored, sync


class KilledError(BaseException):
    """What a kill is to the code that it ends."""


def kill_at(page: int) -> Callable[[str, str, int], None]:
    def before(model: str, integration_id: str, number: int) -> None:
        if model == "applications" and number == page:
            raise KilledError

    return before


@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_pull_killed_at_any_page_and_run_again_equals_a_full_pull(book: Book, page: int, tmp_path: Any) -> None:
    book.deliver(*FIVE)
    kombo = five()
    kombo.before = kill_at(page)
    with pytest.raises(KilledError):
        sync(book.ledger, kombo)
    assert len(ids(book.ledger)) == 2 * (page - 1)
    kombo.before = None
    kombo.put("applications", application("1", outcome="DECLINED", rejected_at="2026-11-21T08:00:00.000Z"))
    sync(book.ledger, kombo)

    fresh = Ledger(create_engine(f"sqlite:///{tmp_path / 'fresh.db'}", **ENGINE_OPTIONS))
    fresh.ensure()
    Book(fresh).deliver(*FIVE)
    sync(fresh, kombo)
    assert stored(book.ledger) == stored(fresh)
    assert stored(book.ledger, candidates) == stored(fresh, candidates)
    assert len(stored(fresh)) == 5
    fresh.close()


def test_the_watermark_is_when_the_pull_began_and_moves_only_with_its_last_page(book: Book) -> None:
    book.deliver(*FIVE)
    kombo = five()
    kombo.before = kill_at(3)
    with pytest.raises(KilledError):
        sync(book.ledger, kombo)
    assert watermarks(book)["applications"] is None
    began = datetime.now(UTC)
    kombo.before = None
    sync(book.ledger, kombo)
    found = watermarks(book)["applications"]
    assert found is not None
    assert began - timedelta(seconds=1) <= found <= datetime.now(UTC)


def watermarks(book: Book) -> dict[str, datetime | None]:
    with book.ledger.transaction() as conn:
        return {row[0]: row[1] for row in conn.execute(select(syncs.c.model, syncs.c.watermark))}


def test_the_next_pull_asks_for_what_changed_since_shortly_before_the_last_one_began(book: Book) -> None:
    book.deliver(*FIVE)
    kombo = five()
    sync(book.ledger, kombo, "applications")
    began = watermarks(book)["applications"]
    sync(book.ledger, kombo, "applications")
    first, second = kombo.asked
    assert first[2]["updated_after"] is None
    assert began is not None
    assert second[2]["updated_after"] == began - OVERLAP
    assert second[2]["include_deleted"] is True


@pytest.mark.parametrize("moved", [timedelta(seconds=-1), timedelta(0), timedelta(milliseconds=999)])
def test_a_change_at_the_watermark_s_own_second_is_not_lost(book: Book, moved: timedelta) -> None:
    book.deliver("1")
    kombo = Kombo()
    kombo.put("applications", application("1"))
    sync(book.ledger, kombo, "applications")
    began = watermarks(book)["applications"]
    assert began is not None
    stamp = f"{(began + moved).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    kombo.put("applications", application("1", outcome="HIRED", changed_at=stamp))
    sync(book.ledger, kombo, "applications")
    assert stored(book.ledger)[0]["outcome"] == "HIRED"


def test_an_integration_that_cannot_be_read_is_passed_over_and_remembered(book: Book) -> None:
    book.deliver("1")
    book.stage(VALID.but(applicant_id="2", integration_id=B))
    kombo = Kombo()
    kombo.put("applications", application("1"))

    def refuse(model: str, integration_id: str, number: int) -> None:
        if integration_id == B:
            raise ApiError("refused", code="INTEGRATION.INACTIVE", http_status=403, log_url="https://x.example/1")

    kombo.before = refuse
    report = sync(book.ledger, kombo)
    assert report.failed == {B: "INTEGRATION.INACTIVE"}
    assert ids(book.ledger) == ["app-1"]
    with book.ledger.transaction() as conn:
        failed = conn.execute(select(syncs).where(syncs.c.failed_since.is_not(None))).mappings().one()
    assert (failed["integration_id"], failed["code"], failed["log_url"]) == (
        B,
        "INTEGRATION.INACTIVE",
        "https://x.example/1",
    )
    kombo.before = None
    sync(book.ledger, kombo)
    with book.ledger.transaction() as conn:
        assert conn.execute(select(syncs).where(syncs.c.failed_since.is_not(None))).first() is None


def test_where_nothing_at_all_can_be_read_the_sync_fails(book: Book) -> None:
    book.deliver("1")

    def refuse(model: str, integration_id: str, number: int) -> None:
        raise ApiError("no answer")

    with pytest.raises(ApiError, match="no answer"):
        sync(book.ledger, Kombo(before=refuse))


def test_a_pull_that_another_has_replaced_stores_nothing_more(book: Book) -> None:
    book.deliver(*FIVE)
    kombo = five()

    def overtake(model: str, integration_id: str, number: int) -> None:
        if number == 2:
            kombo.before = None
            sync(book.ledger, kombo, "applications")
            kombo.put("applications", application("5", outcome="HIRED"))

    kombo.before = overtake
    report = sync(book.ledger, kombo, "applications")
    assert report.counts["records"] == 0
    assert {row["outcome"] for row in stored(book.ledger)} == {"PENDING"}


def test_a_full_pull_comes_by_itself_and_shows_a_stage_that_moved_without_a_change(book: Book) -> None:
    book.deliver("1")
    kombo = Kombo()
    kombo.put("applications", application("1"))
    sync(book.ledger, kombo, "applications")
    kombo.put("applications", application("1", current_stage_id="stage-2", current_stage={"name": "Offer"}))
    sync(book.ledger, kombo, "applications")
    assert stored(book.ledger)[0]["current_stage_name"] == "Applied"
    with book.ledger.transaction() as conn:
        conn.execute(update(syncs).values(full_at=datetime.now(UTC) - timedelta(days=7, seconds=1)))
    sync(book.ledger, kombo, "applications")
    assert stored(book.ledger)[0]["current_stage_name"] == "Offer"


def test_only_the_records_of_deliveries_are_stored_unless_all_are_asked_for(book: Book) -> None:
    book.deliver("1")
    kombo = five()
    sync(book.ledger, kombo)
    assert (ids(book.ledger), ids(book.ledger, candidates)) == (["app-1"], ["cand-1"])
    sync(book.ledger, kombo, scope="all")
    assert len(ids(book.ledger)) == len(ids(book.ledger, candidates)) == 5


def test_a_delivery_that_got_its_id_after_the_last_pull_is_asked_for_by_it(book: Book) -> None:
    book.deliver("1")
    kombo = five()
    sync(book.ledger, kombo)
    book.deliver("2")
    sync(book.ledger, kombo)
    assert ids(book.ledger) == ["app-1", "app-2"]
    sync(book.ledger, kombo)
    assert ids(book.ledger, candidates) == ["cand-1", "cand-2"]
    asked = len(kombo.asked)
    sync(book.ledger, kombo)
    assert len(kombo.asked) == asked + 2


def test_null_ids_are_completed_and_never_overwritten(book: Book) -> None:
    book.deliver("1", "2", kombo_candidate_id="cand-1")
    book.set("2", kombo_candidate_id="cand-merged", written_back_at=datetime.now(UTC))
    kombo = five()
    report = sync(book.ledger, kombo)
    first, second = book.row("1"), book.row("2")
    assert first["kombo_application_remote_id"] == "r-1"
    assert first["kombo_candidate_remote_id"] == "rc-1"
    assert second["kombo_candidate_id"] == "cand-merged"
    assert second["kombo_candidate_remote_id"] is None
    assert second["kombo_application_remote_id"] == "r-2"
    assert second["written_back_at"] is None
    assert report.counts["completed"] >= 2
    assert book.statuses() == {Status.DELIVERED: 2}
