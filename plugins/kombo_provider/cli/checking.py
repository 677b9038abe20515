"""`airflow kombo check` and `doctor`: what fixture rows would become, and whether a run would find what it needs."""

from __future__ import annotations

import csv
import json
from argparse import Namespace
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from kombo_provider.cli.airflow_settings import settings_that_hurt
from kombo_provider.cli.examining import PROBLEM, Finding, examine
from kombo_provider.cli.output import rendered
from kombo_provider.cli.pushes import pushes_of, stages_of
from kombo_provider.cli.speaking import speaking
from kombo_provider.errors import ConfigurationError, KomboError
from kombo_provider.mapping.fields import alias_of, kind_of, walk
from kombo_provider.mapping.kinds import NUMBER
from kombo_provider.mapping.models import Body
from kombo_provider.operators.fixture_rows import FixtureRow, map_fixture
from kombo_provider.staging.transform import class_of

_COLUMNS: tuple[str, ...] = ("row", "applicant_id", "becomes", "field", "problem")
_WOULD_FAIL = ("invalid", "without_key", "duplicate_keys")


@speaking
def check(args: Namespace) -> None:
    """`airflow kombo check DAG_ID --rows FILE`."""
    rows = _read_rows(Path(args.rows))
    questions = None
    asked = getattr(args, "questions", None)
    if asked:
        questions = _read_questions(Path(asked))
    lines: list[dict[str, Any]] = []
    checked = refused = 0
    for push in pushes_of(args.dag_id):
        for number, row in enumerate(_mapped(push, rows, questions), start=1):
            checked += 1
            if row.becomes in _WOULD_FAIL:
                refused += 1
            lines += _lines(number, row, show_values=args.show_values, nested=args.output == "json")
    columns = _COLUMNS
    if args.show_values:
        columns += ("body",)
    print(rendered(lines, columns, args.output))
    if refused:
        raise SystemExit(f"{refused} of {checked} rows would not be sent.")


def _mapped(push: Any, rows: list[dict[str, Any]], questions: dict[str, Any] | None) -> list[FixtureRow]:
    try:
        return map_fixture(push, rows, questions=questions)
    except KomboError:
        raise
    except Exception as exc:  # noqa: BLE001 - the border to the user's transform, whose message may quote a row
        raise ConfigurationError(
            f"The transform of source {push.source!r} failed on these rows: {class_of(exc)}. A test with map_rows "
            "shows the whole traceback."
        ) from None


def _lines(number: int, row: FixtureRow, *, show_values: bool, nested: bool) -> Iterator[dict[str, Any]]:
    """Yield what is printed of a row: one line for each problem, in JSON one object with all."""
    head = {"row": number, "applicant_id": row.applicant_id, "becomes": row.becomes}
    if nested:
        whole: dict[str, Any] = {**head, "problems": row.problems, "warnings": row.warnings}
        if show_values:
            whole["body"] = row.body
        yield whole
        return
    body = None
    if show_values and row.body:
        body = json.dumps(row.body, ensure_ascii=False)
    warnings = [{**warning, "problem": f"warning: {warning['problem']}"} for warning in row.warnings]
    # A row of which there is nothing to say has a line all the same: it says what the row becomes.
    for problem in [*row.problems, *warnings] or [{}]:
        yield {**head, **problem, "body": body}


def _read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a .csv or .json file; raises ConfigurationError for anything else."""
    try:
        if path.suffix.lower() == ".csv":
            return _csv_rows(path)
        if path.suffix.lower() == ".json":
            return _json_rows(path)
    except (OSError, ValueError, RecursionError, csv.Error) as exc:  # their messages may hold a value
        raise ConfigurationError(f"--rows: {path.name} cannot be read ({type(exc).__name__}).") from None
    raise ConfigurationError(f"--rows: {path.name} is neither .csv nor .json.")


def _json_rows(path: Path) -> list[dict[str, Any]]:
    # utf-8-sig takes Excel's mark at the beginning; Decimal keeps an id such as 1.10 as the warehouse gives it.
    rows = json.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigurationError(f"--rows: {path.name} is no list of objects, one for each row.")
    return rows


def _read_questions(path: Path) -> dict[str, Any]:
    """Return a file's screening questions by job; raises ConfigurationError for anything else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as exc:
        raise ConfigurationError(f"--questions: {path.name} cannot be read ({type(exc).__name__}).") from None
    if not isinstance(found, dict) or not all(isinstance(listed, list) for listed in found.values()):
        raise ConfigurationError(
            f"--questions: {path.name} is no object: each job_id with the list of its screening_questions, as "
            "GET /ats/jobs returns them."
        )
    return found


def _csv_rows(path: Path) -> list[dict[str, Any]]:
    """Read a CSV with a head line; all its cells are text, so those of number fields become numbers."""
    numbers = {alias_of(alias) for alias, field in walk(Body) if kind_of(field) is NUMBER}
    with path.open(encoding="utf-8-sig", newline="") as file:
        # Cells beyond the head line would come under None, which is no name of a column.
        rows: list[dict[str, Any]] = list(csv.DictReader(file, restkey="", strict=True))
    for number, row in enumerate(rows, start=1):
        if "" in row:
            raise ConfigurationError(f"--rows: row {number} of {path.name} has more cells than the head line.")
        for name, cell in row.items():
            if cell and name.lower() in numbers:
                row[name] = _number(cell)
    return rows


def _number(cell: str) -> Decimal | str:
    try:
        return Decimal(cell)
    except InvalidOperation:
        return cell  # the mapping says what is wrong with it


@speaking
def doctor(args: Namespace) -> None:
    """`airflow kombo doctor DAG_ID`."""
    stages = stages_of(args.dag_id)
    longest = max(stage.push.run_for for stage in stages)
    findings = list(settings_that_hurt(stages[0].dag, longest))
    for stage in stages:
        findings += examine(stage)
    print(rendered([finding._asdict() for finding in findings], Finding._fields, args.output))
    problems = sum(finding.result == PROBLEM for finding in findings)
    if problems:
        raise SystemExit(f"{problems} of {len(findings)} findings are problems.")
