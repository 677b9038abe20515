"""The ids of what a create made, taken from the answer of either endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from kombo_provider.client.envelope import id_text

Endpoint = Literal["application", "candidate"]

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CreatedIds:
    """Kombo's ids and the ATS's; each may be None, since a success may leave it out."""

    application_id: str | None = None
    application_remote_id: str | None = None
    candidate_id: str | None = None
    candidate_remote_id: str | None = None


def created_ids(data: object, endpoint: Endpoint, job_id: str) -> CreatedIds:
    """Return the ids in the `data` of a success, as far as they can be read.

    `application`: `data` is the application (Kombo docs: ats/implementation-guide/creating-applications).
    `candidate`: `data` is the candidate, and holds all of this person's applications.
    """
    if not isinstance(data, dict):
        return CreatedIds()
    if endpoint == "application":
        candidate = _object(data.get("candidate"))
        return CreatedIds(
            application_id=_id(data.get("id")),
            application_remote_id=_id(data.get("remote_id")),
            # Either may be null while the other is not (API reference, section 2.3).
            candidate_id=_id(data.get("candidate_id")) or _id(candidate.get("id")),
            candidate_remote_id=_id(candidate.get("remote_id")),
        )
    application = _application_for(job_id, data.get("applications"))
    return CreatedIds(
        application_id=_id(application.get("id")),
        application_remote_id=_id(application.get("remote_id")),
        candidate_id=_id(data.get("id")),
        candidate_remote_id=_id(data.get("remote_id")),
    )


def _application_for(job_id: str, applications: object) -> dict[str, Any]:
    """Return the application that the call made: nothing marks it, so the job decides.

    A person's only application may leave its job out; one that names another job is an older one.
    """
    if not isinstance(applications, list):
        return {}
    listed = [item for item in applications if isinstance(item, dict)]
    if len(listed) == 1 and _job_of(job_id, listed[0]) is None:
        return listed[0]
    for_the_job = [item for item in listed if _is_for(job_id, item)]
    # Where an ATS takes several applications of a person for a job, ours is the one that was made last.
    return max(for_the_job, key=_made_at, default={})


def _is_for(job_id: str, application: dict[str, Any]) -> bool:
    return _job_of(job_id, application) == job_id.removeprefix("remote:")


def _job_of(job_id: str, application: dict[str, Any]) -> str | None:
    """Return the id of the application's job, of the same kind as `job_id`: Kombo's or the ATS's."""
    kind = "id"
    if job_id.startswith("remote:"):
        kind = "remote_id"
    return _id(_object(application.get("job")).get(kind))


def _made_at(application: dict[str, Any]) -> datetime:
    # The ATS's own time may be null; Kombo's stamp of the last change never is (API reference, section 2.3).
    stamp = application.get("remote_created_at") or application.get("changed_at")
    try:
        made_at = datetime.fromisoformat(str(stamp))
    except ValueError:
        return _LONG_AGO
    if made_at.tzinfo is None:
        return made_at.replace(tzinfo=UTC)  # as Kombo means it, and times without a zone compare with no others
    return made_at


def _object(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {}


def _id(value: object) -> str | None:
    # Documented as text. A number that comes all the same is an id that would be lost; True is a number to Python.
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return id_text(value)
