"""The write-back into Snowflake, as far as fakesnow plays it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from kombo_provider.errors import WriteBackError
from kombo_provider.ledger.delivered_ids import DeliveredIds
from kombo_provider.ledger.kombo_ids import KomboIds
from kombo_provider.write_back.open_target import OpenTarget, Wait
from kombo_provider.write_back.target import WRITTEN_COLUMNS, find_target

pytestmark = pytest.mark.filterwarnings("ignore")
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["TIMESTAMP_LTZ", "TIMESTAMP_NTZ", "TIMESTAMP_TZ"])
def test_ids_reach_the_row_of_their_key_and_the_instant_its_column(snowflake: Engine, kind: str) -> None:
    with snowflake.begin() as conn:
        ids = "kombo_application_id TEXT, kombo_application_remote_id TEXT, kombo_candidate_id TEXT"
        columns = f"id INTEGER, {ids}, kombo_candidate_remote_id TEXT, kombo_delivered_at {kind}"
        conn.execute(text(f"CREATE TABLE people ({columns})"))
        conn.execute(text("INSERT INTO people (id) VALUES (1), (2)"))
    target = OpenTarget(snowflake, "people", {"applicant_id": "id"})
    with target.writing(Wait(lock_seconds=1.0, seconds=60.0)) as conn:
        rows = target.rows(conn)
        rows.try_write()
        [found] = rows.find({0: ("ats:a", "1"), 1: ("ats:a", "9")})
        assert (found.number, found.exact, found.rows) == (0, True, 1)
        rows.write({0: DeliveredIds("ats:a", "1", KomboIds("app-1", None, "cand-1"), AT)})
        conn.commit()
    with snowflake.connect() as conn:
        query = "SELECT kombo_application_id, kombo_candidate_id, kombo_delivered_at FROM people ORDER BY id"
        (application, candidate, at), untouched = conn.execute(text(query)).all()
    assert (application, candidate, tuple(untouched)) == ("app-1", "cand-1", (None, None, None))
    assert at == (AT.replace(tzinfo=None) if kind == "TIMESTAMP_NTZ" else AT)


@pytest.mark.parametrize("name", ["people", "PEOPLE", "People", "public.people", "Public.People"])
def test_a_table_is_found_by_its_name_in_any_case(snowflake: Engine, name: str) -> None:
    with snowflake.begin() as conn:
        ids = ", ".join(f"{column} TEXT" for column in WRITTEN_COLUMNS)
        conn.execute(text(f"CREATE TABLE people (id INTEGER, {ids})"))
        assert "id" in find_target(conn, name, {"applicant_id": "id"}).c


def test_a_table_that_is_not_there_is_said_to_be_so(snowflake: Engine) -> None:
    with snowflake.connect() as conn, pytest.raises(WriteBackError, match="There is no table nothing_here"):
        find_target(conn, "nothing_here", {"applicant_id": "id"})
