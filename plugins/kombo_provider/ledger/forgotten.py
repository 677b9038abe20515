"""Records of persons who were forgotten: whatever a later pull says of them, their personal columns stay empty."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, and_, func, or_, select, update

from kombo_provider.ledger._bulk import insert_into
from kombo_provider.ledger._sync_tables import PERSONAL, applications, candidates, forgotten
from kombo_provider.ledger.ledger import now

Record = Mapping[str, Any]


def forget_records(conn: Connection, integration_id: str, application_id: str | None, candidate_id: str | None) -> None:
    """Empty what is stored of a person, and keep it from coming back; the other applications of the person as well."""
    of_person = applications.c.id == application_id
    if candidate_id:
        of_person = or_(of_person, applications.c.candidate_id == candidate_id)
    query = select(applications.c.id, applications.c.candidate_id).where(
        applications.c.integration_id == integration_id, of_person
    )
    application_ids = {application_id}
    candidate_ids = {candidate_id}
    for row in conn.execute(query):
        application_ids.add(row.id)
        candidate_ids.add(row.candidate_id)
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


def of_applications(conn: Connection, integration_id: str, records: Sequence[Record]) -> set[str]:
    """Return the ids of those applications whose person is forgotten: the application is, or its candidate."""
    ids = {record["id"] for record in records}
    candidate_ids = {record["candidate_id"] for record in records} - {None}
    known_applications = _known(conn, integration_id, "application", ids)
    known_candidates = _known(conn, integration_id, "candidate", candidate_ids)
    found: set[str] = set()
    their_candidates: set[str] = set()
    for record in records:
        if record["id"] in known_applications or record["candidate_id"] in known_candidates:
            found.add(record["id"])
            if record["candidate_id"] is not None:
                their_candidates.add(record["candidate_id"])
    # Each leads to the other: the candidate's record comes in a list of its own, without the application that is known.
    _remember(conn, integration_id, "application", found)
    _remember(conn, integration_id, "candidate", their_candidates)
    return found


def of_candidates(conn: Connection, integration_id: str, records: Sequence[tuple[Record, Collection[str]]]) -> set[str]:
    """Return the ids of those candidates who are forgotten; each record comes with the ids of its applications."""
    ids: set[str] = set()
    application_ids: set[str] = set()
    for record, applied in records:
        ids.add(record["id"])
        application_ids.update(applied)
    known = _known(conn, integration_id, "candidate", ids)
    known_applications = _known(conn, integration_id, "application", application_ids)
    found = set()
    for record, applied in records:
        if record["id"] in known or not known_applications.isdisjoint(applied):
            found.add(record["id"])
    _remember(conn, integration_id, "candidate", found - known)
    return found


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
