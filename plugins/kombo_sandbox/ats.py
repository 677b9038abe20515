"""One integration's ATS: its records, found by any of their keys, changed only by events."""

from __future__ import annotations

from typing import Any

from kombo_sandbox.records import STAGE_NAMES, Application, Candidate, Job, Stage, kombo_id


class Ats:
    """Lists only grow, in order of `seq` (from 1), which is what pages are cut by."""

    def __init__(self, integration_id: str, at: int) -> None:
        self.integration_id = integration_id
        self.jobs: list[Job] = []
        self.candidates: list[Candidate] = []
        self.applications: list[Application] = []
        self.stages: list[Stage] = []
        self.jobs_by_id: dict[str, Job] = {}
        self.jobs_by_remote_id: dict[str, Job] = {}
        self.candidates_by_id: dict[str, Candidate] = {}
        self.candidates_by_email: dict[str, list[Candidate]] = {}
        self.applications_by_id: dict[str, Application] = {}
        self.applications_by_job: dict[str, list[Application]] = {}
        self.stages_by_id: dict[str, Stage] = {}
        self.awaiting_sync: list[Application] = []
        for number, name in enumerate(STAGE_NAMES, start=1):
            remote_id = f"stage-{number}"
            self._add_stage(kombo_id(integration_id, remote_id), remote_id, name, at)

    def find_job(self, ref: str) -> Job | None:
        if ref.startswith("remote:"):
            return self.jobs_by_remote_id.get(ref[len("remote:") :])
        return self.jobs_by_id.get(ref)

    def draft_job(self, ref: str, at: int) -> Job:
        """The job of this reference as it would be made, not yet part of the ATS."""
        if ref.startswith("remote:"):
            remote_id = ref[len("remote:") :]
            job_id = kombo_id(self.integration_id, remote_id)
        else:
            remote_id, job_id = f"job-{ref}", ref
        return Job(len(self.jobs) + 1, job_id, remote_id, ref, at, at, name=f"Job {remote_id}")

    def ensure_job(self, ref: str, config: dict[str, dict[str, Any]], at: int) -> Job:
        """The job of this reference, made and configured on first use."""
        job = self.find_job(ref)
        if job is None:
            job = self.draft_job(ref, at)
            job.configure(self.integration_id, job_config(job, config), at)
            self.jobs.append(job)
            self.jobs_by_id[job.id] = self.jobs_by_remote_id[job.remote_id] = job
        return job

    def find_candidate(self, email: str) -> Candidate | None:
        """The person whose first address this is (not any of the further ones)."""
        for person in self.candidates_by_email.get(email.lower(), []):
            if person.email == email.lower():
                return person
        return None

    def has_applied(self, email: str, job_ref: str) -> bool:
        job, person = self.find_job(job_ref), self.find_candidate(email)
        return person is not None and any(application.job is job for application in person.applications)

    def add_application(self, event: dict[str, Any], config: dict[str, dict[str, Any]]) -> Application:
        """Executes the event of a create: one application, and a candidate where there is none."""
        at, mode = event["at"], event["visibility"]
        job = self.ensure_job(event["job"], config, at)
        person = self.find_candidate(event["profile"]["email_address"]) or self._add_candidate(event)
        stage = self._stage(event["stage"], at)
        seq = len(self.applications) + 1
        remote_id = str(seq)
        made = Application(
            seq, kombo_id(self.integration_id, remote_id), remote_id, person, job, stage,
            event["answers"], mode, mode == "at_once", at, at,
        )  # fmt: skip
        self.applications.append(made)
        self.applications_by_id[made.id] = made
        self.applications_by_job.setdefault(job.id, []).append(made)
        person.applications.append(made)
        if mode == "after_sync":
            self.awaiting_sync.append(made)
        return made

    def sync(self, at: int) -> None:
        """Shows what was waiting for a sync; to Kombo those records change now."""
        for application in self.awaiting_sync:
            application.visible = True
            application.changed_at = application.candidate.changed_at = at
        self.awaiting_sync.clear()

    def track(self, application_id: str) -> None:
        """Puts an application that Kombo did not know on its list: the next sync shows it."""
        found = self.applications_by_id[application_id]
        if not found.visible and found not in self.awaiting_sync:
            found.mode = "after_sync"
            self.awaiting_sync.append(found)

    def change(self, event: dict[str, Any]) -> None:
        """What somebody did in the ATS: a new outcome or stage, a record deleted."""
        at, fields = event["at"], event["fields"]
        record: Application | Candidate | Job
        if event["model"] == "application":
            record = self.applications_by_id[event["id"]]
            record.outcome = fields.get("outcome", record.outcome)
            record.rejection_reason = fields.get("rejection_reason_name", record.rejection_reason)
            record.rejected_at = None
            if record.outcome == "DECLINED":
                record.rejected_at = at
            if "stage_id" in fields:
                record.stage = self._stage(fields["stage_id"], at)
        elif event["model"] == "candidate":
            record = self.candidates_by_id[event["id"]]
        else:
            record = self.jobs_by_id[event["id"]]
        if "deleted" in fields:
            record.deleted_at = None
            if fields["deleted"]:
                record.deleted_at = at
        if fields.keys() != {"stage_id"}:  # `updated_after` no longer sees that an application moved on
            record.changed_at = at

    def _add_candidate(self, event: dict[str, Any]) -> Candidate:
        seq, at, profile = len(self.candidates) + 1, event["at"], event["profile"]
        remote_id = str(seq)
        made = Candidate(
            seq, kombo_id(self.integration_id, remote_id), remote_id, profile["email_address"].lower(),
            profile, event["source"], at, at,
        )  # fmt: skip
        self.candidates.append(made)
        self.candidates_by_id[made.id] = made
        for email in dict.fromkeys(made.emails()):
            self.candidates_by_email.setdefault(email, []).append(made)
        return made

    def _stage(self, stage_id: str | None, at: int) -> Stage:
        if stage_id is None:
            return self.stages[0]
        return self.stages_by_id.get(stage_id) or self._add_stage(stage_id, None, None, at)

    def _add_stage(self, stage_id: str, remote_id: str | None, name: str | None, at: int) -> Stage:
        stage = Stage(len(self.stages) + 1, stage_id, remote_id, name, at, at)
        self.stages.append(stage)
        self.stages_by_id[stage_id] = stage
        return stage


def job_config(job: Job, config: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What the config says about a job, by any of its names."""
    for name in (job.ref, job.id, f"remote:{job.remote_id}"):
        if name in config:
            return config[name]
    return {}
