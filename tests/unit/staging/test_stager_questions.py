"""Rows are staged by what their jobs ask, and a list that was edited in Kombo is seen by the next run."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import create_engine

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger, RunRef
from kombo_provider.ledger.staging import Staging
from kombo_provider.mapping.questions import Questions, questions_of
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Plan, Window
from kombo_provider.staging.mapping_options import MappingOptions
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.stager import Stager

SELECT = """
SELECT id AS applicant_id, ats AS integration_id, job AS job_id, id AS candidate__first_name,
       'L' AS candidate__last_name, id || '@b.co' AS candidate__email_address, answers AS screening_question_answers
FROM people
"""
YEARS = {"id": "years", "required": True, "format": {"type": "NUMBER", "max": 10}}


class Jobs:
    """What jobs ask, by job; keeps who was asked; a job of `down` cannot be asked for."""

    def __init__(self) -> None:
        self.questions: dict[str, list[dict[str, Any]]] = {}
        self.down: set[str] = set()
        self.asked: list[tuple[str, list[str]]] = []

    def find(self, integration_id: str, job_ids: Collection[str]) -> dict[str, Questions | None]:
        self.asked.append((integration_id, sorted(job_ids)))
        return {job: questions_of(self.questions.get(job)) for job in job_ids if job not in self.down}


class People:
    """A table of people with answers, staged as runs do."""

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url, **ENGINE_OPTIONS)
        self.ledger = Ledger(create_engine(url, **ENGINE_OPTIONS), digest_secret=b"of the tests")
        self.ledger.ensure()
        self.jobs = Jobs()
        with self.engine.begin() as conn:
            conn.exec_driver_sql("CREATE TABLE people (id TEXT, ats TEXT, job TEXT, answers TEXT)")

    def add(self, name: str, answer: Any = None, *, job: str = "J", ats: str = "lever:a") -> None:
        answers = None if answer is None else json.dumps([{"question_id": "years", "answer": answer}])
        with self.engine.begin() as conn:
            conn.exec_driver_sql(f"INSERT INTO people VALUES ('{name}', '{ats}', '{job}', '{answers or ''}')")

    def stage(self, *, dry_run: bool = False, **options: Any) -> Counter[str]:
        self.jobs.asked.clear()
        run = Staging("crm", "kombo", "application", RunRef("push", "run"))
        stager = Stager(self.ledger, run, MappingOptions(find_questions=self.jobs.find, **options), dry_run=dry_run)
        reader = SourceReader(self.engine, SELECT, where="test.sql")
        stager.run(reader, Plan(Window()), Narrowing(), started_at=datetime.now(UTC))
        return +stager.counts

    def rows(self) -> dict[str, tuple[str, Any]]:
        """Status, and the answer that would leave."""
        query = "SELECT applicant_id, status, payload FROM kombo_deliveries"
        with self.ledger.transaction() as conn:
            return {row[0]: (row[1], _answer(row[2])) for row in conn.exec_driver_sql(query)}

    def close(self) -> None:
        self.engine.dispose()
        self.ledger.close()


def _answer(payload: str | None) -> Any:
    answers = json.loads(payload or "{}").get("screening_question_answers")
    return answers[0]["answer"] if answers else None


@pytest.fixture
def people(database_url: str) -> Iterator[People]:
    people = People(database_url)
    yield people
    people.close()


def test_rows_are_ready_with_converted_answers_or_invalid(people: People) -> None:
    people.jobs.questions = {"J": [YEARS]}
    people.add("a", "5")
    people.add("b", 11)
    people.add("c")
    people.add("d", job="no-questions")
    assert people.stage() == {"extracted": 4, "new": 2, "invalid": 2}
    assert people.rows() == {"a": ("ready", 5), "b": ("invalid", None), "c": ("invalid", None), "d": ("ready", None)}
    assert people.jobs.asked == [("lever:a", ["J", "no-questions"])]


def test_rows_that_the_ledger_knows_ask_nothing_again(people: People) -> None:
    people.jobs.questions = {"J": [YEARS]}
    people.add("a", 5)
    people.stage()
    assert people.stage() == {"extracted": 1, "already_known": 1}
    assert people.jobs.asked == []


def test_an_invalid_row_is_ready_once_the_list_no_longer_asks_for_what_it_lacks(people: People) -> None:
    people.jobs.questions = {"J": [YEARS]}
    people.add("a")
    people.add("b", 11)
    people.stage()
    assert people.stage() == {"extracted": 2, "already_known": 2}
    people.jobs.questions = {"J": [{**YEARS, "required": False, "format": {"type": "NUMBER", "max": 20}}]}
    assert people.stage() == {"extracted": 2, "restaged": 2}
    assert people.rows() == {"a": ("ready", None), "b": ("ready", 11)}


def test_rows_whose_jobs_cannot_be_asked_for_are_taken_as_they_are_counted_and_named(
    people: People, caplog: pytest.LogCaptureFixture
) -> None:
    people.jobs.questions, people.jobs.down = {"K": [YEARS]}, {"J"}
    people.add("a", "5")
    people.add("b", ats="lever:b")
    people.add("c", "5", job="K")
    with caplog.at_level(logging.WARNING):
        assert people.stage() == {"extracted": 3, "new": 3}
    assert people.rows() == {"a": ("ready", "5"), "b": ("ready", None), "c": ("ready", 5)}
    (told,) = [record.getMessage() for record in caplog.records if "screening questions" in record.getMessage()]
    assert told.startswith("2 rows are taken as they are")
    assert "lever:a (1), lever:b (1)" in told


def test_an_invalid_row_stays_so_while_its_job_cannot_be_asked_for(people: People) -> None:
    people.jobs.questions = {"J": [YEARS]}
    people.add("a")
    people.stage()
    people.jobs.down = {"J"}
    assert people.stage() == {"extracted": 1, "already_known": 1}
    assert people.rows() == {"a": ("invalid", None)}


def test_a_corrected_row_is_taken_though_its_job_cannot_be_asked_for(people: People) -> None:
    people.jobs.questions = {"J": [YEARS]}
    people.add("a")
    people.stage()
    people.jobs.down = {"J"}
    with people.engine.begin() as conn:
        conn.exec_driver_sql("DELETE FROM people")
    people.add("a", 5)
    assert people.stage() == {"extracted": 1, "restaged": 1}
    assert people.rows() == {"a": ("ready", 5)}


def test_a_dry_run_tells_what_the_questions_make_of_rows(people: People) -> None:
    people.jobs.questions = {"J": [YEARS]}
    people.add("a", 5)
    people.add("b")
    assert people.stage(dry_run=True) == {"extracted": 2, "new": 1, "invalid": 1}
    assert people.rows() == {}


def test_a_row_that_still_waits_is_checked_by_the_first_run_that_can_ask(people: People) -> None:
    people.jobs.questions, people.jobs.down = {"J": [YEARS]}, {"J"}
    people.add("a", 11)
    people.add("b", "5")
    assert people.stage() == {"extracted": 2, "new": 2}
    assert people.stage() == {"extracted": 2, "already_known": 2}
    people.jobs.down = set()
    assert people.stage() == {"extracted": 2, "invalid": 1, "restaged": 1}
    assert people.rows() == {"a": ("invalid", None), "b": ("ready", 5)}
    assert people.stage() == {"extracted": 2, "already_known": 2}


@pytest.mark.parametrize("status", ["delivered", "invalid", "ready", "rejected"])
def test_a_row_that_was_checked_stays_as_it_is_where_its_questions_cannot_be_asked_for(
    people: People, status: str
) -> None:
    people.jobs.questions = {"J": [YEARS]}
    people.add("a", "11" if status == "invalid" else "5")
    people.stage()
    with people.ledger.transaction() as conn:
        conn.exec_driver_sql(f"UPDATE kombo_deliveries SET status = '{status}'")
    before = people.rows()
    people.jobs.down = {"J"}
    assert people.stage(same_person="hold") == {"extracted": 1, "already_known": 1}  # which recognises no row by digest
    assert people.rows() == before


@pytest.mark.parametrize("same_person", ["send", "hold"])  # with hold no row is known by its digest alone
def test_a_row_delivered_while_its_questions_could_not_be_asked_for_has_not_changed_since(
    people: People, same_person: str
) -> None:
    people.jobs.questions, people.jobs.down = {"J": [YEARS]}, {"J"}
    people.add("a", "5")
    people.stage(same_person=same_person)
    with people.ledger.transaction() as conn:
        conn.exec_driver_sql("UPDATE kombo_deliveries SET status = 'delivered'")
    assert people.stage(same_person=same_person) == {"extracted": 1, "already_known": 1}
    people.jobs.down = set()
    for _ in range(2):
        assert people.stage(same_person=same_person) == {"extracted": 1, "already_known": 1}
    with people.engine.begin() as conn:
        conn.exec_driver_sql("DELETE FROM people")
    people.add("a", "6")
    assert people.stage(same_person=same_person) == {"extracted": 1, "changed_after_delivery": 1}


def test_nothing_is_asked_about_rows_that_were_delivered_without_their_questions(people: People) -> None:
    people.jobs.questions, people.jobs.down = {"J": [YEARS]}, {"J"}
    people.add("a", "5")
    people.stage()
    with people.ledger.transaction() as conn:
        conn.exec_driver_sql("UPDATE kombo_deliveries SET status = 'delivered'")
    people.stage()
    assert people.jobs.asked == []


def test_where_the_time_for_questions_is_short_it_is_not_the_same_integrations_that_go_without(people: People) -> None:
    names = [f"lever:{number:02}" for number in range(30)]
    for name in names:
        people.add("a", 5, ats=name)
    first_asked = set()
    for _ in range(8):
        people.stage(dry_run=True)
        first_asked.add(people.jobs.asked[0][0])
    assert len(first_asked) > 1
