"""The mapping's door: frames of source rows in, rows for the ledger out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from kombo_provider.errors import ConfigurationError, SourceError
from kombo_provider.mapping.bodies import bodies
from kombo_provider.mapping.chunks import REPORTED, Chunk
from kombo_provider.mapping.columns import read_columns
from kombo_provider.mapping.instants import instant, instants, zone_named
from kombo_provider.mapping.keys import Keys, already_sent, read_keys
from kombo_provider.mapping.kinds import TEXT, flag, plain_emails, reference, references
from kombo_provider.mapping.kinds import email as email_address
from kombo_provider.mapping.payloads import StoredBodies, names_files, stored_bodies
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


_Asking: TypeAlias = "tuple[str | None, str | None]"
"""Integration and job of a row; None for one that asks for nothing."""

_EMAIL = "candidate__email_address"


class Identities(NamedTuple):
    """What is told of rows that may need no mapping, by column; the rows numbered in `odd` need it."""

    integration_ids: list[str | None]
    applicant_ids: list[str | None]
    job_ids: list[str | None]
    changed_at: list[datetime | None]
    emails: list[str | None]
    odd: Collection[int]

    def known_as(self, statuses: Mapping[int, str]) -> list[MappedRow | None]:
        """Return the rows that the ledger has already, by number and status, None for each other one."""
        found: list[MappedRow | None] = [None] * len(self.applicant_ids)
        columns = zip(self.integration_ids, self.applicant_ids, self.job_ids, strict=True)
        for row, (key, changed_at, email) in enumerate(zip(columns, self.changed_at, self.emails, strict=True)):
            status = statuses.get(row)
            if status is not None:
                whose = None if status == "invalid" else email  # an invalid row is nobody's
                told = (changed_at, None, False, None, False, (), whose, None, status, False)
                found[row] = _row((*key, None, "", None, *told))
        return found


_row = MappedRow._make
"""Quicker than by names: it is called for every row that is read."""


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

    def identified(self, source: SourceRows) -> Identities | None:
        """Return who each row is about; None where they tell it no plain way, and have to be mapped."""
        if _EMAIL not in self._aliases.values():
            return None
        try:
            chunk = Chunk(source, self._aliases, self._rules)
            integration_ids, applicant_ids, problems = read_keys(chunk, self._default_integration_id)
            changed = chunk.cleaned("changed_at", instant, glance=instants)
            jobs = chunk.cleaned("job_id", reference, glance=references)
            emails = chunk.cleaned(_EMAIL, email_address, glance=plain_emails)
        except SourceError:
            raise
        except Exception:  # noqa: BLE001  (the same border: `map_chunk` finds out which row it is)
            return None
        odd = {row for row, problem in enumerate(problems) if problem is not None}
        return Identities(integration_ids, applicant_ids, jobs, changed, emails, odd.union(chunk.problems))

    def _map(self, source: SourceRows, digests: Sequence[str | None]) -> list[MappedRow]:
        chunk = Chunk(source, self._aliases, self._rules)
        jobs = self._jobs(chunk)
        changed = _usable(chunk.cleaned("changed_at", instant, glance=instants))
        sent = _usable(chunk.cleaned("already_sent", already_sent))
        withdrawn = [value is True for value in chunk.cleaned("withdrawn", flag)]
        keys = read_keys(chunk, self._default_integration_id)
        unasked = self._ask(chunk, keys, jobs, sent, withdrawn)
        stages = [stage or "" for stage in _usable(chunk.cleaned("stage_id", TEXT.clean))]
        written = bodies(self._body, chunk)  # tells the chunk what is wrong with which row: `stored_bodies` comes after
        given_jobs = [job or "" for job in jobs]
        stored = stored_bodies(chunk, given_jobs, stages, written, job_in_body=self._job_in_body)
        rows = self._rows(chunk, keys, jobs, stored, (changed, sent, withdrawn), digests)
        for row in chunk.warnings.keys() - chunk.problems.keys():
            self.warnings.update(chunk.warnings[row])
            rows[row] = rows[row]._replace(warnings=tuple(chunk.warnings[row]))
        for row in unasked:
            rows[row] = rows[row]._replace(unasked=True)
        return rows

    def _ask(
        self, chunk: Chunk, keys: Keys, jobs: list[str | None], sent: list[str | None], withdrawn: list[bool]
    ) -> list[int]:
        """Have the chunk know what the jobs of its rows ask; return the rows whose jobs could not be asked for."""
        if self._find_questions is None:
            return []
        asking = list(zip(keys.integration_ids, jobs, strict=True))
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
        keys = read_keys(chunk, self._default_integration_id)
        jobs = self._jobs(chunk)
        stored = stored_bodies(chunk, [jobs[0] or ""], [""], [""], job_in_body=False)
        (row,) = self._rows(chunk, keys, jobs, stored, ([None], [None], [False]), [None])
        return row

    def _rows(
        self,
        chunk: Chunk,
        keys: Keys,
        jobs: list[str | None],
        stored: StoredBodies,
        said: tuple[list[datetime | None], list[str | None], list[bool]],
        digests: Sequence[str | None],
    ) -> list[MappedRow]:
        """Put the rows together from their columns, in the order of the fields of MappedRow."""
        files = [False] * chunk.rows
        if self._rules.attachments_from_files:
            files = list(map(names_files, stored.payloads))
        emails = list(chunk.emails) or [None] * chunk.rows
        for row in chunk.problems:
            emails[row] = None
        nothing: list[None] = [None] * chunk.rows
        told = (*said, keys.problems, files, [()] * chunk.rows, emails, digests, nothing, [False] * chunk.rows)
        columns = (keys.integration_ids, keys.applicant_ids, jobs, *stored, *told)
        return list(map(_row, zip(*columns, strict=True)))

    def _jobs(self, chunk: Chunk) -> list[str | None]:
        jobs = chunk.cleaned("job_id", reference, glance=references)
        for row, job in enumerate(jobs):
            if job is None:
                chunk.require(row, "job_id", "is required: Kombo's job id, or remote: and the ATS's")
        return _usable(jobs)


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
