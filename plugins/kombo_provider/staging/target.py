"""What staging asks of the table that will receive the ids, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from kombo_provider.ledger import Hold, Ledger, delivered_ids, holds, staging
from kombo_provider.ledger.selection import Selection

_KEYS_SAMPLED = 200
_KEYS_A_LOOK = 1000


class Target(Protocol):
    """What staging asks of the table that will receive the ids; keys are (integration id, applicant id)."""

    def check(self) -> None:
        """Raise where the table cannot take ids."""

    def check_keys(self, ledger: Ledger, source: str, keys: Sequence[tuple[str, str]]) -> None:
        """Raise where none of the keys has a row, and none of the source ever had one."""

    def holds_ids(self) -> bool:
        """Tell whether any row has an application id already."""

    def ids_of(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Return the application ids that the rows of the keys have."""

    def foreign_ids(self, ledger: Ledger, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Return the same for ids that no delivery of the ledger bears."""

    def clear_keys(self, ledger: Ledger, keys: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the keys whose row is there and has no such id."""


class TargetCheck:
    """Looks rows up in the target while they are staged."""

    def __init__(self, target: Target, ledger: Ledger, source: str) -> None:
        self._target, self._ledger, self._source = target, ledger, source
        self._holds_ids = target.holds_ids()
        self._keys_checked = False

    def foreign_ids(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Return the keys that would be sent, though the target has an application id that no delivery bears.

        An older copy of the ledger, or another tool, made those applications. The first keys are looked up in the
        target before anything is staged.
        """
        if not keys:
            return {}
        if not self._keys_checked:
            self._target.check_keys(self._ledger, self._source, keys[:_KEYS_SAMPLED])
            self._keys_checked = True
        if not self._holds_ids:
            return {}
        with self._ledger.transaction() as conn:
            done = staging.done_keys(conn, self._source, keys)
        return self._target.foreign_ids(self._ledger, [key for key in keys if key not in done])


def hold_sent_elsewhere(ledger: Ledger, target: Target, selection: Selection, staged_before: datetime) -> int:
    """Hold waiting rows of earlier runs whose target has an application id that no delivery bears; return how many.

    In an older copy of the ledger they wait still, though they were sent since.
    """
    if not target.holds_ids():
        return 0
    held, last = 0, None
    while True:
        with ledger.transaction() as conn:
            keys = holds.waiting_keys(conn, selection, staged_before, after=last, limit=_KEYS_A_LOOK)
        if not keys:
            return held
        foreign = target.foreign_ids(ledger, keys)
        with ledger.transaction() as conn:
            held += len(holds.put_on_hold(conn, selection.source, list(foreign), Hold.HAS_ID))
        last = keys[-1]


def hold_for_approval_where_the_id_is_gone(ledger: Ledger, target: Target, selection: Selection) -> int:
    """Let rows wait for a person's approval whose target has no such id any more; return how many.

    Somebody may have emptied a stray id. But the target may also have been rebuilt, without the only trace of an
    application that was made: so a person decides.
    """
    moved, last = 0, None
    while True:
        with ledger.transaction() as conn:
            keys = holds.held_keys(conn, selection, Hold.HAS_ID, _KEYS_A_LOOK, after=last)
            wrote_ids = delivered_ids.was_any_written_back(conn, selection.source) if keys else False
        if not keys or (wrote_ids and not target.holds_ids()):
            return moved
        clear = target.clear_keys(ledger, keys)
        with ledger.transaction() as conn:
            staging.lock_source(conn, selection.source)
            moved += holds.await_approval(conn, selection.source, clear)
        last = keys[-1]
