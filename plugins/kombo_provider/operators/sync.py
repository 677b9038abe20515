"""What became of the applications: pulled from Kombo into the ledger's tables."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow.sdk import AssetAlias, BaseOperator, Context, Param

from kombo_provider.errors import ConfigurationError
from kombo_provider.hooks.kombo import READ_TIMEOUT_SECONDS, KomboHook, open_client
from kombo_provider.operators.assets import APPLICATIONS_ASSET, asset_as_known
from kombo_provider.operators.connections import open_ledger
from kombo_provider.operators.run_params import read_run
from kombo_provider.operators.settings import SYNC_MODELS, SyncSettings

if TYPE_CHECKING:
    from kombo_provider.client import KomboClient
    from kombo_provider.ledger import Ledger
    from kombo_provider.sync.fleet import Report


def sync_params() -> dict[str, Param]:
    """Return the params of a sync, as Airflow's form shows them."""
    said = "Read everything anew, not only what changed since the last run."
    return {"full": Param(False, type=["boolean", "null"], description=said)}


class KomboSyncOperator(BaseOperator):
    """Pulls applications, candidates and jobs of every integration, and completes the ledger from them.

    Returns counts, the codes of integrations that were passed over, and the integrations left for the next run.
    """

    ui_color = "#e8f0fe"
    _stop: threading.Event | None = None

    def __init__(self, *, sync: SyncSettings, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sync = sync

    def execute(self, context: Context) -> dict[str, Any]:
        """Pull each integration once."""
        self._stop = threading.Event()
        full_now = _full(context)
        with open_ledger(self.sync.connections) as ledger, closing(self._client(ledger)) as client:
            report = self._pull(context, ledger, client, full_now=full_now)
        for integration_id, code in sorted(report.failed.items()):
            self.log.warning("Passed over: %s (%s)", integration_id, code)
        if report.left:
            self.log.warning(
                "Left for the next run, which begins with those that were not begun: %s", ", ".join(sorted(report.left))
            )
        counts = {name: count for name, count in sorted(report.counts.items()) if count}
        self.log.info("%d integrations: %s", report.integrations, counts or "nothing changed")
        if counts.get("records") and any(outlet.name == APPLICATIONS_ASSET for outlet in self.outlets):
            event = context["outlet_events"][AssetAlias(APPLICATIONS_ASSET)]
            event.add(asset_as_known(APPLICATIONS_ASSET), extra={"records": counts["records"]})
        return {**counts, "integrations": report.integrations, "passed_over": report.failed, "left": report.left}

    def on_kill(self) -> None:
        """Begin no page any more."""
        if self._stop is not None:
            self._stop.set()

    def _client(self, ledger: Ledger) -> KomboClient:
        from kombo_provider.sync.pacing import SharedPace

        connections = self.sync.connections
        turn_seconds = self.sync.run_for.total_seconds()
        pace = SharedPace(ledger, connections.kombo_conn_id, turn_seconds=turn_seconds, stop=self._stop)
        settings = KomboHook(connections.kombo_conn_id).get_settings()
        return open_client(settings, timeout_seconds=min(settings.timeout_seconds, READ_TIMEOUT_SECONDS), pacing=pace)

    def _pull(self, context: Context, ledger: Ledger, client: KomboClient, *, full_now: bool) -> Report:
        from kombo_provider.doubts.shown import Shown
        from kombo_provider.sync.fleet import Fleet
        from kombo_provider.sync.plan import Wanted

        sync = self.sync
        wanted = Wanted(
            scope=sync.scope,
            personal=sync.sync_personal_data,
            keep_personal=sync.keep_personal,
            full_every=sync.full_every,
            full_now=full_now,
        )
        conn_id = sync.connections.kombo_conn_id
        late = Shown(ledger, client, conn_id, read_run(context).ref)
        fleet = Fleet(ledger, client, conn_id, wanted, late=late, stop=self._stop)
        own = KomboHook(conn_id).get_settings().integration_id
        also = (*sync.integration_ids, *([own] if own else []))
        return fleet.sync([model for model in SYNC_MODELS if model in sync.models], also)


def _full(context: Mapping[str, Any]) -> bool:
    value = context["params"].get("full")
    if value is not None and not isinstance(value, bool):
        raise ConfigurationError(f"The param full is {value!r}; it must be true or false.")
    return bool(value)
