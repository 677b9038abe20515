"""How the sandbox behaves in the demo: as slow as an ATS, with the jobs and questions the applicants name."""

from __future__ import annotations

from typing import Any, Final

from include.demo.applicants import JOBS, NOTICE_QUESTION, VISA_QUESTION, YEARS_QUESTION

QUESTIONS: Final[list[dict[str, Any]]] = [
    {"id": NOTICE_QUESTION, "title": "What is your notice period?", "format": {"type": "TEXT"}},
    {"id": VISA_QUESTION, "title": "May you work in this country?", "format": {"type": "BOOLEAN"}},
    {"id": YEARS_QUESTION, "title": "Years of experience?", "format": {"type": "NUMBER", "min": 0, "max": 60}},
]

TITLES: Final = ("Nurse", "Data engineer", "Warehouse lead", "Barista")


def _integration(integration_id: str, job_ids: tuple[str, ...]) -> dict[str, Any]:
    jobs = {}
    for job_id, title in zip(job_ids, TITLES, strict=False):
        jobs[job_id] = {"name": title, "screening_questions": QUESTIONS}
    limit = 30
    if integration_id.startswith("personio:"):
        limit = 10  # as with some real ATSs, one customer's takes less at once than the usual 30
    return {"jobs": jobs, "concurrency_limit": limit}


SETTINGS: Final[dict[str, Any]] = {
    "latency_seconds": [0.2, 1.2],
    "integrations": list(JOBS),
    "accept_unknown_jobs": False,
    "per_integration": {name: _integration(name, job_ids) for name, job_ids in JOBS.items()},
}
