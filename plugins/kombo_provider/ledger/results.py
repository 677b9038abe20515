"""What became of intents: the commit of an answer after its last byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from kombo_provider.ledger._moves import Answer, By, Change, move_each, tell_without_move
from kombo_provider.ledger._tables import KEY, KEY_COLUMNS, deliveries
from kombo_provider.ledger.claims import Intent
from kombo_provider.ledger.email_digest import payload_digest
from kombo_provider.ledger.kombo_ids import KomboIds
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import ANSWER_FINDS, Actor, DeliveryKey, Resolution, RunRef, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of an intent: the status it takes on, and the columns of `kombo_deliveries` that go with it.

    A column that is None here becomes NULL, except the two counters, which keep their value.
    """

    intent: Intent
    status: Status
    resolution: Resolution | None = None
    ids: KomboIds = field(default_factory=KomboIds)
    keeps_digest: bool = False
    """The ids are incomplete: a digest of the payload's e-mail is kept to look them up by."""
    problems: str | None = None
    http_status: int | None = None
    error_code: str | None = None
    error_title: str | None = None
    error_message: str | None = None
    log_url: str | None = None
    warnings: str | None = None
    goes_behind: bool = False
    """The row waits behind the others of its lane from now on."""
    retryable_codes: int | None = None
    ordered_resend: bool | None = None
    retry_after_seconds: float | None = None
    duration_ms: int | None = None

    def without_texts(self) -> Result:
        """Return the same without Kombo's words, for a database that cannot hold them."""
        return replace(self, error_title=None, error_message=None, warnings=None, log_url=None)


_COPIED = (
    *("resolution", "problems"),
    *("http_status", "error_code", "error_title", "error_message", "log_url", "warnings"),
)

BEHIND = 2
"""Priority of rows that wait behind all others of their lane: 0 are those of ordinary runs, 1 those of backfills."""

POSSIBLE_DUPLICATE = "possible duplicate"
"""`actor_name` of the event of a success that came when the row had moved on."""


def record(conn: Connection, results: Sequence[Result], run: RunRef) -> list[Result]:
    """Commit what became of intents, each only if no later attempt was made; only what changed enters the history.

    An answer counts also where the holder was stopped or replaced meanwhile and the row put in doubt, as long as
    nobody decided since. Returns the successes that found no row to change: each has its event, and may be a duplicate.
    """
    at, by = now(conn), By(Actor.DELIVERY, run)
    unplaced: list[Result] = []
    for status in sorted({result.status for result in results}):
        of_status = [result for result in results if result.status is status]
        without_place = _record(conn, of_status, status, by, at)
        if status is Status.DELIVERED:
            unplaced += without_place
    if not unplaced:
        return []
    return _tell_unplaced(conn, unplaced, run, at)


def _record(conn: Connection, results: Sequence[Result], status: Status, by: By, at: datetime) -> list[Result]:
    """Move what can be moved to the status that all the results have; return the others."""
    unplaced = {result.intent.key: result for result in results}
    for from_status in ANSWER_FINDS.get(status, (Status.SENDING,)):
        # Each row moves from the first of these statuses that it has; those behind see what has no place yet.
        changes = [_change(conn, result, at) for result in unplaced.values()]
        for moved in move_each(conn, from_status, status, changes, by, at):
            del unplaced[moved.key]
    return list(unplaced.values())


def _change(conn: Connection, result: Result, at: datetime) -> Change:
    intent = result.intent
    values: dict[str, Any] = {name: getattr(result, name) for name in _COPIED}
    values |= result.ids._asdict()
    values["retryable_codes"] = _kept(result.retryable_codes, intent.retryable_codes)
    values["ordered_resend"] = int(_kept(result.ordered_resend, intent.ordered_resend))
    values["email_sha256"] = payload_digest(conn, intent.payload) if result.keeps_digest else None
    values["finished_at"] = at
    values["not_before"] = None
    if result.retry_after_seconds is not None:
        values["not_before"] = at + timedelta(seconds=result.retry_after_seconds)
    values["priority"] = BEHIND if result.goes_behind else intent.priority
    # Personal data goes with the delivery (contract, section 5).
    if result.status is Status.DELIVERED:
        values |= {"payload": None, "error_title": None, "error_message": None, "warnings": None}
    answer = Answer(result.error_code, result.http_status, result.duration_ms)
    return Change(intent.key, values, intent.attempt, answer)


def _kept(new: int | None, before: int) -> int:
    return before if new is None else new


def _tell_unplaced(conn: Connection, successes: Sequence[Result], run: RunRef, at: datetime) -> list[Result]:
    """Keep successes without a place in the history, and return them.

    Those that the ledger has already are left out: a commit may succeed though its answer is lost, and is repeated.
    """
    query = select(*KEY_COLUMNS, deliveries.c.status, deliveries.c.kombo_application_id).where(
        KEY.in_([result.intent.key for result in successes])
    )
    found = {DeliveryKey(*row[:3]): row for row in conn.execute(query)}
    by = By(Actor.DELIVERY, run, POSSIBLE_DUPLICATE)
    unplaced: list[Result] = []
    for result in successes:
        row = found.get(result.intent.key)
        if row is not None and (row.status, row.kombo_application_id) == (
            Status.DELIVERED,
            result.ids.kombo_application_id,
        ):
            continue
        unplaced.append(result)
        if row is not None:
            answer = Answer(http_status=result.http_status, duration_ms=result.duration_ms)
            tell_without_move(conn, result.intent.key, Status(row.status), answer, by, at)
    return unplaced
