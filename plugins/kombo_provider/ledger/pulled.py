"""Kombo's records of applications and candidates: those of the ledger's deliveries are kept, and complete their ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, case, exists, func, not_, or_, select, update

from kombo_provider.ledger import forgotten
from kombo_provider.ledger._bulk import all_columns, upsert
from kombo_provider.ledger._sync_tables import PERSONAL, applications, candidates, syncs
from kombo_provider.ledger._tables import deliveries, is_key
from kombo_provider.ledger.kombo_ids import ID_COLUMNS, KomboIds
from kombo_provider.ledger.ledger import CLOCKS_DIFFER_BY, now
from kombo_provider.ledger.status import DeliveryKey, Status

Record = dict[str, Any]
"""One row of a table below by column, without `integration_id` and `synced_at`."""


@dataclass(frozen=True, slots=True)
class Keep:
    """What is stored of the records: of everyone, or of the ledger's own; personal data of those changed since then.

    `personal_since` is None where no personal data is stored.
    """

    everyone: bool = False
    personal_since: datetime | None = None


def store_applications(conn: Connection, integration_id: str, records: Sequence[Record], keep: Keep) -> int:
    """Store one page; return how many deliveries got ids from it that they lacked."""
    ids = [record["id"] for record in records]
    ours = _bearing(conn, integration_id, deliveries.c.kombo_application_id, ids)
    for record, borne_by in _known_to_the_ats(conn, integration_id, records):
        ours.setdefault(record["id"], []).extend(borne_by)
    kept = records
    if not keep.everyone:
        kept = [record for record in records if record["id"] in ours]
    borne = forgotten.of_deliveries(conn, integration_id, ours)
    persons = forgotten.of_applications(conn, integration_id, kept, borne)
    _store(conn, applications, integration_id, kept, keep, persons)
    completed = 0
    for record in records:
        completed += _complete(conn, integration_id, _ids(record), ours.get(record["id"], ()))
    return completed


def store_candidates(
    conn: Connection, integration_id: str, records: Sequence[tuple[Record, Collection[str]]], keep: Keep
) -> int:
    """Store one page of candidates, each with the ids of its applications; return how many deliveries got ids."""
    ids: list[str] = []
    application_ids: list[str] = []
    for record, applied in records:
        ids.append(record["id"])
        application_ids.extend(applied)
    by_candidate = _bearing(conn, integration_id, deliveries.c.kombo_candidate_id, ids)
    by_application = _bearing(conn, integration_id, deliveries.c.kombo_application_id, application_ids)
    kept = []
    for record, applied in records:
        # By an application too: a delivery may bear that id alone, if Kombo's answer left the candidate's out.
        is_ours = record["id"] in by_candidate or not by_application.keys().isdisjoint(applied)
        if keep.everyone or is_ours:
            kept.append((record, applied))
    borne = forgotten.of_deliveries(conn, integration_id, by_candidate)
    borne_applications = forgotten.of_deliveries(conn, integration_id, by_application)
    persons = forgotten.of_candidates(conn, integration_id, kept, borne, borne_applications)
    _store(conn, candidates, integration_id, [record for record, _ in kept], keep, persons)
    completed = 0
    for record, _ in records:
        kombo_ids = KomboIds(kombo_candidate_id=record["id"], kombo_candidate_remote_id=record["remote_id"])
        completed += _complete(conn, integration_id, kombo_ids, by_candidate.get(record["id"], ()))
    return completed


def not_stored(conn: Connection, model: str, integration_id: str, ids: Sequence[str]) -> list[str]:
    """Return those of the ids that have no row yet."""
    table = _TABLES[model]
    found = conn.scalars(select(table.c.id).where(table.c.integration_id == integration_id, table.c.id.in_(ids)))
    there = set(found)
    return [name for name in ids if name not in there]


def learned(conn: Connection, kombo_conn_id: str, model: str, at_most: int) -> dict[str, list[str]]:
    """Return, by integration, ids that deliveries got since the last pull began and whose record is not stored.

    Kombo need not have changed such a record since, so no pull of changes would show it. At most so many of each.
    """
    table = _TABLES[model]
    id_column = _ID_COLUMN[model]
    since = _learned_since(conn, kombo_conn_id, model)
    if not since:
        return {}
    earliest = min(since.values())
    # Ids come with a delivery's end, or with a later look-up or sync.
    got_since = or_(deliveries.c.finished_at >= earliest, deliveries.c.looked_up_at >= earliest)
    stored = exists().where(table.c.integration_id == deliveries.c.integration_id, table.c.id == id_column)
    query = select(deliveries.c.integration_id, id_column, deliveries.c.finished_at, deliveries.c.looked_up_at).where(
        deliveries.c.kombo_conn_id == kombo_conn_id,
        deliveries.c.status == Status.DELIVERED,
        id_column.is_not(None),
        got_since,
        not_(stored),
    )
    found: defaultdict[str, list[str]] = defaultdict(list)
    for integration_id, name, *times in conn.execute(query):
        after = since.get(integration_id)
        if after is None:
            continue  # its first pull reads everything anyway
        latest = max(filter(None, times))
        if latest >= after and len(found[integration_id]) < at_most:
            found[integration_id].append(name)
    return dict(found)


def _learned_since(conn: Connection, kombo_conn_id: str, model: str) -> dict[str, datetime]:
    """Return, for each integration with a finished pull, since when its deliveries' ids are new to the next one."""
    query = select(syncs.c.integration_id, syncs.c.watermark).where(
        syncs.c.kombo_conn_id == kombo_conn_id, syncs.c.model == model, syncs.c.watermark.is_not(None)
    )
    # A result's time is read before its commit, which the pull may not have waited for.
    return {row.integration_id: row.watermark - CLOCKS_DIFFER_BY for row in conn.execute(query)}


