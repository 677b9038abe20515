"""Why an applicant was or was not sent, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from kombo_provider.ledger import Hold, LaneState, Status
from kombo_provider.ledger.lane_states import LaneStatus
from kombo_provider.mapping import MappedRow
from kombo_provider.operators.descriptions import WHAT_TO_DO
from kombo_provider.operators.settings import PushSettings

_DECISIONS: Final = {
    "new": "it enters the ledger and is sent",
    "restaged": "its payload is replaced and it is sent",
    "already_known": "nothing, the ledger knows it as it is",
    "changed_after_delivery": "nothing: it was delivered and is never sent again, though the row changed since",
    "invalid": "nothing is sent: it fails the checks",
    "imported": "nothing is sent: it enters the ledger as delivered by an earlier tool",
    "withdrawn": "nothing is sent: it is withdrawn",
}

_HELD: Final = {
    Hold.APPROVAL: "It is held, since its run would send more rows than approve_above, or an id that its row of the "
    "target had is gone: trigger the DAG with confirm_rows, as the report says.",
    Hold.HAS_ID: "It is held, since its row of the target has an application id that no delivery bears: restore the "
    "newest copy of the ledger; if another tool made that application, select its id as already_sent; if nobody did, "
    "empty the id: then the next run asks for approval.",
    Hold.UNDECIDED: "It is held, since the run that staged it has not finished doing so. Where it was killed, the "
    "next run decides.",
}


def decision(counter: str, status: Status | None) -> str:
    """Say in words what staging would do with a row."""
    told = _DECISIONS[counter]
    if counter == "already_known" and status is Status.READY:
        told += " (it waits already)"
    return told


def planned(
    rows: Sequence[MappedRow], foreseen: Sequence[tuple[str, Status | None]], at: datetime
) -> Iterator[tuple[MappedRow, str]]:
    """Yield what a run that begins at `at` would do with each of the rows that the SELECT returns."""
    seen: set[str | None] = set()  # all rows are one applicant's, so the integration is what is left of the key
    for row, foresight in zip(rows, foreseen, strict=True):
        if row.integration_id in seen:
            yield row, "nothing: it repeats the key of the row before, and is left out as a duplicate"
        elif row.changed_at is not None and row.changed_at > at:
            yield row, "nothing yet: its changed_at lies in the future"
        else:
            yield row, decision(*foresight)
        seen.add(row.integration_id)


def explain(
    push: PushSettings,
    rows: Sequence[MappedRow],
    foreseen: Sequence[tuple[str, Status | None]],
    known: Sequence[Mapping[str, Any]],
    events: Mapping[str, Sequence[Mapping[str, Any]]],
    lanes: Mapping[str, LaneStatus],
    watermark: datetime | None,
) -> Iterator[str]:
    """Yield the lines of `airflow kombo explain`."""
    yield f"Source {push.source}"
    if not rows:
        yield "  The SELECT returns no such row now."
    for row, would in planned(rows, foreseen, datetime.now(UTC)):
        changed = row.changed_at or "at no known time"
        yield f"  The SELECT returns it for {row.integration_id}, job {row.job_id}, changed {changed}"
        yield from _problems(row.problems)
        if _outside_window(push, row, watermark):
            yield f"    It lies before the next window, which begins {push.lookback} before {watermark}: use window=all"
        yield f"    Staged now: {would}"
    if not known:
        yield "  The ledger does not know it."
    for delivery in known:
        yield from _delivery(delivery, events[delivery["integration_id"]])
        yield from _lane(lanes[delivery["integration_id"]])


def _problems(stored: str | None) -> Iterator[str]:
    for found in json.loads(stored or "[]"):
        yield f"    {found['field']}: {found['problem']}"


def _outside_window(push: PushSettings, row: MappedRow, watermark: datetime | None) -> bool:
    if watermark is None or row.changed_at is None:
        return False  # no window has begun yet; or the row has no date, by which it could lie before one
    return row.changed_at < watermark - push.lookback


def _lane(lane: LaneStatus) -> Iterator[str]:
    if lane.state is not LaneState.OPEN:
        since = ""
        if lane.since:
            since = f" since {lane.since:%Y-%m-%d %H:%M:%S} UTC"
        yield f"    Its integration is {lane.state}{since}: {lane.code or ''} {lane.log_url or ''}".rstrip(": ")


def _delivery(delivery: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    status = Status(delivery["status"])
    yield f"  In the ledger, {delivery['integration_id']}: {status}, {delivery['attempts']} requests"
    yield from _problems(delivery["problems"])
    for name in ("error_code", "http_status", "log_url", "resolution", "kombo_application_id", "written_back_at"):
        if delivery[name] is not None:
            yield f"    {name}: {delivery[name]}"
    for event in events:
        because = event["error_code"] or event["http_status"] or ""
        yield (
            f"    {event['at']:%Y-%m-%d %H:%M:%S} {event['from_status']} → {event['to_status']} "
            f"by {event['actor_name'] or event['actor']} {because}".rstrip()
        )
    yield f"    What to do: {_what_to_do(delivery, status)}"


def _what_to_do(delivery: Mapping[str, Any], status: Status) -> str:
    if status is Status.READY and delivery["hold"]:
        return _HELD[Hold(delivery["hold"])]
    code = {Status.REJECTED: delivery["error_code"], Status.INVALID: "invalid"}.get(status)
    if not code:  # a refusal without one of Kombo's codes cannot be named in a replay
        return WHAT_TO_DO[status]
    return WHAT_TO_DO[status] + f' Or trigger the DAG with replay=["{code}"].'
