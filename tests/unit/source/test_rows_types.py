"""What the databases' own types become on their way to Kombo."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from kombo_provider.source.window import Window
from tests.unit.source.reading import KEYS, NAMES, body, mapped, run

LINK = '{"url": "https://a.co"}'


def one(engine: Engine, columns: str) -> Any:
    """Map a row with some columns besides the keys and names."""
    (row,) = mapped(engine, f"SELECT {KEYS}, {NAMES}, {columns}")
    return row


@pytest.mark.parametrize(
    "column",
    [
        f"'[{LINK}]'::text",
        f"'[{LINK}]'::json",
        f"'[{LINK}]'::jsonb",
        f"ARRAY['{LINK}'::jsonb]",
        f"ARRAY['{LINK}'::json]",
    ],
)
def test_lists_of_objects_are_native_or_json_text(postgres: Engine, column: str) -> None:
    row = one(postgres, f"{column} AS candidate__social_links")
    assert body(row)["candidate"]["social_links"] == [{"url": "https://a.co"}]


@pytest.mark.parametrize(
    ("column", "sent"),
    [
        ("DATE '2026-03-01'", "2026-03-01"),
        ("TIMESTAMPTZ '2026-03-01 01:30:00+02'", "2026-02-28T23:30:00Z"),
        ("TIMESTAMP '2026-03-01 01:30:00'", "2026-03-01T01:30:00Z"),
        ("'2026-03-01'::text", "2026-03-01"),
        ("NULL::date", None),
    ],
)
def test_a_date_is_never_shifted_and_an_instant_is_in_utc(postgres: Engine, column: str, sent: str | None) -> None:
    row = one(postgres, f"{column} AS candidate__availability_date")
    assert body(row)["candidate"].get("availability_date") == sent


@pytest.mark.parametrize(
    ("column", "sent"),
    [("50000::numeric(12,2)", 50000), ("50000.5::numeric", 50000.5), ("50000::bigint", 50000), ("5e4::float8", 50000)],
)
def test_numbers_stay_numbers(postgres: Engine, column: str, sent: float) -> None:
    columns = f"{column} AS candidate__salary_expectations__amount, 'YEAR' AS candidate__salary_expectations__period"
    assert body(one(postgres, columns))["candidate"]["salary_expectations"]["amount"] == sent


def test_booleans_and_enums(postgres: Engine) -> None:
    run(postgres, "CREATE TYPE gender AS ENUM ('MALE', 'FEMALE')")
    row = one(postgres, "true AS gdpr_consent__given, 'FEMALE'::gender AS candidate__gender")
    assert (body(row)["gdpr_consent"]["given"], body(row)["candidate"]["gender"]) == (True, "FEMALE")


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("7::int", "7"),
        ("9007199254740993::bigint", "9007199254740993"),
        ("7::numeric(20,0)", "7"),
        ("'6f1c7c0e-9b8a-4c6f-8d2e-1a2b3c4d5e6f'::uuid", "6f1c7c0e-9b8a-4c6f-8d2e-1a2b3c4d5e6f"),
        ("'abc'::char(8)", "abc"),
        ("'abc'::varchar", "abc"),
        ("'abc'::name", "abc"),
    ],
)
def test_keys_are_exact_texts(postgres: Engine, column: str, key: str) -> None:
    (row,) = mapped(postgres, f"SELECT {column} AS applicant_id, 'a' AS integration_id, 'j' AS job_id, {NAMES}")
    assert row.applicant_id == key


@pytest.mark.parametrize(
    "column", ["7::float8", "'\\x00ff'::bytea", "'a' || chr(7)", "ARRAY[1]", "NULL::int", "''", "now()"]
)
def test_what_is_no_key_leaves_one_row_out_with_a_reason(postgres: Engine, column: str) -> None:
    (row,) = mapped(postgres, f"SELECT {column} AS applicant_id, 'a' AS integration_id, 'j' AS job_id, {NAMES}")
    assert row.applicant_id is None
    assert row.key_problem


@pytest.mark.parametrize(
    "column",
    [
        "'infinity'::timestamptz",
        "'-infinity'::timestamp",
        "'infinity'::date",
        "'0044-03-15 BC'::date",
        "'0044-03-15 12:00:00 BC'::timestamptz",
        "'294276-12-31'::timestamp",
        "'\\xdeadbeef'::bytea",
        "'1 day'::interval",
        "'24:00'::time",
        "'[2026-01-01,2026-02-01)'::daterange",
        "'NaN'::float8 / 0.1",
        "'infinity'::numeric",
        "ARRAY['infinity'::date]",
    ],
)
def test_a_value_that_cannot_be_sent_harms_no_other_row(postgres: Engine, column: str) -> None:
    sql = f"""
        SELECT {KEYS}, {NAMES}, {column} AS candidate__availability_date
        UNION ALL SELECT '2', 'greenhouse:a', 'job', 'B', 'L', 'b@b.co', NULL"""
    rows = mapped(postgres, sql)
    assert [row.applicant_id for row in rows] == ["1", "2"]
    assert rows[1].problems is None
    if "NaN" not in column:
        assert rows[0].problems is not None


@pytest.mark.parametrize("warehouse_kind", ["sqlite"])
def test_bytes_that_are_no_text_harm_no_other_row_of_sqlite(source: Engine) -> None:
    run(
        source,
        "CREATE TABLE people (id INTEGER, name TEXT)",
        "INSERT INTO people VALUES (1, 'Ada'), (2, CAST(x'4af67267' AS TEXT)), (3, 'Jörg')",
    )
    sql = "SELECT id AS applicant_id, 'a' AS integration_id, 'j' AS job_id, name AS candidate__first_name, "
    rows = mapped(source, f"{sql} 'L' AS candidate__last_name, 'a@b.co' AS candidate__email_address FROM people")
    assert [row.problems is None for row in rows] == [True, False, True]
    assert body(rows[2])["candidate"]["first_name"] == "Jörg"


def test_a_changed_at_of_any_type_never_stops_a_batch(postgres: Engine) -> None:
    values = (
        "'infinity'::timestamptz",
        "'infinity'::timestamp",
        "'x'::text",
        "7",
        "'{}'::jsonb",
        "true",
        "now()::time",
    )
    for value in values:
        for window in (Window(), Window(lower=_at("2026-01-01"), upper=_at("2026-02-01"))):
            mapped(postgres, f"SELECT {KEYS}, {NAMES}, {value} AS changed_at", window)


def _at(day: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(f"{day}T00:00:00+00:00")