def without_record(conn: Connection, model: str, integration_id: str, at_most: int) -> list[str]:
    """Return ids that deliveries of an integration bear and whose record is not stored, so many at most."""
    table = _TABLES[model]
    id_column = _ID_COLUMN[model]
    stored = exists().where(table.c.integration_id == integration_id, table.c.id == id_column)
    query = select(id_column).where(
        deliveries.c.integration_id == integration_id,
        deliveries.c.status == Status.DELIVERED,
        id_column.is_not(None),
        not_(stored),
    )
    return sorted(conn.scalars(query.distinct().limit(at_most)))


def empty_old(conn: Connection, model: str, kombo_conn_id: str, personal_since: datetime | None) -> int:
    """Empty the personal columns of records that last changed before then, of all without it; return of how many.

    Of every integration that the connection ever pulled: Kombo may know it no longer.
    """
    table = _TABLES[model]
    columns = PERSONAL[table.name]
    filled = or_(*(table.c[name].is_not(None) for name in columns))
    of_connection = select(syncs.c.integration_id).where(syncs.c.kombo_conn_id == kombo_conn_id)
    conditions: list[ColumnElement[bool]] = [table.c.integration_id.in_(of_connection), filled]
    if personal_since is not None:
        # One whose age is not known is not stored either (see _is_personal).
        conditions.append(or_(table.c.changed_at.is_(None), table.c.changed_at < personal_since))
    return conn.execute(update(table).where(*conditions).values(dict.fromkeys(columns))).rowcount


_TABLES = {"applications": applications, "candidates": candidates}
_ID_COLUMN = {"applications": deliveries.c.kombo_application_id, "candidates": deliveries.c.kombo_candidate_id}


