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
from kombo_provider.ledger import estimate, staging
from kombo_provider.mapping import MappedRow
from kombo_provider.source.window import Window
from kombo_provider.staging.transform import transformed

_COLUMNS = ("source", "integration_id", "to_send", "delivered", "delivered_elsewhere", "invalid", "other", "hours")


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
    if given.tzinfo is None:
        return given.replace(tzinfo=UTC)
    return given


def _count(opened: OpenPush, window: Window) -> estimate.Counts:
    """Count the window's rows by integration and by what would become of them; changes nothing."""
    push = opened.push
    counts: estimate.Counts = Counter()
    seen: set[int] = set()  # hashes, since years of keys would not fit; two that meet make the estimate one less
    with opened.reader.open() as source:
        mapper = None
        if push.transform is None:
            mapper = mapper_of(opened, source.columns)  # also for a window without rows: it raises for a wrong SELECT
        for frame in source.frames(window):
            if push.transform is not None:
                frame = transformed(push.transform, frame)
            mapper = mapper or mapper_of(opened, list(frame.columns))
            # A transform may move a row to another time, as stage has it.
            rows = [row for row in mapper.map_chunk(frame) if window.contains(row.changed_at)]
            with_key = [row for row in rows if row.key_problem is None]
            counts["", "other"] += len(rows) - len(with_key)
            fresh = [row for row in with_key if hash(_key(row)) not in seen]
            seen.update(hash(_key(row)) for row in fresh)
            _count_chunk(opened, fresh, counts)
    return counts


def _count_chunk(opened: OpenPush, rows: list[MappedRow], counts: estimate.Counts) -> None:
    source = opened.push.source
    with opened.ledger.transaction() as conn:
        decisions = staging.foresee(conn, source, rows)
        delivered_to = estimate.delivered_to(conn, source, {row.applicant_id or "" for row in rows})
    for row, (decision, becomes) in zip(rows, decisions, strict=True):
        integration_id, applicant_id = _key(row)
        there = delivered_to.get(applicant_id, set())
        what = estimate.what_becomes(decision, becomes, is_delivered=integration_id in there)
        counts[integration_id, what] += 1
        # Legitimate where somebody moved to another ATS, and a surprise worth a column where nobody did.
        if what == "to_send" and there - {integration_id}:
            counts[integration_id, "delivered_elsewhere"] += 1


def _key(row: MappedRow) -> tuple[str, str]:
    return row.integration_id or "", row.applicant_id or ""


def _lines(opened: OpenPush, counts: estimate.Counts, output: str) -> list[dict[str, Any]]:
    """Return a line for each integration; in a table one more for all of them side by side."""
    push = opened.push
    most = KomboHook(push.connections.kombo_conn_id).get_settings().max_in_flight
    with opened.ledger.transaction() as conn:
        foreseen = estimate.foresee(conn, push.connections.kombo_conn_id, counts, max_in_flight=most)
    lines = [_line(push.source, name, found) for name, found in foreseen.items()]
    if output == "table" and len(lines) > 1:
        lines.append(_line(push.source, "all, side by side", estimate.in_all(foreseen)))
    return lines


def _line(source: str, name: str, found: estimate.Foreseen) -> dict[str, Any]:
    shown: float | str = round(found.hours or 0.0, 2)
    if found.hours is None and found.to_send:
        shown = "unknown"  # no run has measured how long a request takes there
    return {"source": source, "integration_id": name, **found._asdict(), "hours": shown}
