"""All integrations' records, and the one way to change them: an event, written first, applied second."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from kombo_sandbox.ats import Ats, job_config
from kombo_sandbox.errors import StateFileError

if TYPE_CHECKING:
    from kombo_sandbox.journal import Event, Journal
    from kombo_sandbox.records import Application
    from kombo_sandbox.settings import Settings

CreateKey = tuple[str, str, str]


class Store:
    """Replays the journal when made, so ids and counts go on where an earlier server was killed."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._by_integration: dict[str, Ats] = {}
        self.creates: Counter[CreateKey] = Counter()
        self._last_at = 0
        for event in journal.replay():
            self._replay(event)

    def ats(self, integration_id: str) -> Ats:
        ats = self._by_integration.get(integration_id)
        if ats is None:
            ats = self._by_integration[integration_id] = Ats(integration_id, self._now())
        return ats

    def create(self, integration_id: str, draft: dict[str, Any]) -> Application:
        """Executes a create; when this returns, a kill no longer loses it."""
        # Written first: after a kill between the two lines it counts as executed, as in an ATS that went on working.
        event = {"event": "create", "integration_id": integration_id, "at": self._now(), **draft}
        self._journal.append(event)
        return self._apply_create(event)

    def sync(self, integration_id: str) -> None:
        at = self._now()
        self._journal.append({"event": "sync", "integration_id": integration_id, "at": at})
        self.ats(integration_id).sync(at)

    def track(self, integration_id: str, application_id: str) -> None:
        event = {"event": "track", "integration_id": integration_id, "id": application_id, "at": self._now()}
        self.ats(integration_id).track(application_id)  # first here: it refuses what does not exist
        self._journal.append(event)

    def change(self, integration_id: str, model: str, record_id: str, fields: dict[str, Any]) -> None:
        event = {
            "event": "change",
            "integration_id": integration_id,
            "model": model,
            "id": record_id,
            "fields": fields,
            "at": self._now(),
        }
        self.ats(integration_id).change(event)
        self._journal.append(event)

    def configure(self, change: dict[str, Any]) -> None:
        """Applies a config update to the settings and to the jobs it names."""
        event = {"event": "config", "change": change, "at": self._now()}
        self._apply_config(event)
        self._journal.append(event)

    def use_configured_jobs(self, integration_id: str, refs: list[str]) -> None:
        """Makes those of the jobs exist that the settings describe, since somebody names them."""
        config = self._settings.of("jobs", integration_id)
        for ref in refs:
            if ref in config:
                self.ats(integration_id).ensure_job(ref, config, self._now())

    def reset(self) -> None:
        """Forgets all records, the settings and the state file's content."""
        self._journal.clear()
        self._settings.reset()
        self._by_integration.clear()
        self.creates.clear()

    def close(self) -> None:
        self._journal.close()

    def _now(self) -> int:
        """Milliseconds since 1970, never going back."""
        # Not even when the machine's clock does: `updated_after` would pass over what changed in between.
        self._last_at = max(int(time.time() * 1000), self._last_at)
        return self._last_at

    def _replay(self, event: Event) -> None:
        self._last_at = event["at"]
        kind = event["event"]
        if kind == "create":
            self._apply_create(event)
        elif kind == "config":
            self._apply_config(event)
        elif kind == "sync":
            self.ats(event["integration_id"]).sync(event["at"])
        elif kind == "track":
            self.ats(event["integration_id"]).track(event["id"])
        elif kind == "change":
            self.ats(event["integration_id"]).change(event)
        else:
            raise StateFileError(f"the state file holds an event of another version: {kind}")

    def _apply_create(self, event: Event) -> Application:
        integration_id = event["integration_id"]
        config = self._settings.of("jobs", integration_id)
        made = self.ats(integration_id).add_application(event, config)
        self.creates[(integration_id, made.job.ref, event["profile"]["email_address"].lower())] += 1
        return made

    def _apply_config(self, event: Event) -> None:
        change, at = event["change"], event["at"]
        self._settings.update(change)
        # Jobs of one integration exist from now on; those of all where somebody names them.
        for integration_id, own in change.get("per_integration", {}).items():
            for ref, config in (own or {}).get("jobs", {}).items():
                if config is not None:
                    self.ats(integration_id).ensure_job(ref, {}, at)
        for integration_id, ats in self._by_integration.items():
            own = change.get("per_integration", {}).get(integration_id) or {}
            changed = {**change.get("jobs", {}), **own.get("jobs", {})}
            for job in ats.jobs if changed else []:
                if config := job_config(job, changed):
                    job.configure(integration_id, config, at)
