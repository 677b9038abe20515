"""A job's screening questions, as `GET /ats/jobs` lists them (API reference §5).

What is not as documented counts as not told, and is not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `form` is Kombo's `format`; `options` are None where they are not told, else id and name."""

    id: str
    kind: str
    required: bool
    form: Mapping[str, Any]
    options: tuple[tuple[str, str | None], ...] | None
    depends_on: str | None
    """The question whose answer decides whether this one is asked."""
    asked_after: tuple[str | bool, ...]
    """The answers to that question, option ids or booleans, after which it is."""

    def limit(self, name: str) -> float | None:
        """Return a number of the format, None where there is none that makes sense."""
        found = self.form.get(name)
        if isinstance(found, bool) or not isinstance(found, int | float):
            return None
        if found != found:  # NaN
            return None
        return found


Questions: TypeAlias = tuple[Question, ...]

FindQuestions: TypeAlias = Callable[[str, Collection[str]], Mapping[str, Questions | None]]
"""Takes an integration and job ids as rows name them; returns the questions of each job, None where Kombo does not
tell them. A job that is missing could not be asked for. Never raises."""


def questions_of(listed: object) -> Questions | None:
    """Return the questions of a job's `screening_questions`, None for what is no list."""
    if not isinstance(listed, list):
        return None
    return tuple(question for entry in listed if (question := _question(entry)))


def given_questions(jobs: Mapping[str, object]) -> FindQuestions:
    """Return a look-up without a network: job id, as rows name it, to that job's `screening_questions`."""
    by_job = {job: questions_of(listed) for job, listed in jobs.items()}
    return lambda _integration_id, wanted: {job: by_job.get(job) for job in wanted}


def _question(entry: object) -> Question | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        return None
    form = entry.get("format")
    if not isinstance(form, dict):
        form = {}
    kind = form.get("type")
    if not isinstance(kind, str):
        kind = UNKNOWN
    return Question(
        id=entry["id"],
        kind=kind,
        required=entry.get("required") is True,
        form=form,
        options=_options(form.get("options")),
        depends_on=_depends_on(entry.get("precondition_question_id")),
        asked_after=_asked_after(entry.get("precondition_options")),
    )


def _depends_on(told: object) -> str | None:
    if not isinstance(told, str) or not told:
        return None
    return told


def _asked_after(told: object) -> tuple[str | bool, ...]:
    if not isinstance(told, list):
        return ()
    return tuple(one for one in told if isinstance(one, str | bool))


def _options(listed: object) -> tuple[tuple[str, str | None], ...] | None:
    """Return ids and names; None where an option is not as documented: then it may be the one that is meant."""
    if not isinstance(listed, list) or not listed:
        return None
    options: list[tuple[str, str | None]] = []
    for entry in listed:
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
            return None
        name = entry.get("name")
        options.append((entry["id"], name.strip() if isinstance(name, str) else None))
    return tuple(options)
