"""The mapping's door: frames of source rows in, rows for the ledger out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from kombo_provider.errors import ConfigurationError, SourceError
from kombo_provider.mapping.bodies import bodies
from kombo_provider.mapping.chunks import REPORTED, Chunk
from kombo_provider.mapping.columns import read_columns
from kombo_provider.mapping.instants import instant, instants, zone_named
from kombo_provider.mapping.keys import Key, already_sent, read_keys
from kombo_provider.mapping.kinds import TEXT, flag, plain_emails, reference, references
from kombo_provider.mapping.kinds import email as email_address
from kombo_provider.mapping.payloads import StoredBody, names_files, stored_body
from kombo_provider.mapping.plans import plan_body
from kombo_provider.mapping.problems import Problem
from kombo_provider.mapping.questions import FindQuestions, Questions
from kombo_provider.mapping.screening import ANSWERS, settle_answers
from kombo_provider.mapping.source_rows import SourceRows
from kombo_provider.mapping.values import Rules

if TYPE_CHECKING:
    import pandas


class MappedRow(NamedTuple):
    """One source row, ready for the ledger; without a usable key, both parts of the key are None."""

    integration_id: str | None
    applicant_id: str | None
    job_id: str | None
    payload: str | None
    """Request body as compact JSON text; None where the row is invalid."""
    payload_sha256: str
    """Hex digest of job, stage and body, or of what is wrong; the same for both endpoints."""
    problems: str | None
    """JSON list of {"field", "problem"}, never with a value; None where the row is valid."""
    changed_at: datetime | None
    """Aware, in UTC."""
    already_sent: str | None
    """None: no; "": yes; else the Kombo application id."""
    withdrawn: bool
    key_problem: str | None
    """Why there is no usable key, never with a value."""
    has_files: bool
    """The body names attachment files by `path`, to be read when it is sent."""
    warnings: tuple[Problem, ...] = ()
    """What is odd about a valid row, never with a value; it is sent nevertheless."""
    email: str | None = None
    """Whose row it is, where it is valid; it never leaves the process."""
    row_digest: str | None = None
    """Of the source row, as the caller gave it."""
    known: str | None = None
    """Where the ledger has this very row: its status there. Such a row was not mapped."""
    unasked: bool = False
    """What the job asks could not be found out: the answers are as the row gives them."""


_Said: TypeAlias = "tuple[datetime | None, str | None, bool]"
"""When the row changed, whether it was sent already, whether it is withdrawn."""

_Asking: TypeAlias = "tuple[str | None, str | None]"
"""Integration and job of a row; None for one that asks for nothing."""

_NOTHING_SAID: _Said = (None, None, False)

_EMAIL = "candidate__email_address"


class Identity(NamedTuple):
    """What is told of a row that is not mapped."""

    integration_id: str
    applicant_id: str
    changed_at: datetime | None
    job_id: str | None
    email: str | None

    def known_as(self, status: str) -> MappedRow:
        """Return the row, which the ledger has already; an invalid one is nobody's."""
        email = None if status == "invalid" else self.email
        integration_id, applicant_id, changed_at, job_id, _ = self
        body, said = (None, "", None), (changed_at, None, False)
        return MappedRow(integration_id, applicant_id, job_id, *body, *said, None, False, (), email, None, status)


