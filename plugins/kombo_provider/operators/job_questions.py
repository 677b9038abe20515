"""What the jobs of rows ask, looked up at Kombo for the mapping."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

from kombo_provider.hooks.kombo import open_look_ups

if TYPE_CHECKING:
    from kombo_provider.client.job_lookup import JobLookup
    from kombo_provider.client.settings import ConnectionSettings
    from kombo_provider.mapping.questions import FindQuestions, Questions


def question_finder(settings: ConnectionSettings) -> FindQuestions:
    """Return a look-up for one run: each job is asked for once, and never waited for long."""

    @cache
    def jobs() -> JobLookup:
        """Open the client with the first row that is staged: a run that finds none has no use for it."""
        from kombo_provider.client.job_lookup import JobLookup

        return JobLookup(open_look_ups(settings))

    def find(integration_id: str, job_ids: Collection[str]) -> dict[str, Questions | None]:
        from kombo_provider.mapping.questions import questions_of

        questions: dict[str, Questions | None] = {}
        for name, job in jobs().find(integration_id, job_ids).items():
            questions[name] = questions_of(job.get("screening_questions")) if job else None
        return questions

    return find
