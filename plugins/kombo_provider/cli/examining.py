"""What `airflow kombo doctor` looks at in a push: all that a run needs, tried without sending and without a trace."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from kombo_provider.cli.output import printable
from kombo_provider.cli.pushes import OpenPush, mapper_of, open_push
from kombo_provider.errors import KomboError
from kombo_provider.hooks.kombo import KomboHook, integration_state, open_look_ups
from kombo_provider.ledger import Ledger, now
from kombo_provider.ledger.ledger import CLOCKS_DIFFER_BY
from kombo_provider.operators.connections import warehouse_engine
from kombo_provider.operators.settings import PushSettings
from kombo_provider.operators.stage import KomboStageOperator
from kombo_provider.source.window import Window
from kombo_provider.staging.transform import transformed
from kombo_provider.write_back.write_back import WriteBack

if TYPE_CHECKING:
    from kombo_provider.mapping import MappedRow

OK, WARNING, PROBLEM = "ok", "warning", "problem"
_REASONS_SHOWN = 5
# Both cost a query or a request each; what is wrong with a table or a key shows in the first few already.
_KEYS_SAMPLED = 200
_INTEGRATIONS_ASKED = 20


class Finding(NamedTuple):
    """One thing that was looked at; `finding` says what to do as well."""

    result: str
    about: str
    finding: str


def examine(stage: KomboStageOperator) -> Iterator[Finding]:
    """Yield what was found about one push: its Kombo connection, its ledger, its source and its target."""
    push = stage.push
    yield from _tried(f"connection {push.connections.kombo_conn_id}", lambda about: _kombo(push, about))
    yield from _tried(f"ledger in {push.connections.ledger}", lambda about: _ledger(push, about))
    yield from _tried(f"source {push.source}", lambda about: _source(stage, about))


def _tried(about: str, look: Callable[[str], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield findings until an error ends them: it is the last, and its message says what to do."""
    try:
        yield from look(about)
    except KomboError as exc:
        yield Finding(PROBLEM, about, str(exc))


def _kombo(push: PushSettings, about: str) -> Iterator[Finding]:
    works, told = KomboHook(push.connections.kombo_conn_id).test_connection()
    yield Finding(_result(works), about, told)


def _result(works: bool) -> str:
    if works:
        return OK
    return PROBLEM


def _ledger(push: PushSettings, about: str) -> Iterator[Finding]:
    with warehouse_engine(push.connections.ledger) as engine:
        ledger = Ledger(engine, schema=push.connections.ledger_schema)
        there = ledger.exists()
        ledger.try_out()  # raises where a right is missing that the first run, or an upgrade, would need
        if not there:
            yield Finding(OK, about, "The first run can make its tables.")
            return
        yield Finding(OK, about, "Its tables are there.")
        with ledger.transaction() as conn:
            apart = abs(now(conn) - datetime.now(UTC))
    # Leases and waits are times of the database; the windows of runs are times of this machine.
    if apart > CLOCKS_DIFFER_BY:
        yield Finding(
            PROBLEM,
            "clock",
            f"Those of the ledger's database and of this machine are {apart.total_seconds():.0f} s apart: have both "
            "set by a time server.",
        )


def _source(stage: KomboStageOperator, about: str) -> Iterator[Finding]:
    with open_push(stage, {}) as opened:
        rows = _sample(opened)
        yield from _about_rows(rows, about)
        yield from _tried("integrations", lambda found: _integrations(opened, rows, found))
        yield from _tried(f"table {stage.push.write_back_table}", lambda found: _target(opened, rows, found))


def _sample(opened: OpenPush) -> list[MappedRow]:
    """Return what the first rows of the SELECT become, a chunk at most."""
    transform = opened.push.transform
    with opened.reader.open() as source:
        frame = next(source.frames(Window()), None)
        if frame is None:
            mapper_of(opened, source.columns)  # raises where the SELECT lacks a column, rows or none
            return []
    if transform:
        frame = transformed(transform, frame)
    return mapper_of(opened, list(frame.columns)).map_chunk(frame)


def _about_rows(rows: Sequence[MappedRow], about: str) -> Iterator[Finding]:
    yield Finding(OK, about, f"The SELECT can be mapped; {len(rows)} rows were looked at.")
    reasons: Counter[tuple[str, str]] = Counter()
    keys: set[tuple[str | None, str | None]] = set()
    with_key = 0
    for row in rows:
        for found in json.loads(row.problems or "[]"):
            reasons[found["field"], found["problem"]] += 1
        if row.key_problem:
            name, _, problem = row.key_problem.partition(" ")  # its first word is the column
            reasons[name, problem] += 1
        else:
            with_key += 1
            keys.add((row.integration_id, row.applicant_id))
    for (name, problem), count in reasons.most_common(_REASONS_SHOWN):
        yield Finding(WARNING, name, f"{count} of {len(rows)} rows: {problem}. Correct them, or the SELECT.")
    twice = with_key - len(keys)
    if twice:
        yield Finding(
            WARNING,
            "applicant_id",
            f"{twice} of {len(rows)} rows repeat the key of another and would be left out: make it unique within an "
            "integration; where one person applies for several jobs, id || ':' || job.",
        )
    if rows and all(row.changed_at is None for row in rows):
        yield Finding(
            WARNING, "changed_at", "No row has one, so that every run reads all rows: select when a row changed."
        )


def _integrations(opened: OpenPush, rows: Sequence[MappedRow], about: str) -> Iterator[Finding]:
    """Ask Kombo for the state of the integrations that the rows name."""
    client = open_look_ups(KomboHook(opened.push.connections.kombo_conn_id).get_settings())
    named = Counter(row.integration_id for row in rows if row.integration_id and row.problems is None)
    for integration_id, _ in named.most_common(_INTEGRATIONS_ASKED):
        try:
            works, state = integration_state(client.integration(integration_id))
        except KomboError as exc:
            works, state = False, f": {exc}"
        yield Finding(_result(works), about, f"{printable(integration_id)}{state}")


def _target(opened: OpenPush, rows: Sequence[MappedRow], about: str) -> Iterator[Finding]:
    push = opened.push
    if push.write_back_table is None:
        return
    keys = [(row.integration_id or "", row.applicant_id or "") for row in rows if row.key_problem is None]
    with warehouse_engine(push.connections.warehouse_conn_id) as warehouse:
        target = WriteBack(warehouse, push.write_back_table, push.write_back_key)
        target.check()
        target.check_keys(opened.ledger, push.source, keys[:_KEYS_SAMPLED])
    yield Finding(OK, about, "It can take the ids.")
