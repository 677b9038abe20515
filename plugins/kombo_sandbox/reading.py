"""GET /ats/applications, /ats/candidates, /ats/jobs, /ats/application-stages."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from kombo_sandbox import views
from kombo_sandbox.config_shapes import JOB_STATUSES, JOB_VISIBILITIES
from kombo_sandbox.pages import Query, T, page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kombo_sandbox.ats import Ats
    from kombo_sandbox.records import Application, Candidate, Job, Stage
    from kombo_sandbox.settings import Settings
    from kombo_sandbox.store import Store

OUTCOMES = ("PENDING", "HIRED", "DECLINED")
EMPLOYMENT_TYPES = ("FULL_TIME", "PART_TIME", "CONTRACT", "SEASONAL", "INTERNSHIP")

APPLICATION_FILTERS = frozenset(
    {"outcome", "outcomes", "job_ids", "job_remote_ids", "current_stage_ids", "remote_created_after"}
)
CANDIDATE_FILTERS = frozenset({"email", "job_ids", "first_name", "last_name"})
JOB_FILTERS = frozenset(
    {
        "job_codes", "post_url", "status", "statuses", "employment_types", "visibilities",
        "remote_created_after", "name_contains",
    }
)  # fmt: skip


class Reading:
    """The four lists of one server."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def applications(self, integration_id: str, values: dict[str, str]) -> dict[str, Any]:
        query, supported = self._query(integration_id, values, APPLICATION_FILTERS)
        ats = self._store.ats(integration_id)
        outcomes = query.choices("outcomes", OUTCOMES) or query.choices("outcome", OUTCOMES)
        job_ids, job_remote_ids = query.texts("job_ids"), query.texts("job_remote_ids")
        stage_ids, made_after = query.texts("current_stage_ids"), query.day("remote_created_after")
        keys, updated_after = _keys(query), query.instant("updated_after")

        def wanted(record: Application) -> bool:
            return (
                record.visible
                and keys(record)
                and _among(record.outcome, outcomes)
                and _among(record.job.id, job_ids)
                and _among(record.job.remote_id, job_remote_ids)
                and _among(record.stage.id, stage_ids)
                and _since(record.made_at, made_after)
                # Its candidate counts for an application, as its own stage does not (API reference, section 7.2).
                and _since(max(record.changed_at, record.candidate.changed_at), updated_after)
            )

        source: Iterable[Application] = []
        if supported:
            source = _applications_by_index(ats, query, job_ids)
        show = self._dated(integration_id, views.listed_application)
        return page(query, f"applications {integration_id}", source, wanted, show)

    def candidates(self, integration_id: str, values: dict[str, str]) -> dict[str, Any]:
        query, supported = self._query(integration_id, values, CANDIDATE_FILTERS)
        ats = self._store.ats(integration_id)
        email = (query.text("email") or "").lower() or None
        job_ids = query.texts("job_ids")
        first_name, last_name = query.text("first_name"), query.text("last_name")
        keys, updated_after = _keys(query), query.instant("updated_after")

        def wanted(person: Candidate) -> bool:
            shown = _tracked(person)
            return (
                bool(shown)
                and keys(person)
                and (email is None or email in person.emails())
                and (job_ids is None or any(record.job.id in job_ids for record in shown))
                and _same(person.profile["first_name"], first_name)
                and _same(person.profile["last_name"], last_name)
                and _since(max(person.changed_at, *(record.changed_at for record in shown)), updated_after)
            )

        source: Iterable[Candidate] = []
        if supported:
            source = _candidates_by_index(ats, query, email)
        show = self._dated(integration_id, _listed_candidate)
        return page(query, f"candidates {integration_id}", source, wanted, show)

    def jobs(self, integration_id: str, values: dict[str, str]) -> dict[str, Any]:
        query, supported = self._query(integration_id, values, JOB_FILTERS)
        # A job of the config exists from the first read that names it, as from its first create.
        named = list(query.texts("ids") or ())
        named += [f"remote:{name}" for name in query.texts("remote_ids") or ()]
        self._store.use_configured_jobs(integration_id, named)
        ats = self._store.ats(integration_id)
        statuses = query.choices("statuses", JOB_STATUSES) or query.choices("status", JOB_STATUSES)
        visibilities, codes = query.choices("visibilities", JOB_VISIBILITIES), query.texts("job_codes")
        # No job of the sandbox has either, so that such a filter finds none.
        nowhere = query.choices("employment_types", EMPLOYMENT_TYPES) is not None or query.given("post_url")
        part, made_after = (query.text("name_contains") or "").lower(), query.day("remote_created_after")
        keys, updated_after = _keys(query), query.instant("updated_after")

        def wanted(job: Job) -> bool:
            return (
                not nowhere
                and keys(job)
                and _among(job.status, statuses)
                and _among(job.visibility, visibilities)
                and _among(job.remote_id, codes)
                and part in (job.name or "").lower()
                and _since(job.made_at, made_after)
                and _since(job.changed_at, updated_after)
            )

        source: Iterable[Job] = []
        if supported:
            source = _after_cursor(ats.jobs, query, f"jobs {integration_id}")
        return page(query, f"jobs {integration_id}", source, wanted, lambda job: views.listed_job(job, ats.stages))

    def stages(self, integration_id: str, values: dict[str, str]) -> dict[str, Any]:
        query, supported = self._query(integration_id, values, frozenset())
        keys, updated_after = _keys(query), query.instant("updated_after")

        def wanted(stage: Stage) -> bool:
            return keys(stage) and _since(stage.changed_at, updated_after)

        source: Iterable[Stage] = []
        if supported:
            source = self._store.ats(integration_id).stages
        return page(query, f"stages {integration_id}", source, wanted, views.listed_stage)

    def _dated(self, integration_id: str, show: Callable[[T], dict[str, Any]]) -> Callable[[T], dict[str, Any]]:
        if self._settings.of("remote_dates", integration_id):
            return show
        return lambda record: views.without_remote_dates(show(record))

    def _query(self, integration_id: str, values: dict[str, str], own: frozenset[str]) -> tuple[Query, bool]:
        """The query, and false where an unsupported filter empties the result."""
        refuse_unknown = self._settings.of("unknown_keys") == "refuse"
        query = Query(values, own, refuse_unknown=refuse_unknown)
        # By default such a filter gives an empty page and no error (API reference, section 7.1): a trap to rehearse.
        unsupported = [key for key in self._settings.of("unsupported_filters", integration_id) if key in values]
        if unsupported and query.flag("ignore_unsupported_filters"):
            kept = {key: value for key, value in values.items() if key not in unsupported}
            return Query(kept, own, refuse_unknown=refuse_unknown), True
        return query, not unsupported


