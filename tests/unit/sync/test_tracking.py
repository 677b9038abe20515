"""What an earlier tool made goes onto Kombo's tracking list once, by the ids that its ATS wants."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kombo_provider.errors import ApiError
from kombo_provider.ledger.tracking import Untracked
from kombo_provider.sync.tracking import request_body
from tests.unit.ledger.book import VALID, Book
from tests.unit.sync.kombo import A, Kombo, application, ids, sync

ALL = Untracked("a-1", "c-1", "j-1")


@pytest.mark.parametrize(
    ("tool", "named"),
    [
        ("greenhouse", {"id_type": "application_id", "application_id": "a-1"}),
        ("greenhousev3", {"id_type": "application_id", "application_id": "a-1"}),
        ("onlyfy", {"id_type": "application_id", "application_id": "a-1"}),
        ("recruitee", {"id_type": "placement_id", "placement_id": "a-1"}),
        ("successfactors", {"id_type": "application_remote_id", "application_remote_id": "a-1"}),
        (
            "erecruiter",
            {"id_type": "application_and_job_remote_ids", "application_remote_id": "a-1", "job_remote_id": "j-1"},
        ),
        (
            "smartrecruiters",
            {"id_type": "candidate_and_job_remote_ids", "candidate_remote_id": "c-1", "job_remote_id": "j-1"},
        ),
    ],
)
def test_each_ats_is_asked_by_the_ids_that_it_wants_as_the_official_sdk_writes_them(
    tool: str, named: dict[str, Any]
) -> None:
    from kombo import models

    body = request_body(f"{tool}:x", ALL)
    assert body is not None
    assert json.loads(body) == {"tracked_at": None, tool: named}
    parsed = models.PostAtsImportTrackedApplicationRequestBody.model_validate_json(body)
    assert json.loads(parsed.model_dump_json(by_alias=True)) == json.loads(body)


@pytest.mark.parametrize("tool", ["workday", "personio", ""])
def test_an_ats_that_takes_none_is_not_asked(tool: str) -> None:
    assert request_body(f"{tool}:x", ALL) is None


@pytest.mark.parametrize("tool", ["erecruiter", "smartrecruiters"])
def test_where_an_id_is_not_known_nothing_is_asked(tool: str) -> None:
    assert request_body(f"{tool}:x", Untracked("a-1", None, None)) is None


def import_two(book: Book) -> None:
    rows = [VALID.but(applicant_id=n, already_sent=f"remote:r-{n}", payload=None) for n in ("1", "2")]
    book.stage(*rows)


def test_an_earlier_tools_application_is_tracked_once_and_its_ids_and_status_come_with_a_pull(book: Book) -> None:
    import_two(book)
    kombo = Kombo()
    assert sync(book.ledger, kombo).counts["tracked"] == 2
    kombo.put("applications", application("1", changed_at="2099-01-01T00:00:00Z", outcome="HIRED"))
    report = sync(book.ledger, kombo)
    assert [integration_id for integration_id, _ in kombo.tracked] == [A, A]
    assert report.counts["tracked"] == 0
    assert ids(book.ledger) == ["app-1"]
    row = book.row("1")
    assert (row["kombo_application_id"], row["kombo_candidate_id"], row["resolution"]) == (
        "app-1",
        "cand-1",
        "imported",
    )
    assert book.row("2")["kombo_application_remote_id"] == "r-2"


def test_one_that_kombo_refuses_keeps_no_other_and_is_not_asked_for_again(book: Book) -> None:
    import_two(book)
    kombo = Kombo()
    kombo.refusals = [ApiError("no", code="PLATFORM.INPUT_INVALID", http_status=400)]
    report = sync(book.ledger, kombo)
    assert (report.counts["not_trackable"], report.counts["tracked"]) == (1, 1)
    sync(book.ledger, kombo)
    assert len(kombo.tracked) == 2


def test_no_answer_is_asked_again_by_the_next_run(book: Book) -> None:
    import_two(book)
    kombo = Kombo()
    kombo.refusals = [ApiError("no answer")]
    with pytest.raises(ApiError):
        sync(book.ledger, kombo)
    sync(book.ledger, kombo)
    assert len(kombo.tracked) == 3


def test_a_row_with_kombos_own_id_is_not_imported(book: Book) -> None:
    book.stage(
        VALID.but(already_sent="app-1", payload=None), VALID.but(applicant_id="2", already_sent="", payload=None)
    )
    kombo = Kombo()
    sync(book.ledger, kombo)
    assert kombo.tracked == []
