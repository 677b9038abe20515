"""The write-back into Snowflake, as far as fakesnow plays it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from kombo_provider.ledger.delivered_ids import DeliveredIds
from kombo_provider.ledger.kombo_ids import KomboIds
from kombo_provider.write_back.open_target import OpenTarget, Wait

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
