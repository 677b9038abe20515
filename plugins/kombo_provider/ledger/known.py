"""What the ledger already holds of a set of keys, in one query whatever their number."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Text, bindparam, func, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from kombo_provider.ledger.decisions import Known
from kombo_provider.ledger.status import RESTAGED_WHEN_CHANGED, Status
from kombo_provider.ledger.tables import deliveries

Pair = tuple[str, str]
"""Integration id and applicant id."""


def lock_and_read(conn: Connection, source: str, keys: Collection[Pair]) -> dict[Pair, Known]:
    """Read the known ones among the keys, and lock those that staging may change against their lane's sender.

    A row that the sender has locked, or that becomes changeable between the two reads, counts as being sent: the next
    extract takes it. So staging never waits for a sender, which would wait for staging in turn.
    """
    if not keys:
        return {}
    found = conn.execute(_of(conn, source, keys, *(deliveries.c[name] for name in Known._fields))).all()
    changeable = [(row[0], row[1]) for row in found if row[2] in RESTAGED_WHEN_CHANGED]
    locked = _lock(conn, source, changeable)
    return {
        (integration_id, applicant_id): Known(Status(status), *others)
        if status not in RESTAGED_WHEN_CHANGED or (integration_id, applicant_id) in locked
        else Known(Status.SENDING, *others)
        for integration_id, applicant_id, status, *others in found
    }


def _lock(conn: Connection, source: str, keys: Collection[Pair]) -> Collection[Pair]:
    """Return the keys whose rows could be locked and may be changed still; SQLite locks the whole ledger anyway."""
    if not keys or conn.dialect.name != "postgresql":
        return set(keys)
    query = _of(conn, source, keys).where(deliveries.c.status.in_(RESTAGED_WHEN_CHANGED))
    return {(row[0], row[1]) for row in conn.execute(query.with_for_update(skip_locked=True))}


def known_keys(conn: Connection, source: str, keys: Sequence[Pair]) -> set[Pair]:
    """Return those of the keys that the ledger holds."""
    return {(row[0], row[1]) for row in conn.execute(_of(conn, source, keys))} if keys else set()


def _of(conn: Connection, source: str, keys: Collection[Pair], *columns: Any) -> Select[Any]:
    pair = (deliveries.c.integration_id, deliveries.c.applicant_id)
    return select(*pair, *columns).where(deliveries.c.source == source, among(conn, pair, keys))


def among(conn: Connection, columns: Sequence[Any], keys: Collection[Sequence[str]]) -> Any:
    """Return the condition that the text columns are one of the keys: one parameter per column at most."""
    if conn.dialect.name == "postgresql":
        lists = [bindparam(None, list(part), type_=ARRAY(Text)) for part in zip(*keys, strict=True)]
        names = [f"key_{number}" for number in range(len(columns))]
        wanted = func.unnest(*lists).table_valued(*names).render_derived()
        return tuple_(*columns).in_(select(*(wanted.c[name] for name in names)))
    listed = func.json_each(json.dumps(list(keys), ensure_ascii=False)).table_valued("value")
    parts = [func.json_extract(listed.c.value, f"$[{number}]") for number in range(len(columns))]
    return tuple_(*columns).in_(select(*parts))
