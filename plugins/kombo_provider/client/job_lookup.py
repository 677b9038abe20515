"""What Kombo lists about the jobs that rows name: asked once, in batches, and never waited for long."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Protocol, TypeAlias

from kombo_provider.client.query import LARGEST_PAGE
from kombo_provider.errors import AccountError, KomboError

log = logging.getLogger(__name__)

REMOTE: Final = "remote:"
JOBS_PER_REQUEST: Final = 50
"""How many ids Kombo takes in one request is not documented; so many make a URL of less than 2,000 characters."""

Job: TypeAlias = "dict[str, Any]"


class ListsJobs(Protocol):
    """What the look-up needs of a client (see kombo_provider.client.client.KomboClient)."""

    def jobs(self, integration_id: str, **filters: Any) -> Iterator[Job]:
        """Yield jobs from Kombo's own database."""


@dataclass(slots=True)
class _Integration:
    """What is known of one integration's jobs, and when it was asked."""

    found: dict[str, tuple[float, Job | None]] = field(default_factory=dict)
    requests: int = 0


class JobLookup:
    """Looks jobs up by the ids that rows name, Kombo's or `remote:` and the ATS's.

    An answer holds for `age` seconds. An integration whose read failed is not asked again, and none is once `budget`
    seconds, those of all threads, went into asking, or the key was refused: rows have to go on. The client's own
    timeout bounds a single call. Threads may share it, each for integrations of its own.
    """

    def __init__(
        self,
        client: ListsJobs,
        *,
        age: float = 900.0,
        budget: float = 60.0,
        requests_per_integration: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._age, self._budget, self._clock = client, age, budget, clock
        self._requests = requests_per_integration
        self._integrations: dict[str, _Integration] = {}
        self._spent = 0.0
        self._failed: set[str] = set()
        self._closed = False

    def find(self, integration_id: str, job_ids: Collection[str]) -> dict[str, Job | None]:
        """Return each job as Kombo lists it, None where it does not; a job that could not be asked for is missing."""
        known = self._integrations.setdefault(integration_id, _Integration())
        since = self._clock() - self._age
        for name, (asked_at, _) in list(known.found.items()):
            if asked_at <= since:
                del known.found[name]
        for filters in _batches(sorted(set(job_ids).difference(known.found))):
            if not self._may_ask(integration_id, known):
                break
            self._ask(integration_id, known, filters)
        told: dict[str, Job | None] = {}
        for name in job_ids:
            if name in known.found:
                _, told[name] = known.found[name]
        return told

    def _may_ask(self, integration_id: str, known: _Integration) -> bool:
        if self._spent >= self._budget and not self._closed:
            self._closed = True
            log.warning("No further jobs are looked up in this task: that took %.0f s already", self._spent)
        if self._closed or integration_id in self._failed:
            return False
        return self._requests is None or known.requests < self._requests

    def _ask(self, integration_id: str, known: _Integration, filters: dict[str, list[str]]) -> None:
        began = self._clock()
        known.requests += 1
        ((name, wanted),) = filters.items()
        key, prefix = "id", ""
        if name == "remote_ids":
            key, prefix = "remote_id", REMOTE
        try:
            # No further page: a server that heeds the filter needs none, one that does not would list all jobs.
            records = list(islice(self._client.jobs(integration_id, **filters), LARGEST_PAGE))
        except KomboError as exc:
            self._failed.add(integration_id)
            # A key that is refused is refused for every integration.
            self._closed |= isinstance(exc, AccountError)
            log.warning("The jobs of %s could not be looked up: %s", integration_id, exc)
            return
        finally:
            self._spent += self._clock() - began
        listed = {prefix + record[key]: record for record in records if isinstance(record.get(key), str)}
        # A full page of a server without the filter hides the rest.
        missing_means_unlisted = len(records) < LARGEST_PAGE
        for bare in wanted:
            job_id = prefix + bare
            if missing_means_unlisted or job_id in listed:
                known.found[job_id] = (began, listed.get(job_id))


def _batches(names: Iterable[str]) -> Iterator[dict[str, list[str]]]:
    """Yield the filters of one request each; an id with a comma, which Kombo would take for two, is in none."""
    kinds: dict[str, list[str]] = {"ids": [], "remote_ids": []}
    for name in names:
        if "," in name:
            continue
        if name.startswith(REMOTE):
            kinds["remote_ids"].append(name.removeprefix(REMOTE))
        else:
            kinds["ids"].append(name)
    for kind, several in kinds.items():
        for start in range(0, len(several), JOBS_PER_REQUEST):
            yield {kind: several[start : start + JOBS_PER_REQUEST]}
