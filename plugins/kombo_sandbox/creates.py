"""Both create endpoints: checked first, executed later, as the ATS takes its time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kombo_sandbox import views
from kombo_sandbox.ats import job_config
from kombo_sandbox.errors import ApiError, input_invalid
from kombo_sandbox.restrictions import check_restrictions
from kombo_sandbox.screening import take_answers
from kombo_sandbox.validation import check_application_body, check_candidate_body

if TYPE_CHECKING:
    from kombo_sandbox.records import Application, Job
    from kombo_sandbox.settings import Settings
    from kombo_sandbox.store import Store

PROFILE_KEYS = (
    "first_name", "last_name", "email_address", "additional_email_addresses", "company", "title",
    "phone_number", "additional_phone_numbers", "location", "social_links",
)  # fmt: skip


class Draft:
    """A create that passed Kombo's checks; `event` is what will be executed."""

    __slots__ = ("answer_is_candidate", "event", "integration_id", "warnings")

    def __init__(self, integration_id: str, event: dict[str, Any], warnings: list[str], *, as_candidate: bool) -> None:
        self.integration_id = integration_id
        self.event = event
        self.warnings = warnings
        self.answer_is_candidate = as_candidate


class Creates:
    """Takes the creates of one server."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def prepare_application(self, integration_id: str, job_ref: str, body: dict[str, Any]) -> Draft:
        """`POST /ats/jobs/{job_id}/applications`"""
        check_application_body(body, refuse_unknown=self._refuse_unknown())
        return self._draft(integration_id, job_ref, body.get("stage_id"), body, as_candidate=False)

    def prepare_candidate(self, integration_id: str, body: dict[str, Any]) -> Draft:
        """`POST /ats/candidates`"""
        check_candidate_body(body, refuse_unknown=self._refuse_unknown())
        target = body["application"]
        return self._draft(integration_id, target["job_id"], target.get("stage_id"), body, as_candidate=True)

    def execute(self, draft: Draft, *, answer_is_lost: bool) -> dict[str, Any]:
        """Writes the application, and the candidate where there is none; the success answer."""
        integration_id, event = draft.integration_id, draft.event
        # Only now, and not with Kombo's own checks: the ATS refuses what it finds when the request reaches it.
        self._refuse_in_ats(integration_id, event)
        visibility = self._settings.of("visibility", integration_id)
        if answer_is_lost:
            visibility = self._settings.of("visibility_of_lost", integration_id) or visibility
        made = self._store.create(integration_id, {**event, "visibility": visibility, "lost": answer_is_lost})
        warnings = [{"message": text} for text in draft.warnings]
        show = views.created_application
        if draft.answer_is_candidate:
            show = _as_candidate
        return {"status": "success", "data": show(made), "warnings": warnings}

    def _draft(
        self, integration_id: str, job_ref: str, stage_id: str | None, body: dict[str, Any], *, as_candidate: bool
    ) -> Draft:
        warnings = list(self._settings.of("warnings", integration_id))
        skipped = [path for path in self._settings.of("unsupported_fields", integration_id) if _holds(body, path)]
        warnings += [f"The field {path} is not supported by this integration; it was skipped." for path in skipped]
        job = self._job(integration_id, job_ref)
        answers = take_answers(body.get("screening_question_answers", []), job.questions, warnings)
        check_restrictions(body.get("attachments", []), self._settings.of("attachment_restrictions", integration_id))
        profile = {key: body["candidate"][key] for key in PROFILE_KEYS if key in body["candidate"]}
        source = body.get("source", {}).get("name", "Sandbox")
        event = {"job": job_ref, "profile": profile, "source": source, "stage": stage_id, "answers": answers}
        return Draft(integration_id, event, warnings, as_candidate=as_candidate)

    def _job(self, integration_id: str, ref: str) -> Job:
        if ref in ("", "remote:"):
            raise input_invalid("job_id", "must not be empty")
        ats = self._store.ats(integration_id)
        job = ats.find_job(ref)
        if job is not None:
            return job
        config = self._settings.of("jobs", integration_id)
        draft = ats.draft_job(ref, int(time.time() * 1000))
        found = job_config(draft, config)
        if not found and not self._settings.of("accept_unknown_jobs", integration_id):
            raise input_invalid("job_id", "no such job")
        draft.configure(integration_id, found, draft.changed_at)
        return draft

    def _refuse_in_ats(self, integration_id: str, event: dict[str, Any]) -> None:
        if self._job(integration_id, event["job"]).status != "OPEN":
            raise ApiError("ATS.JOB_CLOSED", f"The job {event['job']} takes no applications.")
        if self._settings.of("refuse_duplicates", integration_id):
            email = event["profile"]["email_address"]
            if self._store.ats(integration_id).has_applied(email, event["job"]):
                raise ApiError("ATS.APPLICATION_ALREADY_EXISTS", f"{email} has already applied to {event['job']}.")

    def _refuse_unknown(self) -> bool:
        return bool(self._settings.of("unknown_keys") == "refuse")


def _as_candidate(made: Application) -> dict[str, Any]:
    """All applications of the person that Kombo knows; nothing marks the one just made."""
    known = [record for record in made.candidate.applications if record.mode != "never" or record is made]
    return views.candidate_with_applications(made.candidate, known)


def _holds(body: dict[str, Any], path: str) -> bool:
    value: Any = body
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True
