"""The operators around rows in doubt, as Airflow sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from kombo_provider.doubts.replies import Reply
from kombo_provider.errors import LedgerError, ReplyError
from kombo_provider.ledger import Ledger
from kombo_provider.operators import doubts
from kombo_provider.operators.connections import open_ledger
from kombo_provider.operators.doubts import IDS_PARAM, KomboAskOperator
from kombo_provider.operators.settings import Connections
from kombo_provider.pipeline import kombo_ask_dag
from tests.unit.doubts.test_resolve import A, put_in_doubt
from tests.unit.ledger.book import Book

SECRET = "{{ conn.kombo_default.password }}"


def test_no_text_from_outside_is_in_a_template_field_of_a_question() -> None:
    with DAG("ask", schedule=None):
        ask = KomboAskOperator(
            task_id="ask",
            source="crm",
            connections=Connections(),
            integration_id=SECRET,
            attempts={SECRET: 1, "{% 5": 1},
        )
    ask.render_template_fields({})

    assert not ask.template_fields
    assert (ask.integration_id, ask.attempts) == (SECRET, {SECRET: 1, "{% 5": 1})


def test_a_question_about_doubts_has_a_field_for_the_ids_in_the_ats_and_one_about_held_rows_has_none() -> None:
    dag = kombo_ask_dag(dag_id="ask", source="crm", params={"of_the_dag": 1})
    mapped: Any = dag.task_dict["ask"]
    asked = {"integration_id": "ats:a", "attempts": {"1": 1}}
    fields = {about: mapped.unmap({**asked, "about": about}).serialized_params for about in ("in_doubt", "approval")}
    assert {about: list(params) for about, params in fields.items()} == {"in_doubt": [IDS_PARAM], "approval": []}
    assert fields["in_doubt"][IDS_PARAM]["value"] == ""


class Answered:
    """A question about the row "1" in doubt, and what a person answered to it."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps({"conn_type": "sqlite", "host": str(path)}))
        kombo = {"conn_type": "http", "host": "http://127.0.0.1:1", "password": "key"}
        monkeypatch.setenv("AIRFLOW_CONN_KOMBO_DEFAULT", json.dumps(kombo))
        self.connections = Connections(warehouse_conn_id="ledger")
        with open_ledger(self.connections) as ledger:
            put_in_doubt(Book(ledger), "1")
        with DAG("ask", schedule=None):
            self.ask = KomboAskOperator(
                task_id="ask",
                source="crm.applicants",
                connections=self.connections,
                integration_id=A,
                attempts={"1": 1},
            )

    def carry_out(self, written: str | None) -> Any:
        run = SimpleNamespace(run_id="manual__1", conf={}, run_type="manual")
        context: Any = {"ti": SimpleNamespace(dag_id="ask", task_id="ask"), "dag_run": run, "params": {}}
        event = {
            "chosen_options": [str(Reply.WERE_SENT)],
            "params_input": {} if written is None else {IDS_PARAM: written},
            "responded_at": datetime.now(UTC),
            "responded_by_user": {"id": "7", "name": "Grace"},
        }
        return self.ask.execute_complete(context, event)

    def row(self) -> Any:
        with open_ledger(self.connections) as ledger:
            return Book(ledger).row("1")


@pytest.mark.parametrize(("written", "stored"), [("1 = r-1", "r-1"), ("", None), (None, None)])
def test_the_ids_that_a_person_wrote_are_stored_with_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str | None, stored: str | None
) -> None:
    answered = Answered(tmp_path / "ledger.db", monkeypatch)
    assert answered.carry_out(written) == {"answer": "They were sent", "rows": 1}
    row = answered.row()
    assert (row["status"], row["kombo_application_remote_id"]) == ("delivered", stored)


def test_an_answer_is_carried_out_though_the_ledger_is_away_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = Answered(tmp_path / "ledger.db", monkeypatch)
    refusals = iter(range(3))
    waits: list[float] = []

    @contextmanager
    def open_soon(connections: Connections) -> Iterator[Ledger]:
        if next(refusals, None) is not None:
            raise LedgerError("away")
        with open_ledger(connections) as ledger:
            yield ledger

    monkeypatch.setattr(doubts, "open_ledger", open_soon)
    monkeypatch.setattr("time.sleep", waits.append)
    assert answered.carry_out("") == {"answer": "They were sent", "rows": 1}
    assert answered.row()["status"] == "delivered"
    assert waits == list(doubts.TRIES_AGAIN_IN_SECONDS[:3])


def test_ids_that_cannot_be_read_leave_the_row_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = Answered(tmp_path / "ledger.db", monkeypatch)
    with pytest.raises(ReplyError, match="line 1"):
        answered.carry_out("r-1")
    assert answered.row()["status"] == "in_doubt"
