"""A command says what it did also where one of several ledgers is away, and then fails; it never prints nonsense."""

from __future__ import annotations

import io
import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from kombo_provider.cli import commands, failures
from kombo_provider.cli.ledgers import LedgerPlace
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import EVERYWHERE, LaneState, Ledger, Status, lane_states
from tests.unit.ledger.book import STAGING, VALID, Book

LANE = "greenhouse:a"
ALL_LEDGERS = {"verbose": True, "dag_id": None, "output": "json", "kombo_conn_id": None, "until": None, "because": None}
EMAIL = "ada@example.com"


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    """Give a ledger with a rejected row; beside it one whose connection is missing, and one that is no database."""
    ledger = Ledger(create_engine(f"sqlite:///{tmp_path / 'ledger.db'}", **ENGINE_OPTIONS))
    ledger.ensure()
    book = Book(ledger)
    book.stage(VALID.but(payload=json.dumps({"candidate": {"email_address": EMAIL}})))
    (intent,) = book.claim(1)
    book.record(intent, Status.REJECTED)
    book.stage(VALID.but(applicant_id="2"))
    monkeypatch.setenv("AIRFLOW_CONN_HERE", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}))
    monkeypatch.setenv("AIRFLOW_CONN_ODD", json.dumps({"conn_type": "postgres", "host": "h", "extra": {"port": "x"}}))
    source = STAGING.source
    names = {"away": "a", "here": "b", "odd": "c"}
    places = [LedgerPlace(name, None, {dag_id}, {source}) for name, dag_id in names.items()]
    for module in (commands, failures):
        monkeypatch.setattr(module, "ledger_places", lambda _: places)
    yield book
    ledger.close()


def call(command: Any, **arguments: Any) -> None:
    command(Namespace(**ALL_LEDGERS | arguments))


@pytest.mark.parametrize(
    ("command", "arguments"),
    [(commands.lanes, {"action": "list", "integration_id": None}), (failures.failed, {})],
    ids=["lanes", "failed"],
)
def test_a_list_holds_what_was_reached_and_fails_for_the_rest(
    book: Book, capsys: pytest.CaptureFixture[str], command: Any, arguments: dict[str, Any]
) -> None:
    with pytest.raises(SystemExit, match=r"Not reached:\nledger in away(.|\n)*ledger in odd"):
        call(command, **arguments)
    assert {line["integration_id"] for line in json.loads(capsys.readouterr().out)} == {LANE}


@pytest.mark.parametrize("by_email", [False, True])
def test_forget_names_whom_it_emptied_also_where_another_ledger_is_away(
    book: Book, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, by_email: bool
) -> None:
    key = {"source": STAGING.source, "integration_id": LANE, "applicant_id": "1"}
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{EMAIL}\n"))
    with pytest.raises(SystemExit, match="Not reached:"):
        call(commands.forget, email=by_email, **(dict.fromkeys(key) if by_email else key))
    assert f"Emptied: {STAGING.source} / {LANE} / 1." in capsys.readouterr().out
    assert book.row()["payload"] is None


def test_forget_refuses_a_key_beside_an_address(book: Book) -> None:
    key = {"source": STAGING.source, "integration_id": LANE, "applicant_id": "1"}
    with pytest.raises(SystemExit, match="not both"):
        call(commands.forget, email=True, **key)
    assert book.row()["payload"] is not None


def test_a_command_works_for_a_user_without_a_name_as_in_a_container(
    book: Book, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 50001")

    monkeypatch.setattr("getpass.getuser", nameless)
    key = {"source": STAGING.source, "integration_id": LANE, "applicant_id": "1"}
    with pytest.raises(SystemExit, match="Not reached:"):
        call(commands.forget, email=False, **key)
    assert "Emptied" in capsys.readouterr().out


def test_a_drain_stops_the_ledgers_that_are_reached(book: Book) -> None:
    with pytest.raises(SystemExit, match="Not reached:"):
        call(commands.drain, timeout=0)
    with book.ledger.transaction() as conn:
        assert lane_states.own_status(conn, EVERYWHERE, EVERYWHERE).state is LaneState.DRAINED


def test_a_drain_that_was_resumed_is_no_lane(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (commands.drain, commands.resume):
        with pytest.raises(SystemExit, match="Not reached:"):
            call(command, timeout=0)
    capsys.readouterr()
    with pytest.raises(SystemExit, match="Not reached:"):
        call(commands.lanes, action="list", integration_id=None)
    assert [line["integration_id"] for line in json.loads(capsys.readouterr().out)] == [LANE]
