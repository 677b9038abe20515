"""The same person twice: rows with one e-mail address and job under different keys, counted or not sent."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from kombo_provider.errors import ConfigurationError
from kombo_provider.ledger import same_person
from kombo_provider.ledger.same_person import Applied
from kombo_provider.mapping import MappedRow
from kombo_provider.mapping.digests import digest

log = logging.getLogger(__name__)

_NAMED = 5
_REMEMBERED_AT_MOST = 500_000
"""Persons of one extract: about 50 MiB. Beyond that older ones are not compared any more."""


class SamePerson:
    """Looks at the rows of an extract that may be sent; with `hold` the later row of a person is made invalid.

    Without `hold` rows are compared with those of the same extract, with it also with all that the ledger entered
    since it was set. Raises ConfigurationError where `hold` is set and the ledger has no secret for its digests.
    """

    def __init__(self, source: str, *, hold: bool, dry_run: bool) -> None:
        self._source, self._hold, self._dry_run = source, hold, dry_run
        self._seen: set[int] = set()
        self.rows = 0
        self.named: list[str] = []

    def settle(self, conn: Connection, rows: Sequence[MappedRow]) -> list[MappedRow]:
        """Count the rows that are of the same person as another; return all, with `hold` those as invalid ones."""
        if self._hold:
            return self._held(conn, rows)
        for row in rows:
            if row.email is not None and not row.withdrawn:
                person = hash((row.integration_id, row.job_id, row.email.lower()))
                if person in self._seen:
                    self._count(row)
                self._seen.add(person)
        if len(self._seen) > _REMEMBERED_AT_MOST:
            self._seen.clear()
        return list(rows)

    def _held(self, conn: Connection, rows: Sequence[MappedRow]) -> list[MappedRow]:
        if not same_person.has_secret(conn):
            raise ConfigurationError(
                'same_person="hold" compares digests of e-mail addresses, and there is no secret for them: set '
                "[kombo] email_digest_secret or [core] fernet_key. Nothing was staged from here on."
            )
        applied = [
            Applied(row.integration_id or "", row.applicant_id or "", row.job_id or "", row.email)
            for row in rows
            if row.email is not None and not row.withdrawn
        ]
        firsts = self._others_before(conn, applied) if applied else {}
        return [self._settled(row, firsts.get((row.integration_id or "", row.applicant_id or ""))) for row in rows]

    def _others_before(self, conn: Connection, applied: Sequence[Applied]) -> Mapping[tuple[str, str], str]:
        with conn.begin_nested() as entered:
            firsts = same_person.others_before(conn, self._source, applied)
            if self._dry_run:
                entered.rollback()
        return firsts

    def _settled(self, row: MappedRow, first: str | None) -> MappedRow:
        if first is None:
            return row
        self._count(row)
        if row.already_sent is not None:
            return row
        problem = f"is that of applicant {first}, for the same job: only one of them is sent (same_person is hold)"
        problems = json.dumps([{"field": "candidate__email_address", "problem": problem}], ensure_ascii=False)
        changed = digest((row.payload_sha256, problems))
        return row._replace(payload=None, payload_sha256=changed, problems=problems, has_files=False)

    def _count(self, row: MappedRow) -> None:
        self.rows += 1
        if len(self.named) < _NAMED:
            self.named.append(f"{row.applicant_id} of {row.integration_id}")

    def log(self) -> None:
        """Say how many there were."""
        if self.rows:
            log.warning(
                "%d rows name the same person and job as another row, such as %s: %s",
                self.rows,
                ", ".join(self.named),
                "they are not sent" if self._hold else 'all are sent; same_person="hold" sends the first only',
            )
