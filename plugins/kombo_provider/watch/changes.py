"""What changed since the last watch, written down before anybody is told of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from kombo_provider.ledger import alerts
from kombo_provider.ledger.alerts import Alert, Beginning
from kombo_provider.watch.conditions import Finding, Judgement

FLAPS_FROM: Final = 3
"""So often within a day, and a condition is not told as over before it has been calm for a while."""
A_DAY: Final = timedelta(days=1)
CALM_FOR: Final = timedelta(hours=6)
_FLAPS = "It comes and goes: that it is over will be told once it has been so for 6 hours."

TextOf = Callable[[Finding, tuple[str, ...]], str]
"""Writes a message's text: the condition, and remarks on it."""


def write_down(conn: Connection, kombo_conn_id: str, judgement: Judgement, at: datetime, text_of: TextOf) -> None:
    """Bring `kombo_alerts` up to a judgement, in one transaction; safe beside another watch."""
    alerts.lock(conn)
    on = {one.subject: one for one in alerts.live(conn, kombo_conn_id) if one.resolved_at is None}
    raised = alerts.times_raised(conn, kombo_conn_id, at - A_DAY)
    beginnings = []
    for subject, finding in sorted(judgement.on.items()):
        if subject in on:
            _goes_on(conn, on[subject], finding, at, text_of)
            continue
        remarks: tuple[str, ...] = ()
        if raised[subject] + 1 >= FLAPS_FROM:
            remarks = (_FLAPS,)
        due_at = max(finding.due_at, finding.since)
        beginnings.append(Beginning(subject, text_of(finding, remarks), at, due_at))
    alerts.enter(conn, kombo_conn_id, beginnings)
    for subject, alert in on.items():
        if subject not in judgement.on:
            _not_found(conn, alert, judgement, at, flaps=raised[subject] >= FLAPS_FROM)
    alerts.forget_old(conn, kombo_conn_id, at)


def _goes_on(conn: Connection, alert: Alert, finding: Finding, at: datetime, text_of: TextOf) -> None:
    if alert.quiet_since is not None and alert.told:
        alerts.tell_again(conn, alert.alert_id, text_of(finding, ("It was told before; its snooze has ended.",)))
        return
    values: dict[str, datetime | str | None] = {}
    if alert.quiet_since is not None:
        values["quiet_since"] = None
    if alert.clear_since is not None:
        values["clear_since"] = None
    if not alert.told:  # nobody knows yet: they will be told how it stands then
        values["text"] = text_of(finding, ())
        values["due_at"] = min(alert.due_at, finding.due_at)
        values["raised_at"] = min(alert.raised_at, at)  # a clock may have been ahead
    if values:
        alerts.change(conn, alert.alert_id, **values)


def _not_found(conn: Connection, alert: Alert, judgement: Judgement, at: datetime, *, flaps: bool) -> None:
    if alert.subject in judgement.quiet:
        if alert.quiet_since is None:
            alerts.change(conn, alert.alert_id, quiet_since=at)
    elif not judgement.is_open(alert.subject):
        _over(conn, alert, at, flaps=flaps)
    elif alert.subject in judgement.told_otherwise and _had_to_wait(alert) and not alert.was_tried:
        alerts.drop(conn, [alert.alert_id])


def _over(conn: Connection, alert: Alert, at: datetime, *, flaps: bool) -> None:
    if _had_to_wait(alert) and not alert.was_tried:
        # Nobody heard that it began, and nobody has to hear that it is over.
        alerts.drop(conn, [alert.alert_id])
        return
    if flaps and not _has_been_calm(alert, at):
        # A beginning ahead of now is a wrong clock's: the calm would never have lasted long enough.
        if alert.clear_since is None or alert.clear_since > at:
            alerts.change(conn, alert.alert_id, clear_since=at)
        return
    alerts.change(conn, alert.alert_id, resolved_at=at, quiet_since=None)


def _had_to_wait(alert: Alert) -> bool:
    return alert.due_at > alert.raised_at or alert.quiet_since is not None


def _has_been_calm(alert: Alert, at: datetime) -> bool:
    return alert.clear_since is not None and at - alert.clear_since >= CALM_FOR