def _listed_candidate(person: Candidate) -> dict[str, Any]:
    return views.candidate_with_applications(person, _tracked(person))


def _tracked(person: Candidate) -> list[Application]:
    return [record for record in person.applications if record.visible]


def _keys(query: Query) -> Callable[[Application | Candidate | Job | Stage], bool]:
    ids, remote_ids = query.texts("ids"), query.texts("remote_ids")
    return lambda record: _among(record.id, ids) and _among(record.remote_id, remote_ids)


def _among(value: str | None, values: list[str] | None) -> bool:
    return values is None or value in values


def _same(value: str, wanted: str | None) -> bool:
    return wanted is None or value.lower() == wanted.lower()


def _since(at: int, after: int | None) -> bool:
    return after is None or at >= after


def _after_cursor(records: Sequence[T], query: Query, scope: str) -> Iterable[T]:
    """`seq` counts from 1 without holes, so a page far down the list costs no scan of what came before."""
    return islice(records, query.start(scope), None)


def _applications_by_index(ats: Ats, query: Query, job_ids: list[str] | None) -> Iterable[Application]:
    if ids := query.texts("ids"):
        found = [ats.applications_by_id[key] for key in set(ids) if key in ats.applications_by_id]
        return sorted(found, key=lambda record: record.seq)
    if job_ids is not None and len(job_ids) == 1:
        return ats.applications_by_job.get(job_ids[0], [])
    return _after_cursor(ats.applications, query, f"applications {ats.integration_id}")


def _candidates_by_index(ats: Ats, query: Query, email: str | None) -> Iterable[Candidate]:
    if ids := query.texts("ids"):
        found = [ats.candidates_by_id[key] for key in set(ids) if key in ats.candidates_by_id]
        return sorted(found, key=lambda person: person.seq)
    if email is not None:
        return ats.candidates_by_email.get(email, [])
    return _after_cursor(ats.candidates, query, f"candidates {ats.integration_id}")
