"""`airflow kombo check` prints what fixture rows would become: fields and reasons, values only on demand."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kombo_provider.cli.checking import check
from tests.conftest import MADE_DAGS

DAG_ID = "checked"
SELECT = (
    "SELECT 1 AS applicant_id, 1 AS job_id, 1 AS candidate__first_name, 1 AS candidate__last_name, "
    "1 AS candidate__email_address, 1 AS candidate__salary_expectations__amount, "
    "1 AS candidate__salary_expectations__period, 1 AS candidate__social_links, 1 AS gdpr_consent__given "
    "FROM {{ var.value.crm_schema }}.t"
)
HEAD = "applicant_id,job_id,candidate__first_name,candidate__last_name,candidate__email_address"
GOOD = "a-1,remote:1,Ada,Secretname,ada@example.com"
BAD = "a-2,remote:1,Bob,Secretname,secret@nowhere"


@pytest.fixture(autouse=True)
def _dag() -> Iterator[None]:
    file = MADE_DAGS / "checked.py"
    file.write_text(
        '"""Airflow DAG"""\n'
        "from kombo_provider.pipeline import kombo_push_dag\n\n"
        "def upper(frame):\n"
        "    if (frame['candidate__first_name'] == 'crash').any():\n"
        "        raise ValueError('Secretname')\n"
        "    return frame\n\n"
        f"dag = kombo_push_dag(dag_id={DAG_ID!r}, source='crm.checked', write_back_table=None, transform=upper,\n"
        f"    extract_sql={SELECT!r})\n"
    )
    yield
    file.unlink()


def run(path: Path, **arguments: Any) -> None:
    check(
        Namespace(
            **{
                "dag_id": DAG_ID,
                "rows": str(path),
                "show_values": False,
                "output": "table",
                "verbose": False,
                **arguments,
            }
        )
    )


def written(tmp_path: Path, *lines: str, name: str = "rows.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_it_prints_field_and_reason_and_no_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1 of 2 rows would not be sent"):
        run(written(tmp_path, HEAD, GOOD, BAD))
    printed = capsys.readouterr().out
    assert "ready" in printed
    assert "candidate__email_address" in printed
    assert "expected one e-mail address" in printed
    assert "ecret" not in printed


def test_it_is_content_where_every_row_would_be_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(written(tmp_path, HEAD, GOOD))
    assert capsys.readouterr().out.splitlines() == [
        "row  applicant_id  becomes  field  problem",
        "1    a-1           ready",
    ]


def test_bodies_are_printed_with_show_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, HEAD, GOOD)
    run(path, show_values=True, output="json")
    (row,) = json.loads(capsys.readouterr().out)
    assert row["body"]["candidate"]["last_name"] == "Secretname"
    assert row["problems"] == []
    run(path, show_values=True, output="csv")
    assert "Secretname" in capsys.readouterr().out


def test_cells_of_a_csv_get_the_type_of_their_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    salary = "candidate__salary_expectations__amount,candidate__salary_expectations__period"
    head = f"{HEAD},{salary},candidate__social_links,gdpr_consent__given"
    path = written(tmp_path, head, f'{GOOD},65000.50,YEAR,"[{{""url"": ""https://example.com""}}]",true')
    run(path, show_values=True, output="json")
    (row,) = json.loads(capsys.readouterr().out)
    assert row["body"]["candidate"]["salary_expectations"] == {"amount": 65000.5, "period": "YEAR"}
    assert row["body"]["candidate"]["social_links"] == [{"url": "https://example.com"}]
    assert row["body"]["gdpr_consent"] == {"given": True}


def test_json_rows_are_taken_with_their_types(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = dict(zip(HEAD.split(","), GOOD.split(","), strict=True)) | {"applicant_id": 1.5}
    with pytest.raises(SystemExit):
        run(written(tmp_path, json.dumps([row]), name="rows.json"), output="csv")
    assert "1,,without_key,applicant_id," in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("rows.txt", "", "neither .csv nor .json"),
        ("rows.json", "{", "cannot be read"),
        ("rows.json", '{"applicant_id": "Secretname"}', "no list of objects"),
        ("rows.csv", f"{HEAD}\n{GOOD},more", "more cells"),
        ("rows.csv", f"{HEAD},candidate__frist_name\n{GOOD},Ada", "did you mean candidate__first_name"),
        ("rows.csv", f"{HEAD}\na-1,remote:1,crash,Secretname,ada@example.com", "transform .* failed .*ValueError"),
    ],
)
def test_what_cannot_be_checked_is_one_message_without_a_value(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(SystemExit, match=told) as stopped:
        run(written(tmp_path, text, name=name))
    assert "Secretname" not in str(stopped.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"rows.csv cannot be read"):
        run(tmp_path / "rows.csv")


def test_rows_are_compared_with_the_questions_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = written(tmp_path, HEAD, GOOD)
    questions = tmp_path / "questions.json"
    questions.write_text(json.dumps({"remote:1": [{"id": "q-1", "required": True, "format": {"type": "TEXT"}}]}))
    with pytest.raises(SystemExit):
        run(rows, questions=str(questions))
    assert "lacks an answer to the question q-1" in capsys.readouterr().out
    questions.write_text(json.dumps({"remote:2": []}))
    run(rows, questions=str(questions))


@pytest.mark.parametrize("text", ["[]", '{"remote:1": {}}', "{", ""])
def test_a_file_that_holds_no_questions_is_named(tmp_path: Path, text: str) -> None:
    questions = tmp_path / "questions.json"
    questions.write_text(text)
    with pytest.raises(SystemExit, match=r"--questions: questions\.json"):
        run(written(tmp_path, HEAD, GOOD), questions=str(questions))
