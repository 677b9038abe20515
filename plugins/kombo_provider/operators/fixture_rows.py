"""What the rows of a fixture would become in a push: mapped as `stage` maps them, with no database and no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from kombo_provider.errors import SourceError
from kombo_provider.operators.extract_sql import read_extract_sql
from kombo_provider.operators.settings import PushSettings

if TYPE_CHECKING:
    import pandas as pd

    from kombo_provider.mapping import MappedRow

Rows: TypeAlias = "Sequence[Mapping[str, Any]] | pd.DataFrame"

_OF_THE_CONNECTION = "of-the-connection"


@dataclass(frozen=True, slots=True)
class FixtureRow:
    """What one row would become.

    `becomes` is `ready` (it would be sent), `invalid`, `without_key`, `duplicate_keys`, `withdrawn` or `imported`
    (already sent); only a ready row has a `body`. `problems` are dictionaries with `field` and `problem`, as in the
    ledger; `warnings` are as well, of what is odd about a row and sent nevertheless. `integration_id` is None where the
    connection's would be taken.
    """

    becomes: str
    applicant_id: str | None
    integration_id: str | None
    job_id: str | None
    body: dict[str, Any] | None
    problems: list[dict[str, str]] = field(default_factory=list)
    warnings: list[dict[str, str]] = field(default_factory=list)


def map_fixture(
    push: PushSettings,
    rows: Rows,
    integration_id: str | None = None,
    questions: Mapping[str, object] | None = None,
) -> list[FixtureRow]:
    """Return what each row that the push's SELECT might return would become, in their order.

    A row may leave columns of the SELECT out: they are NULL. `integration_id` is the connection's; unless it is given,
    the connection counts as having one where the SELECT returns none. `questions` are the jobs' screening questions, by
    `job_id`; without them answers are not compared with any. Raises SourceError for a SELECT that cannot be mapped, and
    for rows with columns that it does not return.
    """
    from kombo_provider.mapping.questions import given_questions

    frame = _frame(push, rows)
    if push.transform is not None:
        frame = push.transform(frame)
    names = [str(name) for name in frame.columns]
    find_questions = None
    if questions is not None:
        find_questions = given_questions(questions)
    mapping = push.mapping(integration_id or _unless_selected(names), find_questions)
    mapper = mapping.mapper(names, push.endpoint, find_questions)
    seen: set[tuple[str | None, str | None]] = set()
    return [_fixture_row(row, seen) for row in mapper.map_chunk(frame)]


def _unless_selected(names: Sequence[str]) -> str | None:
    if "integration_id" in map(str.lower, names):
        return None
    return _OF_THE_CONNECTION


def _frame(push: PushSettings, rows: Rows) -> pd.DataFrame:
    """Return the rows with the columns of the SELECT, values untouched."""
    import pandas as pd

    from kombo_provider.source.select_list import selected_columns

    sql, where = read_extract_sql(push.extract_sql, push.defined_in, push.sql_folder)
    columns = selected_columns(_rendered(sql, where), where)
    if isinstance(rows, pd.DataFrame):
        rows = _rows_of(rows)
    by_name = [_in_lower_case(row) for row in rows]
    if columns is None:
        columns = _columns_of(by_name)
    known = [name.lower() for name in columns]
    values: list[list[Any]] = []
    for number, row in enumerate(by_name, start=1):
        unknown = row.keys() - set(known)
        if unknown:
            _refuse_columns(number, sorted(unknown), where, known)
        values.append([row.get(name) for name in known])
    return pd.DataFrame(values, columns=columns, dtype=object)


def _rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    # As objects first: a column of integers would else give numpy's, which no database returns.
    values = frame.astype(object).itertuples(index=False)
    return [dict(zip(frame.columns, row, strict=True)) for row in values]


def _in_lower_case(row: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name).lower(): value for name, value in row.items()}


def _columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the columns that any of the rows has, each once, as they come."""
    columns: dict[str, None] = {}
    for row in rows:
        columns.update(dict.fromkeys(row))
    return list(columns)


def _refuse_columns(number: int, unknown: list[str], where: str, known: list[str]) -> NoReturn:
    from kombo_provider.mapping.problems import nearest

    told = ", ".join(name + nearest(name, known) for name in unknown)
    raise SourceError(
        f"Row {number} has columns that the source query ({where}) does not return: {told}. A row's keys are the "
        "aliases of the SELECT."
    )


def _rendered(sql: str, where: str) -> str:
    """Return the SELECT with a name for each Jinja expression: its columns do not depend on what they hold."""
    from jinja2 import ChainableUndefined, Environment, TemplateError

    class Name(ChainableUndefined):
        def __str__(self) -> str:
            return self._undefined_name or "something"

    try:
        return Environment(undefined=Name, autoescape=False).from_string(sql).render()  # noqa: S701 - SQL, no HTML
    except TemplateError as exc:
        raise SourceError(f"The Jinja in the source query ({where}) cannot be rendered: {exc.message}.") from None


def _fixture_row(row: MappedRow, seen: set[tuple[str | None, str | None]]) -> FixtureRow:
    key = row.integration_id, row.applicant_id
    becomes = _becomes(row, repeated=key in seen)
    seen.add(key)
    problems: list[dict[str, str]] = json.loads(row.problems or "[]")
    if row.key_problem is not None:
        alias, _, reason = row.key_problem.partition(" ")
        problems.insert(0, {"field": alias, "problem": reason})
    if becomes == "duplicate_keys":
        problems = [{"field": "applicant_id", "problem": "is that of an earlier row of its integration"}]
    body = None
    if becomes == "ready" and row.payload:
        body = json.loads(row.payload)
    integration_id = row.integration_id
    if integration_id == _OF_THE_CONNECTION:
        integration_id = None
    warnings = [warning._asdict() for warning in row.warnings]
    return FixtureRow(becomes, row.applicant_id, integration_id, row.job_id, body, problems, warnings)


def _becomes(row: MappedRow, *, repeated: bool) -> str:
    if row.key_problem is not None:
        return "without_key"
    if repeated:
        return "duplicate_keys"
    if row.withdrawn:
        return "withdrawn"
    if row.already_sent is not None:
        return "imported"
    return "invalid" if row.problems is not None else "ready"
