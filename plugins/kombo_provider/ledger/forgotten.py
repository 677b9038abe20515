"""Records of persons who were forgotten: whatever a later pull says of them, their personal columns stay empty."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, and_, func, select, update

from kombo_provider.ledger._bulk import insert_into
from kombo_provider.ledger._sync_tables import PERSONAL, applications, candidates, forgotten
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import DeliveryKey

Record = Mapping[str, Any]

_DELIVERY = "delivery"
"""Beside Kombo's kinds of records: a delivery of ours, which Kombo may give its ids later."""


def forget_records(conn: Connection, integration_id: str, application_id: str | None, candidate_id: str | None) -> None:
    """Empty what is stored of a person, and keep it from coming back; the other applications of the person as well."""
    of_integration = applications.c.integration_id == integration_id
    candidate_ids = {candidate_id} - {None}
    query = select(applications.c.candidate_id).where(of_integration, applications.c.id == application_id)
    candidate_ids.update(conn.scalars(query.where(applications.c.candidate_id.is_not(None))))
    application_ids = {application_id}
    query = select(applications.c.id).where(of_integration, applications.c.candidate_id.in_(candidate_ids))
    application_ids.update(conn.scalars(query))
    _forget(conn, integration_id, "application", applications, application_ids)
    _forget(conn, integration_id, "candidate", candidates, candidate_ids)


def _forget(conn: Connection, integration_id: str, model: str, table: Table, found: Collection[str | None]) -> None:
    """Remember the ids, stored or not: a later pull may bring the record for the first time."""
    ids = [name for name in found if name is not None]
    _remember(conn, integration_id, model, ids)
    blank = dict.fromkeys(PERSONAL[table.name])
    conn.execute(update(table).where(table.c.integration_id == integration_id, table.c.id.in_(ids)).values(blank))


def candidates_with_email(conn: Connection, email: str) -> list[tuple[str, str]]:
    """Return integration and id of the stored candidates who have an address; case does not matter."""
    wanted = email.strip().lower()
    # Databases differ in which letters beyond ASCII they lower: SQLite none, PostgreSQL as its locale says.
    plain = max(re.split(r"[^ -~]+", wanted), key=len)
    has_text = func.lower(candidates.c.email_addresses).contains(plain, autoescape=True)
    query = select(candidates.c.integration_id, candidates.c.id, candidates.c.email_addresses).where(has_text)
    found = []
    for integration_id, candidate_id, addresses in conn.execute(query):
        if _is_among(wanted, addresses):
            found.append((integration_id, candidate_id))
    return found


def _is_among(email: str, addresses: str) -> bool:
    for entry in json.loads(addresses):
        if isinstance(entry, dict) and str(entry.get("email_address")).strip().lower() == email:
            return True
    return False


def note_delivery(conn: Connection, key: DeliveryKey) -> None:
    """Remember that a delivery is forgotten: whatever record it bears one day is its person's."""
    _remember(conn, key.integration_id, _DELIVERY, [_name(key.source, key.applicant_id)])


def noted_deliveries(conn: Connection) -> list[DeliveryKey]:
    """Return the deliveries that are forgotten."""
    query = select(forgotten.c.integration_id, forgotten.c.id).where(forgotten.c.model == _DELIVERY)
    found = []
    for integration_id, name in conn.execute(query):
        source, _, applicant_id = name.rpartition("\n")
        found.append(DeliveryKey(source, integration_id, applicant_id))
    return found


def forget_given(conn: Connection, given: Sequence[Sequence[Any]]) -> None:
    """Forget the records that forgotten deliveries bear: each its integration, its application and its candidate."""
    by_integration: defaultdict[str, list[tuple[str | None, str | None]]] = defaultdict(list)
    for integration_id, *ids in given:
        by_integration[integration_id].append((ids[0], ids[1]))
    for integration_id, borne in by_integration.items():
        application_ids = {name for name, _ in borne if name is not None}
        candidate_ids = {name for _, name in borne if name is not None}
        new_applications = application_ids - _known(conn, integration_id, "application", application_ids)
        new_candidates = candidate_ids - _known(conn, integration_id, "candidate", candidate_ids)
        for application_id, candidate_id in borne:
            if application_id in new_applications or candidate_id in new_candidates:
                forget_records(conn, integration_id, application_id, candidate_id)