def _bearing(
    conn: Connection, integration_id: str, column: ColumnElement[Any], ids: Sequence[str], *also: ColumnElement[bool]
) -> dict[str, list[RowMapping]]:
    """Return the deliveries of an integration, of whatever source, by which of the ids they bear in the column."""
    if not ids:
        return {}
    columns = [deliveries.c[name] for name in ("source", "applicant_id", "status", *ID_COLUMNS)]
    query = select(column.label("id"), *columns).where(
        deliveries.c.integration_id == integration_id, column.in_(sorted(set(ids))), *also
    )
    found: defaultdict[str, list[RowMapping]] = defaultdict(list)
    for row in conn.execute(query).mappings():
        found[row["id"]].append(row)
    return dict(found)


def _known_to_the_ats(
    conn: Connection, integration_id: str, records: Sequence[Record]
) -> Iterator[tuple[Record, list[RowMapping]]]:
    """Yield the records whose deliveries bear the ATS's id alone, as those that an earlier tool made."""
    remote_ids = [record["remote_id"] for record in records if record["remote_id"] is not None]
    # The condition of the index `kombo_deliveries_remote`; those with Kombo's id were found by it already.
    without_id = deliveries.c.kombo_application_id.is_(None)
    found = _bearing(conn, integration_id, deliveries.c.kombo_application_remote_id, remote_ids, without_id)
    for record in records:
        if record["remote_id"] in found:
            yield record, found[record["remote_id"]]


def _store(
    conn: Connection, table: Table, integration_id: str, records: Sequence[Record], keep: Keep, persons: Collection[str]
) -> None:
    """Insert or update; the personal columns of the `persons`, who are forgotten, stay empty."""
    if not records:
        return
    common = {"integration_id": integration_id, "synced_at": now(conn)}
    blank = dict.fromkeys(PERSONAL[table.name])
    rows = []
    for record in records:
        if record["id"] in persons or not _is_personal(record, keep):
            rows.append(record | blank | common)  # also over what an earlier pull stored
        else:
            rows.append(record | common)
    changes = None
    if table is applications:
        changes = _hired_once
    conn.execute(upsert(conn, table, changes), rows)


def _is_personal(record: Record, keep: Keep) -> bool:
    """Tell whether the personal data of a record are stored: not for longer than they have an age."""
    changed_at: datetime | None = record["changed_at"]
    return keep.personal_since is not None and changed_at is not None and changed_at >= keep.personal_since


def _hired_once(new: Any) -> dict[str, Any]:
    """A hire keeps the time at which it was first seen, until the application is reopened."""
    first = func.coalesce(applications.c.hired_at, new.hired_at)
    return all_columns(applications, new) | {"hired_at": case((new.outcome == "HIRED", first))}


def _complete(conn: Connection, integration_id: str, ids: KomboIds, borne_by: Sequence[RowMapping]) -> int:
    """Fill in ids that the deliveries of a record lack, never overwriting one; return of how many deliveries."""
    completed = 0
    for delivery in borne_by:
        if delivery["status"] != Status.DELIVERED:
            continue
        known = {name: value for name, value in ids._asdict().items() if value is not None}
        values: dict[str, Any] = {name: value for name, value in known.items() if delivery[name] is None}
        # An ATS may have merged the candidate into another: the ids of two are not mixed.
        if delivery["kombo_candidate_id"] not in (None, ids.kombo_candidate_id):
            values.pop("kombo_candidate_remote_id", None)
        if not values:
            continue
        key = DeliveryKey(delivery["source"], integration_id, delivery["applicant_id"])
        # Asked again in the statement: a look-up may have filled one in since the delivery was read.
        lacking = [deliveries.c[name].is_(None) for name in values]
        # `written_back_at` goes, so that the next write-back takes the new ids into the user's table.
        filled = values | {"looked_up_at": now(conn), "written_back_at": None}
        statement = update(deliveries).where(is_key(key), *lacking).values(filled)
        completed += conn.execute(statement).rowcount
    return completed


def _ids(application: Record) -> KomboIds:
    return KomboIds(
        kombo_application_id=application["id"],
        kombo_application_remote_id=application["remote_id"],
        kombo_candidate_id=application["candidate_id"],
        kombo_candidate_remote_id=application["candidate_remote_id"],
    )
