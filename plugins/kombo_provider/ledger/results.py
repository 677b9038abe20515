"""What became of intents: the commit of an answer after its last byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Update, bindparam, select, update

from kombo_provider.ledger import _events
from kombo_provider.ledger._tables import KEY, KEY_COLUMNS, UtcDateTime, deliveries
from kombo_provider.ledger.claims import Intent
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import DeliveryKey, RunRef, Status


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an intent: the status it takes on and the columns that go with it."""

    intent: Intent
    status: Status
    values: dict[str, Any]
    retry_after_seconds: float | None = None
    duration_ms: int | None = None


RESULT_COLUMNS = (
    "email_sha256",
    "problems",
    "kombo_application_id",
    "kombo_application_remote_id",
    "kombo_candidate_id",
    "kombo_candidate_remote_id",
    "resolution",
    "retryable_codes",
    "ordered_resend",
    "not_before",
    "http_status",
    "error_code",
    "error_title",
    "error_message",
    "log_url",
    "warnings",
)
"""Columns that every result sets; one that a result does not name becomes NULL (counters keep their value)."""


def record(conn: Connection, results: Sequence[Result], run: RunRef) -> list[Result]:
    """Commit what became of intents, each only if no later attempt was made; only what changed enters the history.

    A success is recorded also where the lane was taken over meanwhile and the row put in doubt, or ordered to be sent
    again: the answer is proof. Any other late answer leaves the row as it is. Returns the successes that found no row
    to change.
    """
    at = now(conn)
    history: list[dict[str, Any]] = []
    unplaced: list[Result] = []
    for status in sorted({result.status for result in results}):
        left: Sequence[Result] = [result for result in results if result.status is status]
        for from_status in _PROOF_FOR if status is Status.DELIVERED else (Status.SENDING,):
            moved, left = _move(conn, left, from_status, at)
            history += [_result_event(result, from_status, at, run) for result in moved]
        unplaced += left if status is Status.DELIVERED else []
    _events.append(conn, history)
    return _unknown(conn, unplaced)


def _unknown(conn: Connection, successes: Sequence[Result]) -> list[Result]:
    """Leave out what the ledger has already: a commit may succeed though its answer is lost, and is repeated."""
    if not successes:
        return []
    query = select(*KEY_COLUMNS, deliveries.c.kombo_application_id).where(
        KEY.in_([result.intent.key for result in successes]), deliveries.c.status == Status.DELIVERED
    )
    found = {DeliveryKey(*row[:3]): row[3] for row in conn.execute(query)}
    return [
        result for result in successes if found.get(result.intent.key, "") != result.values.get("kombo_application_id")
    ]


_PROOF_FOR = (Status.SENDING, Status.IN_DOUBT, Status.READY)


def _move(
    conn: Connection, group: Sequence[Result], from_status: Status, at: datetime
) -> tuple[Sequence[Result], Sequence[Result]]:
    """Give rows in `from_status` the one that all the results have; return which moved and which did not."""
    if not group:
        return (), ()
    status = group[0].status
    statement = _record_statement(from_status, status)
    changed = conn.execute(statement, [_parameters(result, at) for result in group]).rowcount
    if changed == len(group):
        return group, ()
    query = select(*KEY_COLUMNS).where(
        KEY.in_([result.intent.key for result in group]), deliveries.c.status == status, deliveries.c.finished_at == at
    )
    keys = {DeliveryKey(*row) for row in conn.execute(query)} if changed else set()
    moved = [result for result in group if result.intent.key in keys]
    return moved, [result for result in group if result.intent.key not in keys]


@cache
def _record_statement(from_status: Status, status: Status) -> Update:
    values: dict[str, Any] = {name: bindparam(f"new_{name}", type_=deliveries.c[name].type) for name in RESULT_COLUMNS}
    if status is Status.DELIVERED:
        values["payload"] = None
    return (
        update(deliveries)
        .where(
            deliveries.c.source == bindparam("key_source"),
            deliveries.c.integration_id == bindparam("key_integration_id"),
            deliveries.c.applicant_id == bindparam("key_applicant_id"),
            deliveries.c.attempts == bindparam("attempt"),
            deliveries.c.status == from_status,
            *([deliveries.c.ordered_resend == 1] if from_status is Status.READY else []),
        )
        .values(status=status, finished_at=bindparam("at", type_=UtcDateTime()), **values)
    )


def _parameters(result: Result, at: datetime) -> dict[str, Any]:
    intent = result.intent
    kept = {"retryable_codes": intent.retryable_codes, "ordered_resend": int(intent.ordered_resend)}
    values = dict.fromkeys(RESULT_COLUMNS) | kept | result.values
    if result.retry_after_seconds is not None:
        values["not_before"] = at + timedelta(seconds=result.retry_after_seconds)
    return {
        "key_source": intent.key.source,
        "key_integration_id": intent.key.integration_id,
        "key_applicant_id": intent.key.applicant_id,
        "attempt": intent.attempt,
        "at": at,
        **{f"new_{name}": value for name, value in values.items()},
    }


def _result_event(result: Result, from_status: Status, at: datetime, run: RunRef) -> dict[str, Any]:
    return _events.event(
        result.intent.key,
        from_status,
        result.status,
        at,
        run,
        actor="deliver",
        error_code=result.values.get("error_code"),
        http_status=result.values.get("http_status"),
        duration_ms=result.duration_ms,
    )
