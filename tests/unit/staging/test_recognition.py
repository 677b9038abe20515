"""A row that the ledger has as it is is not mapped again, and counts as ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import create_engine

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger, RunRef, claims, replay
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.staging import Staging
from kombo_provider.mapping import RowMapper, SourceRows
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Plan, Window
from kombo_provider.staging.mapping_options import MappingOptions
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.recognition import Recognition
from kombo_provider.staging.stager import Stager

COLUMNS = [
    *("applicant_id", "integration_id", "job_id", "candidate__first_name", "candidate__last_name"),
    *("candidate__email_address", "withdrawn"),
]
NOW = RunRef("push", "now")


class Pipeline:
    """A table of people, staged as a run does."""

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url, **ENGINE_OPTIONS)
        self.ledger = Ledger(create_engine(url, **ENGINE_OPTIONS))
        self.ledger.ensure()
        self.run(
            "CREATE TABLE people (id TEXT, name TEXT, withdrawn TEXT)", "INSERT INTO people VALUES ('1', 'Ada', '')"
        )

    def run(self, *statements: str) -> None:
        with self.engine.begin() as conn:
            for statement in statements:
                conn.exec_driver_sql(statement)

    def stager(self, run: RunRef = NOW, connection: str = "kombo", **options: Any) -> Stager:
        return Stager(self.ledger, Staging("crm", connection, "application", run), MappingOptions(**options))

    def stage(self, run: RunRef = NOW, connection: str = "kombo", **options: Any) -> Counter[str]:
        return self.stage_with(self.stager(run, connection, **options))

    def stage_with(self, stager: Stager) -> Counter[str]:
        select = (
            "SELECT id AS applicant_id, 'greenhouse:a' AS integration_id, 'job' AS job_id, name AS "
            "candidate__first_name, 'L' AS candidate__last_name, 'a@b.co' AS candidate__email_address, "
            "withdrawn AS withdrawn FROM people"
        )
        reader = SourceReader(self.engine, select, where="test.sql")
        stager.run(reader, Plan(Window()), Narrowing(), started_at=datetime.now(UTC))
        return +stager.counts

    def rows(self, what: str) -> list[Any]:
        with self.ledger.transaction() as conn:
            return list(conn.exec_driver_sql(f"SELECT {what} FROM kombo_deliveries ORDER BY applicant_id").scalars())

    def close(self) -> None:
        self.engine.dispose()
        self.ledger.close()


@pytest.fixture
def pipeline(database_url: str) -> Iterator[Pipeline]:
    """A pipeline whose one applicant was staged by an earlier run."""
    pipeline = Pipeline(database_url)
    pipeline.stage(RunRef("push", "before"))
    yield pipeline
    pipeline.close()


def test_a_waiting_row_that_did_not_change_is_this_runs_own(pipeline: Pipeline) -> None:
    assert pipeline.stage() == {"extracted": 1, "already_known": 1}
    assert pipeline.rows("run_id") == ["now"]
    assert pipeline.rows("payload")[0] is not None


@pytest.mark.parametrize("status", ["delivered", "sending", "in_doubt", "invalid", "rejected"])
def test_a_row_that_is_no_longer_waiting_stays_as_it_is(pipeline: Pipeline, status: str) -> None:
    pipeline.run(f"UPDATE kombo_deliveries SET status = '{status}'")
    assert pipeline.stage() == {"extracted": 1, "already_known": 1}
    assert pipeline.rows("status") == [status]
    assert pipeline.rows("run_id") == ["before"]


def test_a_changed_row_is_mapped_beside_one_that_is_known(pipeline: Pipeline) -> None:
    pipeline.run("INSERT INTO people VALUES ('2', 'Bo', '')")
    assert pipeline.stage() == {"extracted": 2, "already_known": 1, "new": 1}
    pipeline.run("UPDATE people SET name = 'Bob' WHERE id = '2'")
    assert pipeline.stage() == {"extracted": 2, "already_known": 1, "restaged": 1}
    assert "Bob" in pipeline.rows("payload")[1]


def test_of_equal_keys_the_first_counts_though_the_ledger_knows_it(pipeline: Pipeline) -> None:
    pipeline.run("INSERT INTO people VALUES ('1', 'Eve', '')")
    assert pipeline.stage() == {"extracted": 2, "already_known": 1, "duplicate_keys": 1}
    assert "Ada" in pipeline.rows("payload")[0]


def test_a_row_is_mapped_for_another_connection(pipeline: Pipeline) -> None:
    pipeline.stage(connection="other")
    assert pipeline.rows("kombo_conn_id") == ["other"]
    assert pipeline.rows("payload")[0] is not None


def test_a_row_that_was_taken_out_comes_back_when_it_is_no_longer_withdrawn(pipeline: Pipeline) -> None:
    pipeline.run("UPDATE people SET withdrawn = 'true'")
    assert pipeline.stage() == {"extracted": 1, "withdrawn": 1}
    assert pipeline.stage() == {"extracted": 1, "already_known": 1}
    pipeline.run("UPDATE people SET withdrawn = ''")
    assert pipeline.stage() == {"extracted": 1, "restaged": 1}
    assert pipeline.rows("status") == ["ready"]


def test_a_refused_row_whose_replay_was_ordered_is_staged_by_whichever_run_comes(pipeline: Pipeline) -> None:
    pipeline.run("UPDATE kombo_deliveries SET status = 'rejected', error_code = 'ATS.X', retryable_codes = 0")
    with pipeline.ledger.transaction() as conn:
        replay.order_replay(conn, "crm", {"ATS.X"})
    assert pipeline.stage() == {"extracted": 1, "restaged": 1}


def test_a_row_of_an_older_ledger_is_known_from_its_second_extract_on(pipeline: Pipeline) -> None:
    pipeline.run("UPDATE kombo_deliveries SET status = 'delivered', row_digest = NULL")
    assert pipeline.stage() == {"extracted": 1, "already_known": 1}
    assert pipeline.rows("row_digest") != [None]


def test_a_known_row_is_claimed_as_ever(pipeline: Pipeline) -> None:
    pipeline.stage()
    with pipeline.ledger.transaction() as conn:
        (intent,) = claims.claim(conn, Selection("crm", "kombo"), "greenhouse:a", 5, NOW)
    assert intent.payload is not None


def _known(pipeline: Pipeline, rows: list[tuple[Any, ...]], *by: object) -> list[bool]:
    whom = Staging("crm", "kombo", "application", NOW)
    recognition = Recognition(pipeline.ledger, whom, by or MappingOptions().rules, looks=True)
    mapper = RowMapper(COLUMNS, endpoint="application")
    return [row.known is not None for row in recognition.map_rows(mapper, SourceRows(COLUMNS, rows))]


def test_only_the_very_same_row_under_the_same_mapping_is_known(pipeline: Pipeline) -> None:
    ada = ("1", "greenhouse:a", "job", "Ada", "L", "a@b.co", "")
    assert _known(pipeline, [ada]) == [True]
    assert _known(pipeline, [(*ada[:3], "Ada ", *ada[4:])]) == [False]
    assert _known(pipeline, [(*ada[:6], None)]) == [False]
    assert _known(pipeline, [ada], "another zone") == [False]
    assert _known(pipeline, [(object(), *ada[1:]), ada]) == [False, True]


def test_a_known_row_is_compared_with_the_others_for_the_same_person(pipeline: Pipeline) -> None:
    pipeline.run("INSERT INTO people VALUES ('2', 'Ada', '')")
    stager = pipeline.stager()
    pipeline.stage_with(stager)
    assert (+stager.counts, stager.same_person.rows) == ({"extracted": 2, "already_known": 1, "new": 1}, 1)
