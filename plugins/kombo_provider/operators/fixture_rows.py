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
    find_questions = None if questions is None else given_questions(questions)
    mapping = push.mapping(integration_id or _unless_selected(names), find_questions)
    mapper = mapping.mapper(names, push.endpoint, find_questions)
    seen: set[tuple[str | None, str | None]] = set()
    return [_fixture_row(row, seen) for row in mapper.map_chunk(frame)]


def _unless_selected(names: Sequence[str]) -> str | None:
    return None if "integration_id" in map(str.lower, names) else _OF_THE_CONNECTION


def _frame(push: PushSettings, rows: Rows) -> pd.DataFrame:
    """Return the rows with the columns of the SELECT, values untouched."""
    import pandas as pd

    from kombo_provider.source.select_list import selected_columns

    sql, where = read_extract_sql(push.extract_sql, push.defined_in, push.sql_folder)
    columns = selected_columns(_rendered(sql, where), where)
    if isinstance(rows, pd.DataFrame):
        rows = [dict(zip(rows.columns, row, strict=True)) for row in rows.astype(object).itertuples(index=False)]
    by_name = [{str(name).lower(): value for name, value in row.items()} for row in rows]
    if columns is None:
        columns = list(dict.fromkeys(name for row in by_name for name in row))
    known = [name.lower() for name in columns]
    for number, row in enumerate(by_name, start=1):
        if unknown := row.keys() - set(known):
            _refuse_columns(number, sorted(unknown), where, known)
    return pd.DataFrame([[row.get(name) for name in known] for row in by_name], columns=columns, dtype=object)


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
    body = json.loads(row.payload) if becomes == "ready" and row.payload else None
    integration_id = None if row.integration_id == _OF_THE_CONNECTION else row.integration_id
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
