"""Tells of what changed: to each notifier once, and again to one that failed.

An alert is claimed before it is told, and noted after: a process that dies in between has it told a second time, once
its claim has ended. That is at least once, never less.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection

from kombo_provider.errors import NotifierError
from kombo_provider.ledger import Ledger, alerts
from kombo_provider.ledger.alerts import Alert
from kombo_provider.watch import messages
from kombo_provider.watch.messages import Message

CLAIM_LASTS: Final = timedelta(minutes=15)
TELLS_FOR_SECONDS: Final = 300.0
"""Shared by all notifiers, of which each begins one message in any case: a claim has to outlive the last one."""
TOOK_TOO_LONG_SECONDS: Final = 30.0
"""A failure that took so long is a server that hangs: it would hang over the next message as well."""
FAILURES_IN_A_ROW: Final = 3
"""So many, and a notifier is left alone until the next watch."""
RAISED, OVER = "raised", "over"

Send = Callable[[Message], None]
"""Sends one message, or raises NotifierError."""


@dataclass(slots=True)
class Told:
    """How many messages went out, and why which notifiers failed."""

    messages: int = 0
    failed: dict[str, str] = field(default_factory=dict)


class Teller:
    """One round of telling."""

    def __init__(
        self,
        ledger: Ledger,
        kombo_conn_id: str,
        notifiers: Mapping[str, Send],
        at: datetime,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._conn_id, self._notifiers, self._at = ledger, kombo_conn_id, notifiers, at
        self._monotonic = monotonic
        self._progress: dict[int, dict[str, str]] = {}
        self._until = monotonic() + TELLS_FOR_SECONDS
        self.told = Told()

    def tell(self) -> Told:
        """Tell every notifier of what it does not know yet."""
        claimant = uuid4().hex
        with self._ledger.transaction() as conn:
            claimed = alerts.claim(conn, self._conn_id, claimant, self._at, CLAIM_LASTS)
        self._progress = {alert.alert_id: dict(alert.told) for alert in claimed}
        try:
            for turn, (name, send) in enumerate(self._notifiers.items()):
                # What earlier ones left of the time is for all that follow, so none that hangs silences another.
                left = max(self._until - self._monotonic(), 0.0)
                share = left / (len(self._notifiers) - turn)
                self._tell_one(name, send, claimed, self._monotonic() + share)
            self._close(claimed)
        finally:
            # What a failure left untold is for the next watch, which need not wait for the claim to end.
            with self._ledger.transaction() as conn:
                alerts.release(conn, self._conn_id, claimant)
        return self.told

    def _tell_one(self, name: str, send: Send, claimed: Sequence[Alert], until: float) -> None:
        failures = 0
        for message in self._messages(name, claimed):
            began = self._monotonic()
            try:
                send(message)
            except NotifierError as exc:
                # It may be this message that it cannot take, so others are tried, but not all of them.
                failures += 1
                self.told.failed[name] = str(exc)
                self._note_failed(message)
                if failures >= FAILURES_IN_A_ROW or self._monotonic() - began >= TOOK_TOO_LONG_SECONDS:
                    return
            else:
                failures = 0
                self.told.messages += 1
                self._note(name, message)
            if self._monotonic() > until:
                return

    def _messages(self, name: str, claimed: Sequence[Alert]) -> Iterator[Message]:
        """Yield what a notifier has to hear: of each condition first that it is on, then that it is over."""
        unheard = [alert for alert in claimed if self._heard(name, alert) is None]
        yield from messages.of_raised(unheard)
        # Read once the first messages are sent: an alert that began and ended since the last watch is told as both.
        ended = [alert for alert in claimed if alert.resolved_at is not None]
        yield from messages.of_over([alert for alert in ended if self._heard(name, alert) == RAISED])

    def _heard(self, name: str, alert: Alert) -> str | None:
        """Return how far a notifier got with an alert; one that is new and missed the beginning need not hear the end.

        `told_at` says that all notifiers of that time knew of it.
        """
        step = self._progress[alert.alert_id].get(name)
        if step is None and alert.told_at is not None:
            return OVER
        return step

    def _note(self, name: str, message: Message) -> None:
        step = RAISED
        if message.is_over:
            step = OVER
        with self._ledger.transaction() as conn:
            for alert in message.alerts:
                self._progress[alert.alert_id][name] = step
                self._write(conn, alert)

    def _note_failed(self, message: Message) -> None:
        with self._ledger.transaction() as conn:
            alerts.note_failed(conn, [alert.alert_id for alert in message.alerts], self._at)

    def _close(self, claimed: Sequence[Alert]) -> None:
        """Close what no present notifier has to hear of any more: the DAG file may have lost one meanwhile."""
        with self._ledger.transaction() as conn:
            for alert in claimed:
                if self._is_complete(alert):
                    self._write(conn, alert)

    def _write(self, conn: Connection, alert: Alert) -> None:
        progress = self._progress[alert.alert_id]
        alerts.note_told(conn, alert, progress, self._at, complete=self._is_complete(alert))

    def _is_complete(self, alert: Alert) -> bool:
        """Tell whether every notifier knows all there is to know by now."""
        heard = {self._heard(name, alert) for name in self._notifiers}
        if alert.resolved_at is not None:
            return heard <= {OVER}
        return None not in heard
