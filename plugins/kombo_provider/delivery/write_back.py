"""Kombo's ids back into the user's table, in bulk, never half a row."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Numeric,
    Table,
    Uuid,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.exc import NoSuchTableError

from kombo_provider.database import driver_errors
from kombo_provider.errors import WriteBackError
from kombo_provider.ledger import ids as id_store
from kombo_provider.ledger.ids import DeliveredIds
from kombo_provider.ledger.ledger import Ledger

log = logging.getLogger(__name__)

CHUNK_ROWS = 2_000
ID_COLUMNS = (
    "kombo_application_id",
    "kombo_application_remote_id",
    "kombo_candidate_id",
    "kombo_candidate_remote_id",
)
DELIVERED_AT = "kombo_delivered_at"
_KEYS_NAMED = 10


@dataclass(slots=True)
class WriteBackReport:
    """How many rows got ids, and which keys (source keys, no other value) matched no row or several."""

    written: int = 0
    without_row: int = 0
    with_several_rows: int = 0
    integration_ids: frozenset[str] = frozenset()


class WriteBack:
    """Writes the ids of a source's deliveries into one table.

    `key` is the column that holds `applicant_id`, or a mapping of `applicant_id` and `integration_id` to columns.
    Raises WriteBackError for a missing table or missing columns, with the ALTER to paste.
    """

    def __init__(self, engine: Engine, table: str, key: str | Mapping[str, str]) -> None:
        self._engine = engine
        self._name = table
        self._key = {"applicant_id": key} if isinstance(key, str) else dict(key)
        self._table: Table | None = None

    def check(self) -> None:
        """Make sure that the table is there and can take the ids."""
        with self._errors(), self._engine.connect() as conn:
            self._target(conn)

    def holds_ids(self) -> bool:
        """Tell whether any row of the table has an application id already."""
        with self._errors(), self._engine.connect() as conn:
            column = self._target(conn).c["kombo_application_id"]
            return conn.execute(select(column).where(column.is_not(None)).limit(1)).first() is not None

    def run(self, ledger: Ledger, source: str, *, refill: bool = False) -> WriteBackReport:
        """Write what is not written back yet (all there is with `refill`); safe to repeat after any crash."""
        report = WriteBackReport()
        after: tuple[str, str] | None = None
        while True:
            with ledger.transaction() as conn:
                chunk = id_store.to_write_back(conn, source, after=after, limit=CHUNK_ROWS, refill=refill)
            if not chunk:
                break
            after = chunk[-1].integration_id, chunk[-1].applicant_id
            with self._errors(), self._engine.begin() as target:
                written = self._write(target, chunk, report)
            with ledger.transaction() as conn:
                id_store.mark_written_back(conn, source, written)
            report.integration_ids |= {delivered.integration_id for delivered in written}
        _log(report)
        return report

    def _write(self, conn: Connection, chunk: Sequence[DeliveredIds], report: WriteBackReport) -> list[DeliveredIds]:
        table = self._target(conn)
        keyed = [(self._key_values(table, delivered), delivered) for delivered in chunk]
        matches = self._count_matches(conn, table, [key for key, _ in keyed if key is not None])
        written, parameters = [], []
        for key, delivered in keyed:
            found = matches.get(key, 0) if key is not None else 0
            if found == 1 and key is not None:
                written.append(delivered)
                parameters.append(self._parameters(key, delivered))
            else:
                _name(delivered, found, report)
        if parameters:
            conn.execute(self._update(table), parameters)
        report.written += len(written)
        return written

    def _count_matches(
        self, conn: Connection, table: Table, keys: Sequence[tuple[Any, ...]]
    ) -> dict[tuple[Any, ...], int]:
        columns = [table.c[name] for name in self._key.values()]
        first = columns[0]
        wanted = {key[0] for key in keys}
        query = select(*columns, func.count()).where(first.in_(wanted)).group_by(*columns)
        return {tuple(row[:-1]): row[-1] for row in conn.execute(query)} if wanted else {}

    def _update(self, table: Table) -> Any:
        values = {
            name: func.coalesce(bindparam(f"new_{name}", type_=table.c[name].type), table.c[name])
            for name in (*ID_COLUMNS, DELIVERED_AT)
        }
        conditions = [table.c[column] == bindparam(f"key_{part}") for part, column in self._key.items()]
        return update(table).where(*conditions).values(values)

    def _parameters(self, key: tuple[Any, ...], delivered: DeliveredIds) -> dict[str, Any]:
        keys = {f"key_{part}": value for part, value in zip(self._key, key, strict=True)}
        ids = {f"new_{name}": getattr(delivered, name) for name in ID_COLUMNS}
        return keys | ids | {f"new_{DELIVERED_AT}": self._delivered_at(delivered)}

    def _delivered_at(self, delivered: DeliveredIds) -> Any:
        column = self._table.c[DELIVERED_AT] if self._table is not None else None
        if column is None or delivered.delivered_at is None:
            return None
        if not isinstance(column.type, DateTime):
            return delivered.delivered_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        aware = bool(column.type.timezone)
        return delivered.delivered_at if aware else delivered.delivered_at.replace(tzinfo=None)

    def _key_values(self, table: Table, delivered: DeliveredIds) -> tuple[Any, ...] | None:
        """Cast the ledger's text key to the columns' types; None where it cannot be such a value."""
        try:
            return tuple(_cast(table.c[column], getattr(delivered, part)) for part, column in self._key.items())
        except (ValueError, ArithmeticError):
            return None

    def _target(self, conn: Connection) -> Table:
        if self._table is None:
            self._table = _reflect(conn, self._name, [*self._key.values(), *ID_COLUMNS, DELIVERED_AT])
        return self._table

    def _errors(self) -> Any:
        return driver_errors(
            self._engine,
            WriteBackError,
            f"Writing ids back into {self._name} failed",
            "The ids are safe in the ledger; correct the table or the rights of the connection, then run again",
        )


def _reflect(conn: Connection, name: str, needed: Sequence[str]) -> Table:
    schema, _, bare = name.rpartition(".")
    try:
        table = Table(bare, MetaData(), schema=schema or None, autoload_with=conn)
    except NoSuchTableError:
        raise WriteBackError(
            f"There is no table {name} to write ids back into. Name an existing one in write_back_table, "
            "or pass write_back_table=None to keep the ids in the ledger only."
        ) from None
    missing = [column for column in needed if column not in table.c]
    keys = [column for column in missing if column not in (*ID_COLUMNS, DELIVERED_AT)]
    if keys:
        known = ", ".join(table.c.keys())
        raise WriteBackError(f"{name} has no column {', '.join(keys)}: write_back_key must name one of {known}.")
    if missing:
        raise WriteBackError(
            f"{name} has no column {', '.join(missing)}. Run this once, then run again:\n{_alter(conn, table, missing)}"
        )
    return table


def _alter(conn: Connection, table: Table, missing: Sequence[str]) -> str:
    preparer = conn.dialect.identifier_preparer
    instant = DateTime(timezone=True).compile(dialect=conn.dialect)
    types = {name: instant if name == DELIVERED_AT else "TEXT" for name in missing}
    quoted = preparer.format_table(table)
    return "\n".join(f"ALTER TABLE {quoted} ADD COLUMN {preparer.quote(name)} {kind};" for name, kind in types.items())


def _cast(column: Column[Any], value: str) -> Any:
    if isinstance(column.type, Integer):
        return int(value)
    if isinstance(column.type, Numeric):
        return column.type.python_type(value)
    if isinstance(column.type, Uuid):
        return uuid.UUID(value) if column.type.as_uuid else value
    return value


def _name(delivered: DeliveredIds, found: int, report: WriteBackReport) -> None:
    if found:
        report.with_several_rows += 1
    else:
        report.without_row += 1
    if report.with_several_rows + report.without_row <= _KEYS_NAMED:
        log.warning(
            "Applicant %s of %s matches %s of the target: its ids stay in the ledger",
            delivered.applicant_id,
            delivered.integration_id,
            f"{found} rows" if found else "no row",
        )


def _log(report: WriteBackReport) -> None:
    log.info(
        "%d rows got their ids; %d keys match no row, %d match several",
        report.written,
        report.without_row,
        report.with_several_rows,
    )
