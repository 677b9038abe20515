"""The records of one integration's ATS, as Kombo knows them."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

STAGE_NAMES = ("Applied", "Interview", "Offer")


def kombo_id(integration_id: str, remote_id: str) -> str:
    """24 characters from the integration and the remote id, whatever the model.

    Hence candidate `1` and application `1` of one integration carry the same id, as Kombo documents.
    """
    digest = hashlib.blake2b(f"{integration_id}\n{remote_id}".encode(), digest_size=18).digest()
    return b64encode(digest, b"xy").decode()


@dataclass(slots=True)
class Stage:
    seq: int
    id: str
    remote_id: str | None
    name: str | None
    made_at: int
    changed_at: int
    deleted_at: int | None = None


@dataclass(slots=True)
class Job:
    """`ref` is how the job was first named: a Kombo id, or `remote:` and the ATS's id."""

    seq: int
    id: str
    remote_id: str
    ref: str
    made_at: int
    changed_at: int
    name: str | None = None
    status: str = "OPEN"
    visibility: str = "PUBLIC"
    questions: list[dict[str, Any]] = field(default_factory=list)
    deleted_at: int | None = None

    def configure(self, integration_id: str, config: dict[str, Any], at: int) -> None:
        """Takes over what `POST /_sandbox/config` says about the job."""
        self.name = config.get("name", self.name)
        self.status = config.get("status", self.status)
        self.visibility = config.get("visibility", self.visibility)
        if "screening_questions" in config:
            questions = config["screening_questions"]
            self.questions = [_question(integration_id, self.remote_id, i, q) for i, q in enumerate(questions)]
        self.changed_at = at


@dataclass(slots=True)
class Application:
    """`visible` is false while Kombo's GET does not show it; `mode` says whether a sync will."""

    seq: int
    id: str
    remote_id: str
    candidate: Candidate
    job: Job
    stage: Stage
    answers: list[dict[str, Any]]
    mode: str
    visible: bool
    made_at: int
    changed_at: int
    outcome: str = "PENDING"
    rejection_reason: str | None = None
    rejected_at: int | None = None
    deleted_at: int | None = None


@dataclass(slots=True)
class Candidate:
    """`profile` is the `candidate` object of the request that made the person."""

    seq: int
    id: str
    remote_id: str
    email: str
    profile: dict[str, Any]
    source: str | None
    made_at: int
    changed_at: int
    deleted_at: int | None = None
    applications: list[Application] = field(default_factory=list)

    @property
    def visible(self) -> bool:
        return any(application.visible for application in self.applications)

    def emails(self) -> list[str]:
        """All addresses in lower case, the first one first."""
        more = self.profile.get("additional_email_addresses") or []
        return [self.email, *(entry["email_address"].lower() for entry in more)]


def _question(integration_id: str, job_remote_id: str, index: int, given: dict[str, Any]) -> dict[str, Any]:
    """A question of the config with the keys it leaves out filled in."""
    remote_id = given.get("remote_id") or f"{job_remote_id}-question-{index + 1}"
    defaults = {
        "id": kombo_id(integration_id, remote_id),
        "remote_id": remote_id,
        "title": f"Question {index + 1}",
        "description": None,
        "category": None,
        "required": False,
        "index": index,
        "precondition_question_id": None,
        "precondition_options": None,
        "format": {"type": "TEXT", "max_length": None, "display_type": "SINGLE_LINE"},
    }
    return {**defaults, **given}
