"""A record becomes a row whatever it holds; what is not as documented is None."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kombo_provider.sync import records
from tests.unit.sync.kombo import application, candidate

WRONG: list[Any] = [None, 5, True, "?", [], [None], {}, {"id": {}}, [[1]], "2026-13-45", "\x00", "\ud800"]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_no_value_of_any_field_stops_a_record(wrong: Any) -> None:
    for name in application("1"):
        records.application(application("1") | {name: wrong})
    for name in candidate("1"):
        records.candidate(candidate("1") | {name: wrong})
    for name in ("id", "stages", "screening_questions", "opened_at", "status"):
        records.job({"id": "job-1", name: wrong})


@pytest.mark.parametrize("name", [None, "", 5, {}])
def test_a_record_without_an_id_is_no_record(name: Any) -> None:
    assert records.application(application("1", id=name)) is None
    assert records.candidate(candidate("1", id=name)) is None
    assert records.job({"id": name}) is None


def test_ids_that_stand_only_in_a_part_are_found_there() -> None:
    row = records.application(application("1", candidate_id=None, job_id=None, current_stage_id=None))
    assert row is not None
    assert (row["candidate_id"], row["job_id"], row["current_stage_id"]) == (
        "cand-1",
        "job-1",
        "stage-1",
    )


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-01-02T03:04:05.678Z", datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)),
        ("2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, 0, UTC)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, 0, UTC)),
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        (1767322800, None),
    ],
)
def test_a_stamp_is_an_instant_in_utc(written: Any, at: datetime | None) -> None:
    assert records.instant(written) == at


def test_a_hire_is_dated_by_the_change_that_shows_it() -> None:
    row = records.application(application("1", outcome="HIRED", remote_updated_at=None))
    assert row is not None
    assert row["hired_at"] == row["changed_at"]
    pending = records.application(application("1"))
    assert pending is not None
    assert pending["hired_at"] is None


def test_a_list_too_long_to_be_kept_is_left_out_rather_than_cut() -> None:
    found = records.candidate(candidate("1", tags=[{"name": "x" * records.LONGEST_JSON}], location={"city": "Köln"}))
    assert found is not None
    assert found[0]["tags"] is None
    assert json.loads(found[0]["location"]) == {"city": "Köln"}


def test_a_job_brings_its_stages_and_questions() -> None:
    job = records.job(
        {
            "id": "job-1",
            "name": "Nurse",
            "stages": [{"id": "s", "name": "Applied", "index": 0, "status": "ACTIVE"}, {"id": None}],
            "screening_questions": [{"id": "q", "title": "Why?", "required": True, "format": {"type": "TEXT"}}],
        }
    )
    assert job is not None
    assert [stage["name"] for stage in job.stages] == ["Applied"]
    assert [(question["type"], question["required"]) for question in job.questions] == [("TEXT", 1)]