class RowMapper:
    """Maps the rows of one SELECT.

    Raises SourceError for columns that cannot be mapped (unknown, ambiguous, or a required one missing),
    ConfigurationError for a bad `source_timezone`, `endpoint` or `extra_fields`. `remarks` says what is odd about the
    columns themselves; `warnings` counts what was odd about valid rows so far. `find_questions` tells what a job asks:
    without it answers are sent as the rows give them.
    """

    def __init__(
        self,
        columns: Sequence[str],
        *,
        endpoint: Literal["application", "candidate"],
        extra_fields: Sequence[str] = (),
        default_integration_id: str | None = None,
        source_timezone: str = "UTC",
        attachments_from_files: bool = False,
        find_questions: FindQuestions | None = None,
    ) -> None:
        if endpoint not in ("application", "candidate"):
            raise ConfigurationError(f"endpoint {endpoint!r} is unknown: use 'application' or 'candidate'")
        self._rules = Rules(zone_named(source_timezone), attachments_from_files)
        self._job_in_body = endpoint == "candidate"
        self._find_questions = find_questions
        found = read_columns(columns, extra_fields)
        self.remarks = found.remarks
        self.warnings: Counter[Problem] = Counter()
        self._aliases = found.aliases
        self._default_integration_id = (default_integration_id or "").strip() or None
        self._check_meta()
        self._body = plan_body(found.model, found.body)

    def _check_meta(self) -> None:
        """Raise SourceError where no row could get a key or a job."""
        needed = ["applicant_id", "job_id", *([] if self._default_integration_id else ["integration_id"])]
        missing = [name for name in needed if name not in self._aliases]
        if missing:
            raise SourceError(
                f"the SELECT lacks {', '.join(missing)}: add it (integration_id may be set on the connection instead)"
            )

    def map_chunk(self, frame: pandas.DataFrame) -> list[MappedRow]:
        """Return one MappedRow per row of the frame, in its order.

        The frame has the columns that the mapper was made for, in any order and case, of any dtype. A row that
        cannot be sent says why in `problems` or `key_problem`. Raises SourceError if the columns differ.
        """
        return self.map_rows(SourceRows.of_frame(frame))

    def map_rows(self, source: SourceRows, digests: Sequence[str | None] | None = None) -> list[MappedRow]:
        """Return the same for rows that are in no frame; each takes on its digest, where there are some."""
        try:
            return self._map(source, digests or [None] * len(source.rows))
        except SourceError:
            raise
        except Exception:  # noqa: BLE001  (the border to the user's values: whatever it is, one row brought it)
            if len(source.rows) == 1:
                return [self._unmappable(source)]
            return [row for number in range(len(source.rows)) for row in self.map_rows(source.some([number]))]

    def identified(self, source: SourceRows) -> list[Identity | None]:
        """Return who each row is about; None for one that tells it no plain way, and has to be mapped."""
        if _EMAIL not in self._aliases.values():
            return [None] * len(source.rows)
        try:
            chunk = Chunk(source, self._aliases, self._rules)
            keys = read_keys(chunk, self._default_integration_id)
            changed = chunk.cleaned("changed_at", instant, glance=instants)
            jobs = chunk.cleaned("job_id", reference, glance=references)
            emails = chunk.cleaned(_EMAIL, email_address, glance=plain_emails)
            others = zip(changed, jobs, emails, strict=True)
        except SourceError:
            raise
        except Exception:  # noqa: BLE001  (the same border: `map_chunk` finds out which row it is)
            return [None] * len(source.rows)
        return [
            None if problem or row in chunk.problems else Identity(integration_id or "", applicant_id or "", *told)
            for row, ((integration_id, applicant_id, problem), told) in enumerate(zip(keys, others, strict=True))
        ]

    def _map(self, source: SourceRows, digests: Sequence[str | None]) -> list[MappedRow]:
        chunk = Chunk(source, self._aliases, self._rules)
        jobs = self._jobs(chunk)
        changed = _usable(chunk.cleaned("changed_at", instant, glance=instants))
        sent = _usable(chunk.cleaned("already_sent", already_sent))
        withdrawn = [value is True for value in chunk.cleaned("withdrawn", flag)]
        keys = read_keys(chunk, self._default_integration_id)
        unasked = self._ask(chunk, keys, jobs, sent, withdrawn)
        stored = self._stored_bodies(chunk, jobs)
        said = zip(changed, sent, withdrawn, strict=True)
        emails = chunk.emails or [None] * chunk.rows
        rows = [self._row(*parts) for parts in zip(keys, jobs, stored, said, emails, digests, strict=True)]
        for row in chunk.warnings.keys() - chunk.problems.keys():
            self.warnings.update(chunk.warnings[row])
            rows[row] = rows[row]._replace(warnings=tuple(chunk.warnings[row]))
        for row in unasked:
            rows[row] = rows[row]._replace(unasked=True)
        return rows

    def _ask(
        self, chunk: Chunk, keys: list[Key], jobs: list[str | None], sent: list[str | None], withdrawn: list[bool]
    ) -> list[int]:
        """Have the chunk know what the jobs of its rows ask; return the rows whose jobs could not be asked for."""
        if self._find_questions is None:
            return []
        asking = list(zip([key[0] for key in keys], jobs, strict=True))
        if any(withdrawn) or sent.count(None) < len(sent):  # those are not sent
            stays = zip(asking, sent, withdrawn, strict=True)
            asking = [pair if before is None and not gone else (None, None) for pair, before, gone in stays]
        wanted = {(integration_id, job) for integration_id, job in set(asking) if integration_id and job}
        found = _found_questions(self._find_questions, wanted)
        if any(questions is not None for questions in found.values()):
            chunk.questions = list(map(found.get, asking))
            if ANSWERS not in self._aliases.values():
                settle_answers(chunk, ANSWERS, [None] * chunk.rows)
        missing = wanted.difference(found)
        return [row for row, pair in enumerate(asking) if pair in missing] if missing else []

    def _unmappable(self, source: SourceRows) -> MappedRow:
        """Return a row that is invalid as a whole, under its key."""
        chunk = Chunk(source, self._aliases, self._rules)
        chunk.require(0, "applicant_id", "belongs to a row that cannot be mapped: look for an extreme value in it")
        (key,) = read_keys(chunk, self._default_integration_id)
        (job,) = self._jobs(chunk)
        return self._row(key, job, stored_body(chunk, 0, job or "", "", "", job_in_body=False), _NOTHING_SAID)

    def _row(
        self,
        key: Key,
        job_id: str | None,
        body: StoredBody,
        said: _Said,
        email: str | None = None,
        row_digest: str | None = None,
    ) -> MappedRow:
        integration_id, applicant_id, problem = key
        files = self._rules.attachments_from_files and names_files(body[0])
        email = None if body[0] is None else email
        return MappedRow(integration_id, applicant_id, job_id, *body, *said, problem, files, (), email, row_digest)

    def _jobs(self, chunk: Chunk) -> list[str | None]:
        jobs = chunk.cleaned("job_id", reference, glance=references)
        for row, job in enumerate(jobs):
            if job is None:
                chunk.require(row, "job_id", "is required: Kombo's job id, or remote: and the ATS's")
        return _usable(jobs)

    def _stored_bodies(self, chunk: Chunk, jobs: list[str | None]) -> list[StoredBody]:
        stages = _usable(chunk.cleaned("stage_id", TEXT.clean))
        return [
            stored_body(chunk, row, job or "", stage or "", body, job_in_body=self._job_in_body)
            for row, (job, stage, body) in enumerate(zip(jobs, stages, bodies(self._body, chunk), strict=True))
        ]


def _found_questions(find: FindQuestions, wanted: set[tuple[str, str]]) -> dict[_Asking, Questions | None]:
    by_integration: dict[str, list[str]] = {}
    for integration_id, job_id in sorted(wanted):
        by_integration.setdefault(integration_id, []).append(job_id)
    asked = list(by_integration)
    random.shuffle(asked)  # where several hang, the time is over before the last: not for the same ones each run
    return {
        (integration_id, job_id): questions
        for integration_id in asked
        for job_id, questions in find(integration_id, by_integration[integration_id]).items()
    }


def _usable(values: list[Any]) -> list[Any]:
    """Return the values, None for refused ones: what is wrong with them stands in the row's problems."""
    return [None if value is REPORTED else value for value in values]
