"""What an earlier tool made goes onto Kombo's tracking list once, by the ids that its ATS wants."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kombo_provider.errors import ApiError, IntegrationError
from kombo_provider.ledger import tracking
from kombo_provider.ledger.tracking import Needs, Untracked
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


def import_some(book: Book, how_many: int) -> None:
    names = map(str, range(how_many))
    book.stage(*(VALID.but(applicant_id=name, already_sent=f"remote:r-{name}", payload=None) for name in names))


def asked_for(body: bytes) -> str:
    """Return the id in the ATS that a request names."""
    name: str = json.loads(body)["greenhouse"]["application_id"]
    return name


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
    import_some(book, 2)
    kombo = Kombo()
    kombo.refusals = [ApiError("no answer")]
    report = sync(book.ledger, kombo)
    assert (report.counts["track_later"], report.counts["tracked"]) == (1, 1)
    assert not report.failed
    sync(book.ledger, kombo)
    assert [asked_for(body) for _, body in kombo.tracked] == ["r-0", "r-1", "r-0"]


class Stumbling(Kombo):
    """Answers some applications with an error."""

    def __init__(self, *names: str, error: ApiError) -> None:
        super().__init__()
        self.names, self.error = names, error

    def import_tracked_application(self, integration_id: str, body: bytes) -> None:
        super().import_tracked_application(integration_id, body)
        if asked_for(body) in self.names:
            raise self.error


UNKNOWN = ApiError("failed", code="PLATFORM.UNKNOWN_ERROR", http_status=500)


def test_applications_that_kombo_stumbles_over_keep_no_other_from_the_list(book: Book) -> None:
    import_some(book, 8)
    kombo = Stumbling("r-0", "r-1", "r-2", "r-3", error=UNKNOWN)
    report = sync(book.ledger, kombo)
    assert report.counts["track_later"] == len(kombo.tracked) == 3
    assert not report.failed
    assert sync(book.ledger, kombo).counts["tracked"] == 4
    asked = [asked_for(body) for _, body in kombo.tracked]
    assert asked[3:] == ["r-3", "r-4", "r-5", "r-6", "r-7", "r-0", "r-1", "r-2"]


@pytest.mark.parametrize("http_status", [403, 408, 404])
def test_a_page_of_a_gateway_is_no_refusal_of_an_application(book: Book, http_status: int) -> None:
    import_some(book, 2)
    kombo = Stumbling("r-0", "r-1", error=ApiError("a page", http_status=http_status))
    assert sync(book.ledger, kombo).counts["not_trackable"] == 0
    kombo.names = ()
    assert sync(book.ledger, kombo).counts["tracked"] == 2


def test_an_integration_that_lacks_this_one_action_is_read_and_not_passed_over(book: Book) -> None:
    import_some(book, 3)
    refusal = IntegrationError("no", code="INTEGRATION.ACTION_NOT_AVAILABLE", http_status=400)
    kombo = Stumbling("r-0", "r-1", "r-2", error=refusal)
    kombo.put("applications", application("9"))
    report = sync(book.ledger, kombo, scope="all")
    assert not report.failed
    assert ids(book.ledger) == ["app-9"]
    assert len(kombo.tracked) == report.counts["track_later"] == 1


@pytest.mark.parametrize(
    ("needs", "found"),
    [
        ("application", ["a", "b", "c"]),
        ("application, candidate or job", ["b", "c", "d"]),
        ("application, candidate and job", ["d"]),
    ],
)
def test_rows_without_an_id_that_the_ats_needs_take_the_place_of_no_other(
    book: Book, needs: Needs, found: list[str]
) -> None:
    jobs = {"a": "job-1", "b": "remote:j-1", "c": "job-1", "d": "remote:j-1"}
    book.stage(
        *(
            VALID.but(applicant_id=name, job_id=job_id, already_sent=f"remote:{name}", payload=None)
            for name, job_id in jobs.items()
        )
    )
    for name in ("c", "d"):
        book.set(name, kombo_candidate_remote_id="c-1")
    with book.ledger.transaction() as conn:
        waiting = tracking.untracked(conn, A, 3, needs)
    assert [application.application_remote_id for application in waiting] == found


def test_a_row_with_kombos_own_id_is_not_imported(book: Book) -> None:
    book.stage(
        VALID.but(already_sent="app-1", payload=None), VALID.but(applicant_id="2", already_sent="", payload=None)
    )
    kombo = Kombo()
    sync(book.ledger, kombo)
    assert kombo.tracked == []
