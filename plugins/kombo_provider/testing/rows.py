"""`map_rows`: a pipeline's mapping, tried in a test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kombo_provider.errors import ConfigurationError
from kombo_provider.operators.fixture_rows import FixtureRow, Rows, map_fixture
from kombo_provider.operators.settings import PushSettings
from kombo_provider.operators.stage import KomboStageOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow.sdk import DAG


def map_rows(
    select_or_dag: str | Path | DAG,
    rows: Rows,
    *,
    integration_id: str | None = None,
    source: str | None = None,
    endpoint: Literal["application", "candidate"] = "application",
    source_timezone: str = "UTC",
    transform: Callable[[Any], Any] | None = None,
    extra_fields: Sequence[str] = (),
    attachment_roots: Sequence[str] = (),
    questions: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> list[FixtureRow]:
    """Return what each row would become, its body or the reasons; nothing is read, staged or sent.

    `select_or_dag` is the SELECT, the path of its file (ending in `.sql`, also relative to the calling file or a folder
    above it), or a DAG with a push, whose arguments count then; with several pushes, `source` names one. The rows are
    what the SELECT would return: dictionaries by alias, or a DataFrame. `integration_id` is that of the connection, for
    rows without one. `questions` are what `stage` would ask Kombo for: `job_id`, as the rows have it, to the list that
    `GET /ats/jobs` gives as that job's `screening_questions`. Raises SourceError for a SELECT or for columns that could
    not be mapped.
    """
    if isinstance(select_or_dag, str | Path):
        push = PushSettings(
            source=source or "fixture",
            extract_sql=str(select_or_dag),
            # The test's own file: from there the SQL file is looked for, as from a DAG's file.
            defined_in=sys._getframe(1).f_code.co_filename,
            write_back_table=None,
            endpoint=endpoint,
            source_timezone=source_timezone,
            transform=transform,
            extra_fields=tuple(extra_fields),
            attachment_roots=tuple(attachment_roots),
        )
    else:
        push = _push_of(select_or_dag, source)
    return map_fixture(push, rows, integration_id, questions)


def _push_of(dag: DAG, source: str | None) -> PushSettings:
    pushes = [task.push for task in dag.tasks if isinstance(task, KomboStageOperator)]
    wanted = [push for push in pushes if source in (None, push.source)]
    if len(wanted) != 1:
        found = ", ".join(push.source for push in pushes) or "none"
        raise ConfigurationError(f"DAG {dag.dag_id!r} has pushes of these sources: {found}. Name one with source=.")
    return wanted[0]