def _name(source: str, applicant_id: str) -> str:
    # No applicant's id holds a control character (see kombo_provider.mapping.keys), so this is nobody else's.
    return f"{source}\n{applicant_id}"


def of_deliveries(conn: Connection, integration_id: str, borne_by: Mapping[str, Sequence[RowMapping]]) -> set[str]:
    """Return the ids of those records that a forgotten delivery bears."""
    bearing = []
    for record_id, rows in borne_by.items():
        bearing += [(record_id, _name(row["source"], row["applicant_id"])) for row in rows]
    known = _known(conn, integration_id, _DELIVERY, {name for _, name in bearing})
    return {record_id for record_id, name in bearing if name in known}


def of_applications(
    conn: Connection, integration_id: str, records: Sequence[Record], borne: Collection[str] = ()
) -> set[str]:
    """Return the ids of those applications whose person is forgotten: the application is, or its candidate.

    `borne` are the ids of those that a forgotten delivery bears.
    """
    ids = {record["id"] for record in records}
    candidate_ids = {record["candidate_id"] for record in records} - {None}
    their_applications = _known(conn, integration_id, "application", ids).union(borne)
    known_candidates = _known(conn, integration_id, "candidate", candidate_ids)
    theirs = {record["candidate_id"] for record in records if record["id"] in their_applications} - {None}
    their_candidates = known_candidates | theirs
    found = {r["id"] for r in records if r["id"] in their_applications or r["candidate_id"] in their_candidates}
    # Each leads to the other: the candidate's record comes in a list of its own, without the application that is known.
    _remember(conn, integration_id, "application", found)
    _forget_candidates(conn, integration_id, theirs - known_candidates)
    return found


def of_candidates(
    conn: Connection,
    integration_id: str,
    records: Sequence[tuple[Record, Collection[str]]],
    borne: Collection[str] = (),
    borne_applications: Collection[str] = (),
) -> set[str]:
    """Return the ids of those candidates who are forgotten; each record comes with the ids of its applications.

    `borne` and `borne_applications` are the ids of those that a forgotten delivery bears.
    """
    ids: set[str] = set()
    application_ids: set[str] = set()
    for record, applied in records:
        ids.add(record["id"])
        application_ids.update(applied)
    known = _known(conn, integration_id, "candidate", ids)
    their_applications = _known(conn, integration_id, "application", application_ids).union(borne_applications)
    found = known.union(borne)
    for record, applied in records:
        if not their_applications.isdisjoint(applied):
            found.add(record["id"])
    _forget_candidates(conn, integration_id, found - known)
    return found


def _forget_candidates(conn: Connection, integration_id: str, ids: Collection[str]) -> None:
    """Empty what earlier pulls stored of them, when nobody knew yet whose it was."""
    for candidate_id in sorted(ids):
        forget_records(conn, integration_id, None, candidate_id)


def _known(conn: Connection, integration_id: str, model: str, ids: Collection[str]) -> set[str]:
    if not ids:
        return set()
    of_model = and_(forgotten.c.integration_id == integration_id, forgotten.c.model == model)
    return set(conn.scalars(select(forgotten.c.id).where(of_model, forgotten.c.id.in_(sorted(ids)))))


def _remember(conn: Connection, integration_id: str, model: str, ids: Collection[str]) -> None:
    if not ids:
        return
    of_all = {"integration_id": integration_id, "model": model, "at": now(conn)}
    # In one order everywhere: of two that enter the same ids, neither waits for the other for ever.
    rows = [of_all | {"id": name} for name in sorted(ids)]
    conn.execute(insert_into(conn, forgotten).on_conflict_do_nothing(), rows)
