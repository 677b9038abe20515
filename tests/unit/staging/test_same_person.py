"""The same person twice under different keys: sent and counted, or only the first is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.errors import ConfigurationError
from kombo_provider.ledger import Actor, By, DeliveryKey, Ledger, RunRef, erasure
from kombo_provider.ledger.staging import Staging
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Plan, Window
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.stager import MappingOptions, Stager

ADA, BOB = "Ada@Example.com", "bob@example.com"


class Source:
    """A source whose rows are given anew for each run."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ledger = Ledger(create_engine(url, **ENGINE_OPTIONS), digest_secret=b"secret")
        self.ledger.ensure()

    def stage(self, *rows: tuple[str, str, str], option: str = "hold", dry_run: bool = False) -> Stager:
        """Stage rows of applicant id, job and address."""
        made = " UNION ALL ".join(f"SELECT '{key}' AS k, '{job}' AS j, '{email}' AS e" for key, job, email in rows)
        select = (
            "SELECT k AS applicant_id, 'lever:one' AS integration_id, j AS job_id, 'Ada' AS candidate__first_name, "
            f"'Doe' AS candidate__last_name, e AS candidate__email_address FROM ({made}) AS made"
        )
        options = MappingOptions(same_person=option)
        staging = Staging("crm", "kombo", "application", RunRef("push", "now"))
        stager = Stager(self.ledger, staging, options, dry_run=dry_run)
        reader = SourceReader(create_engine(self.url, **ENGINE_OPTIONS), select, where="test.sql")
        stager.run(reader, Plan(Window()), Narrowing(), started_at=datetime.now(UTC))
        return stager

    def statuses(self) -> dict[str, str]:
        return {row[0]: row[1] for row in self.run("SELECT applicant_id, status FROM kombo_deliveries")}

    def problem_of(self, applicant_id: str) -> dict[str, str]:
        select = "SELECT problems FROM kombo_deliveries WHERE applicant_id = :key"
        ((problems,),) = self.run(select, key=applicant_id)
        (problem,) = json.loads(problems)
        found: dict[str, str] = problem
        return found

    def run(self, statement: str, **values: Any) -> list[Any]:
        with self.ledger.transaction() as conn:
            result = conn.execute(text(statement), values)
            return list(result) if result.returns_rows else []


@pytest.fixture
def source(database_url: str) -> Iterator[Source]:
    found = Source(database_url)
    yield found
    found.ledger.close()


def test_by_default_all_are_sent_counted_and_named(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    stager = source.stage(("1", "j", ADA), ("2", "j", ADA.lower()), ("3", "k", ADA), ("4", "j", BOB), option="send")
    assert source.statuses() == dict.fromkeys("1234", "ready")
    assert (stager.same_person.rows, stager.same_person.named) == (1, ["2 of lever:one"])
    assert "1 rows name the same person and job as another row, such as 2 of lever:one" in caplog.text
    assert "example.com" not in caplog.text.lower()


def test_with_hold_the_later_one_is_invalid_and_names_the_key_of_the_first(source: Source) -> None:
    source.stage(("1", "j", ADA), ("2", "j", ADA.lower()), ("3", "k", ADA))
    assert source.statuses() == {"1": "ready", "2": "invalid", "3": "ready"}
    assert source.problem_of("2")["field"] == "candidate__email_address"
    assert "applicant 1, for the same job" in source.problem_of("2")["problem"]


def test_with_hold_a_row_of_a_later_run_is_a_second_whatever_the_order(source: Source) -> None:
    source.stage(("1", "j", ADA))
    source.run("UPDATE kombo_deliveries SET status = 'delivered', payload = NULL")
    source.stage(("2", "j", ADA))
    source.stage(("3", "j", ADA), ("1", "j", ADA))
    assert source.statuses() == {"1": "delivered", "2": "invalid", "3": "invalid"}


def test_rows_that_the_ledger_knew_before_hold_was_set_come_first(source: Source) -> None:
    source.stage(("2", "j", ADA), option="send")
    source.stage(("1", "j", ADA), ("2", "j", ADA))
    assert source.statuses() == {"1": "invalid", "2": "ready"}


def test_a_second_row_that_comes_back_stays_as_it_is(source: Source) -> None:
    for _ in range(2):
        stager = source.stage(("1", "j", ADA), ("2", "j", ADA))
    assert (stager.counts["already_known"], stager.counts["invalid"]) == (2, 0)


@pytest.mark.parametrize("status", ["invalid", "rejected", "cancelled"])
def test_once_the_first_will_never_leave_the_second_one_does(source: Source, status: str) -> None:
    source.stage(("1", "j", ADA), ("2", "j", ADA), ("3", "j", ADA))
    source.run("UPDATE kombo_deliveries SET status = :status WHERE applicant_id = '1'", status=status)
    source.stage(("2", "j", ADA), ("3", "j", ADA))
    assert source.statuses() == {"1": status, "2": "ready", "3": "invalid"}
    assert "applicant 2" in source.problem_of("3")["problem"]


def test_a_first_row_with_another_address_makes_way(source: Source) -> None:
    source.stage(("1", "j", ADA), ("2", "j", ADA))
    source.stage(("1", "j", BOB), ("2", "j", ADA))
    assert source.statuses() == {"1": "ready", "2": "ready"}


def test_who_is_forgotten_leaves_no_digest(source: Source) -> None:
    source.stage(("1", "j", ADA))
    with source.ledger.transaction() as conn:
        erasure.forget(conn, DeliveryKey("crm", "lever:one", "1"), By(Actor.PERSON))
    assert source.run("SELECT * FROM kombo_same_person") == []


def test_a_dry_run_tells_and_keeps_nothing(source: Source) -> None:
    stager = source.stage(("1", "j", ADA), ("2", "j", ADA), dry_run=True)
    assert stager.counts["invalid"] == 1
    assert source.run("SELECT * FROM kombo_same_person") == []


def test_hold_without_a_secret_is_refused(source: Source) -> None:
    source.ledger = Ledger(create_engine(source.url, **ENGINE_OPTIONS))
    with pytest.raises(ConfigurationError, match="email_digest_secret"):
        source.stage(("1", "j", ADA))
