"""`airflow kombo plan`: how many rows a backfill would send, to whom, and for how many hours."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from kombo_provider.cli.output import rendered
from kombo_provider.cli.pushes import OpenPush, mapper_of, open_push, stages_of
from kombo_provider.cli.run_context import parse_conf
from kombo_provider.cli.speaking import speaking
from kombo_provider.errors import ConfigurationError
from kombo_provider.hooks.kombo import KomboHook
from kombo_provider.ledger import Status, estimate, staging
from kombo_provider.mapping import MappedRow
from kombo_provider.source.window import Window
from kombo_provider.staging.transform import transformed

_COLUMNS = ("source", "integration_id", "to_send", "delivered", "delivered_elsewhere", "invalid", "other", "hours")
_Counts = Counter[tuple[str, str]]


@speaking
def plan(args: Namespace) -> None:
    """`airflow kombo plan DAG_ID --from … --to …`."""
    window = Window(_instant(args.from_date), _instant(args.to_date), undated=False)
    if window.lower is None or window.upper is None or window.lower >= window.upper:
        raise ConfigurationError("--from must be earlier than --to. Nothing was read.")
    lines: list[dict[str, Any]] = []
    for stage in stages_of(args.dag_id):
        with open_push(stage, parse_conf(args.conf)) as opened:
            lines += _lines(opened, _count(opened, window), args.output)
    print(rendered(lines, _COLUMNS, args.output))


def _instant(given: datetime) -> datetime:
    return given if given.tzinfo is not None else given.replace(tzinfo=UTC)


def _count(opened: OpenPush, window: Window) -> _Counts:
    """Count the window's rows by integration and by what would become of them; changes nothing."""
    push, counts = opened.push, Counter[tuple[str, str]]()
    seen: set[int] = set()
    with opened.reader.open() as source:
        mapper = None if push.transform else mapper_of(opened, source.columns)
        for raw in source.frames(window):
            frame = transformed(push.transform, raw) if push.transform else raw
            mapper = mapper or mapper_of(opened, list(frame.columns))
            rows = [row for row in mapper.map_chunk(frame) if window.contains(row.changed_at)]
            fresh = [row for row in rows if row.key_problem is None and hash(_key(row)) not in seen]
            counts["", "other"] += sum(row.key_problem is not None for row in rows)
            seen.update(hash(_key(row)) for row in fresh)
            _count_chunk(opened, fresh, counts)
    return counts


def _count_chunk(opened: OpenPush, rows: list[MappedRow], counts: _Counts) -> None:
    source = opened.push.source
    with opened.ledger.transaction() as conn:
        decisions = staging.foresee(conn, source, rows)
        elsewhere = estimate.delivered_elsewhere(conn, source, [_key(row) for row in rows])
    for row, (counter, status) in zip(rows, decisions, strict=True):
        what = "other"
        if status is Status.READY:
            what = "to_send"
            counts[_key(row)[0], "delivered_elsewhere"] += _key(row) in elsewhere
        elif status is Status.INVALID:
            what = "invalid"
        elif counter in ("already_known", "changed_after_delivery", "imported"):
            what = "delivered"
        counts[_key(row)[0], what] += 1


def _key(row: MappedRow) -> tuple[str, str]:
    return row.integration_id or "", row.applicant_id or ""


def _lines(opened: OpenPush, counts: _Counts, output: str) -> list[dict[str, Any]]:
    """Return a line for each integration; in a table one more for all of them side by side."""
    push = opened.push
    names = sorted({name for (name, _), count in counts.items() if count})
    to_send = {name: counts[name, "to_send"] for name in names if counts[name, "to_send"]}
    most = KomboHook(push.connections.kombo_conn_id).get_settings().max_in_flight
    with opened.ledger.transaction() as conn:
        hours = estimate.hours(conn, push.connections.kombo_conn_id, to_send, max_in_flight=most)
    lines = [_line(push.source, name, counts, hours.get(name)) for name in names]
    if output == "table" and len(lines) > 1:
        total: _Counts = Counter()
        for (_, what), count in counts.items():
            total["all, side by side", what] += count
        in_all = estimate.hours_in_all(hours, sum(to_send.values()))
        lines.append(_line(push.source, "all, side by side", total, in_all))
    return lines


def _line(source: str, name: str, counts: _Counts, hours: float | None) -> dict[str, Any]:
    numbers = {what: counts[name, what] for what in _COLUMNS[2:-1]}
    shown = "unknown" if hours is None and numbers["to_send"] else round(hours or 0.0, 2)
    return {"source": source, "integration_id": name, **numbers, "hours": shown}
