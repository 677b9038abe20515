"""The demo's applicants and their table."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.demo.applicants import COUNT, JOBS, SPREAD, Row, generate
from include.demo.defects import DEFECTS
from include.demo.warehouse import SOURCE_COLUMNS, WRITE_BACK_COLUMNS, fill

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
SELECT = Path(__file__).parents[1] / "include/sql/extract_applicants.sql"


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return generate(NOW)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    file = tmp_path / "warehouse.db"
    fill(file, NOW)
    return file


def spoilt(rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows that hold each defect."""
    return {d.name: [r for r in rows if all(r[k] == v for k, v in d.values.items())] for d in DEFECTS}


def test_the_same_seed_gives_the_same_rows(rows: list[Row]) -> None:
    assert generate(NOW) == rows
    assert generate(NOW, seed=7) != rows


def test_two_in_a_hundred_rows_are_bad_and_each_kind_occurs(rows: list[Row]) -> None:
    assert len(rows) == COUNT
    candidates = spoilt(rows)
    # A salary may lack both parts in good rows, and country "de" or the others never occur there.
    assert {name: len(found) for name, found in candidates.items()} == dict.fromkeys(candidates, 1)
    assert len(DEFECTS) / COUNT == 0.02


@pytest.mark.parametrize(
    "alphabet",
    ["LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "CJK UNIFIED", "HANGUL", "DEVANAGARI", "THAI", "GEORGIAN"],
)
def test_names_come_in_many_alphabets(rows: list[Row], alphabet: str) -> None:
    names = [str(row["candidate__first_name"]) for row in rows]
    assert any(unicodedata.name(name[0]).startswith(alphabet) for name in names)


def test_some_latin_names_have_marks(rows: list[Row]) -> None:
    letters = {c for row in rows for c in f"{row['candidate__first_name']}{row['candidate__last_name']}"}
    assert {"ü", "ł", "é"} <= letters


def test_an_email_applies_once_per_job_and_may_apply_for_two(rows: list[Row]) -> None:
    keys = Counter((r["integration_id"], r["job_id"], r["candidate__email_address"]) for r in rows)
    assert max(keys.values()) == 1
    people = Counter(r["candidate__email_address"] for r in rows)
    assert 2 in people.values()


def test_emails_are_ascii(rows: list[Row]) -> None:
    assert all(str(row["candidate__email_address"]).isascii() for row in rows)


def test_three_customers_with_several_jobs_each(rows: list[Row]) -> None:
    assert {r["integration_id"] for r in rows} == set(JOBS)
    assert [integration.partition(":")[0] for integration in JOBS] == ["greenhouse", "workday", "personio"]
    for integration, jobs in JOBS.items():
        assert len(integration.partition(":")[2]) == 24
        assert {r["job_id"] for r in rows if r["integration_id"] == integration} - {None} == set(jobs)


def test_changes_lie_in_the_last_hours(rows: list[Row]) -> None:
    instants = [datetime.fromisoformat(str(row["changed_at"])).replace(tzinfo=UTC) for row in rows]
    assert min(instants) >= NOW - SPREAD
    assert max(instants) <= NOW
    assert max(instants) - min(instants) > SPREAD * 0.98


def test_json_columns_hold_json(rows: list[Row]) -> None:
    good = [row for row in rows if row["candidate__social_links"] != DEFECTS[-1].values["candidate__social_links"]]
    for column in ("candidate__social_links", "attachments", "screening_question_answers"):
        values = [json.loads(str(row[column])) for row in good if row[column] is not None]
        assert values
        assert all(isinstance(value, list) for value in values)


def test_the_tables_columns_are_the_selects_aliases_and_the_ids_written_back(warehouse: Path) -> None:
    with closing(sqlite3.connect(warehouse)) as database:
        aliases = [column[0] for column in database.execute(SELECT.read_text()).description]
        columns = [row[1] for row in database.execute("PRAGMA table_info(applicants)")]
    assert aliases == list(SOURCE_COLUMNS)
    assert columns == [*aliases, *WRITE_BACK_COLUMNS]


def test_filling_again_keeps_the_rows_that_are_there(warehouse: Path) -> None:
    with closing(sqlite3.connect(warehouse)) as database, database:
        database.execute("UPDATE applicants SET kombo_application_id = 'x' WHERE applicant_id = 'A-10001'")
    assert fill(warehouse, NOW) == 0
    with closing(sqlite3.connect(warehouse)) as database:
        count, written = database.execute("SELECT count(*), count(kombo_application_id) FROM applicants").fetchone()
    assert (count, written) == (COUNT, 1)
