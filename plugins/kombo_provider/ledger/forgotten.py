"""Records of persons who were forgotten: whatever a later pull says of them, their personal columns stay empty."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from kombo_provider.ledger._sync_tables import PERSONAL, applications, candidates, forgotten
from kombo_provider.ledger.ledger import now

Record = Mapping[str, Any]


def forget_records(conn: Connection, integration_id: str, application_id: str | None, candidate_id: str | None) -> None:
    """Empty what is stored of a person, and keep it from coming back; the other applications of the person as well."""
    of_person = [applications.c.candidate_id == candidate_id] if candidate_id else []
    by_id = applications.c.id == application_id
    query = select(applications.c.id, applications.c.candidate_id).where(
        applications.c.integration_id == integration_id, or_(by_id, *of_person)
    )
    found = conn.execute(query).all()
    application_ids = {application_id, *(row.id for row in found)} - {None}
    candidate_ids = {candidate_id, *(row.candidate_id for row in found)} - {None}
    _remember(conn, integration_id, "application", application_ids)
    _remember(conn, integration_id, "candidate", candidate_ids)
    for table, ids in ((applications, application_ids), (candidates, candidate_ids)):
        blank = dict.fromkeys(PERSONAL[table.name])
        conn.execute(update(table).where(table.c.integration_id == integration_id, table.c.id.in_(ids)).values(blank))


def candidates_with_email(conn: Connection, email: str) -> list[tuple[str, str]]:
    """Return integration and id of the stored candidates who have an address; case does not matter."""
    wanted = email.strip().lower()
    # Databases differ in which letters beyond ASCII they lower: SQLite none, PostgreSQL as its locale says.
    plain = max(re.split(r"[^ -~]+", wanted), key=len)
    has_text = func.lower(candidates.c.email_addresses).contains(plain, autoescape=True)
    query = select(candidates.c.integration_id, candidates.c.id, candidates.c.email_addresses).where(has_text)
    return [(row[0], row[1]) for row in conn.execute(query) if wanted in _addresses(row[2])]


def _addresses(written: str) -> list[str]:
    entries = json.loads(written)
    return [str(entry.get("email_address")).strip().lower() for entry in entries if isinstance(entry, dict)]


def of_applications(conn: Connection, integration_id: str, records: Sequence[Record]) -> set[str]:
    """Return the ids of those applications whose person is forgotten: the application is, or its candidate."""
    ids = {record["id"] for record in records}
    candidate_ids = {record["candidate_id"] for record in records} - {None}
    known_applications = _known(conn, integration_id, "application", ids)
    known_candidates = _known(conn, integration_id, "candidate", candidate_ids)
    if not known_applications and not known_candidates:
        return set()
    of_forgotten = [
        record for record in records if record["id"] in known_applications or record["candidate_id"] in known_candidates
    ]
    _remember(conn, integration_id, "application", {record["id"] for record in of_forgotten})
    _remember(conn, integration_id, "candidate", {record["candidate_id"] for record in of_forgotten} - {None})
    return {record["id"] for record in of_forgotten}


def of_candidates(conn: Connection, integration_id: str, records: Iterable[tuple[Record, Collection[str]]]) -> set[str]:
    """Return the ids of those candidates who are forgotten; each record comes with the ids of its applications."""
    given = list(records)
    known = _known(conn, integration_id, "candidate", {record["id"] for record, _ in given})
    applied = _known(conn, integration_id, "application", {name for _, names in given for name in names})
    found = {record["id"] for record, names in given if record["id"] in known or not applied.isdisjoint(names)}
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
    at = now(conn)
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    rows = [{"integration_id": integration_id, "model": model, "id": name, "at": at} for name in sorted(ids)]
    conn.execute(insert(forgotten).on_conflict_do_nothing(), rows)
