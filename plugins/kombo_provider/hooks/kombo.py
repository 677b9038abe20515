"""A Kombo connection as a client, for Airflow's connection form and for tasks of one's own."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

from kombo_provider.errors import ConfigurationError, KomboError

if TYPE_CHECKING:
    from kombo_provider.client import ConnectionSettings, KomboClient, Outcome
    from kombo_provider.client.limits import Pacing

log = logging.getLogger(__name__)
# Somebody waits in front of the form for the Test button's answer.
_TEST_TIMEOUT_SECONDS = 20.0


@contextmanager
def known_connection(conn_id: str) -> Iterator[None]:
    """Say what to do where a connection looked up in the block does not exist; raises ConfigurationError."""
    try:
        yield
    except (AirflowNotFoundException, AirflowRuntimeError) as exc:
        if isinstance(exc, AirflowRuntimeError) and "NOT_FOUND" not in str(exc):
            raise
        variable = f"AIRFLOW_CONN_{conn_id.upper()}"
        if os.environ.get(variable):
            raise ConfigurationError(
                f"The environment variable {variable} is set, and Airflow cannot read it as a connection: it has to be "
                "one JSON object with fields of a connection (conn_type, host, password, extra and so on), or a URI."
            ) from None
        raise ConfigurationError(
            f"There is no Airflow connection {conn_id!r}. Add it under Admin → Connections, or name another one in the "
            "DAG file."
        ) from None


class KomboHook(BaseHook):
    """Gives a client for a connection of type `kombo`.

    The connection: password = API key; host = base URL with its path, or the extra `region` (`eu`, `us`,
    `ca`); extras `integration_id`, `max_in_flight`, `timeout_seconds`. The port is ignored.

    Look the connection up in the main thread (`get_conn`); the client may then be used from many threads.
    A create made here goes straight to Kombo, around the ledger: what it did is in the `Outcome`, and
    sending it again is the caller's decision. The operators and DAGs of this package are safe to repeat.
    """

    conn_name_attr: ClassVar[str] = "kombo_conn_id"
    default_conn_name: ClassVar[str] = "kombo_default"
    conn_type: ClassVar[str] = "kombo"
    hook_name: ClassVar[str] = "Kombo"

    def __init__(self, kombo_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.kombo_conn_id = kombo_conn_id
        self._settings: ConnectionSettings | None = None
        self._client: KomboClient | None = None
        self._warned = False

    def get_settings(self) -> ConnectionSettings:
        """Return the connection's settings, read once; raises `ConfigurationError` that names the field."""
        from kombo_provider.client.settings import ConnectionSettings

        if self._settings is None:
            with known_connection(self.kombo_conn_id):
                connection = self.get_connection(self.kombo_conn_id)
            try:
                self._settings = ConnectionSettings.parse(
                    host=connection.host, password=connection.password, extra=connection.extra
                )
            except ConfigurationError as exc:
                raise ConfigurationError(f"Connection {self.kombo_conn_id!r}: {exc}") from None
        return self._settings

    def get_conn(self) -> KomboClient:
        """Return the client, the same one each time."""
        if self._client is None:
            self._client = open_client(self.get_settings())
        return self._client

    def create_application(self, integration_id: str | None, job_id: str, body: dict[str, Any]) -> Outcome:
        """Send `POST /ats/jobs/{job_id}/applications` once and return what it did.

        It goes around the ledger: nothing remembers it, and a task that is tried again sends it again.
        """
        self._say_that_it_goes_around_the_ledger("application")
        return self.get_conn().create("application", self._integration(integration_id), job_id, _json(body))

    def create_candidate(self, integration_id: str | None, job_id: str, body: dict[str, Any]) -> Outcome:
        """Send `POST /ats/candidates` once and return what it did; `job_id` is put into the body.

        It goes around the ledger: nothing remembers it, and a task that is tried again sends it again.
        """
        self._say_that_it_goes_around_the_ledger("candidate")
        application = {**(body.get("application") or {}), "job_id": job_id}
        content = _json({**body, "application": application})
        return self.get_conn().create("candidate", self._integration(integration_id), job_id, content)

    def applications(self, integration_id: str | None = None, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield what `GET /ats/applications` returns for the filters, over all pages."""
        return self.get_conn().applications(self._integration(integration_id), **filters)

    def candidates(self, integration_id: str | None = None, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield what `GET /ats/candidates` returns for the filters, over all pages."""
        return self.get_conn().candidates(self._integration(integration_id), **filters)

    def jobs(self, integration_id: str | None = None, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield what `GET /ats/jobs` returns for the filters, over all pages."""
        return self.get_conn().jobs(self._integration(integration_id), **filters)

    def test_connection(self) -> tuple[bool, str]:
        """Return whether the connection works, and what was found or what to do; sends nothing."""
        try:
            settings = self.get_settings()
            timeout_seconds = min(settings.timeout_seconds, _TEST_TIMEOUT_SECONDS)
            client = open_client(settings, timeout_seconds=timeout_seconds)
            environment_id = client.check_api_key()
            found = f"The API key works, for environment {environment_id} at {settings.base_url}."
            if settings.integration_id is None:
                return True, f"{found} No integration is set here: each row has to name its own."
            ok, state = integration_state(client.integration(settings.integration_id))
        except KomboError as exc:
            return False, str(exc)
        except Exception as exc:  # noqa: BLE001  (the border: whatever it is, the form shows it)
            self.log.warning("Testing connection %s failed: %s", self.kombo_conn_id, type(exc).__name__)
            return False, f"The test failed with {type(exc).__name__}: look into the log of the API server."
        return ok, f"{found} Integration {settings.integration_id}{state}"

    def _say_that_it_goes_around_the_ledger(self, endpoint: str) -> None:
        """Warn once for each hook: a task may call it for thousands of rows."""
        if not self._warned:
            log.warning(
                "create_%s goes around the ledger: nothing remembers what it sends, and a task that is tried again "
                "sends it again. KomboCreate%sOperator and the pipelines send once.",
                endpoint,
                endpoint.capitalize(),
            )
        self._warned = True

    def _integration(self, integration_id: str | None) -> str:
        chosen = integration_id or self.get_settings().integration_id
        if not chosen:
            raise ConfigurationError(
                f"No integration: pass one, or set the extra 'integration_id' of {self.kombo_conn_id!r}."
            )
        return chosen


def open_client(
    settings: ConnectionSettings,
    *,
    timeout_seconds: float | None = None,
    pacing: Pacing | None = None,
    repeats_reads: bool = True,
) -> KomboClient:
    """Return a client of its own for a connection; `pacing` says when its reads may leave."""
    from kombo_provider.client import KomboClient

    return KomboClient(
        api_key=settings.api_key,
        base_url=settings.base_url,
        timeout_seconds=timeout_seconds or settings.timeout_seconds,
        max_connections=settings.max_in_flight,
        pacing=pacing,
        repeats_reads=repeats_reads,
    )


READ_TIMEOUT_SECONDS = 60.0
"""Kombo answers reads from its own database: what takes longer is not coming."""
LOOK_UP_SECONDS = 10.0
"""For a read without which the work goes on as well: then nothing is gained by waiting for it."""


def open_look_ups(settings: ConnectionSettings) -> KomboClient:
    """Return a client for such reads: each is tried once, and given up soon."""
    seconds = min(settings.timeout_seconds, LOOK_UP_SECONDS)
    return open_client(settings, timeout_seconds=seconds, repeats_reads=False)


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()


def integration_state(integration: dict[str, Any]) -> tuple[bool, str]:
    """Return whether an integration takes requests, and its state in words.

    The states are Kombo's (Kombo docs: hris/guides/integration-states).
    """
    tool = integration.get("tool")
    label = tool.get("label") if isinstance(tool, dict) else None
    named = f" ({label})" if isinstance(label, str) else ""
    status, setup = integration.get("status"), integration.get("setup_status")
    if status == "INVALID":
        return False, f"{named} is INVALID: the customer has to connect it again."
    if status == "INACTIVE":
        return False, f"{named} is INACTIVE: switch it on in Kombo's dashboard."
    if setup == "INCOMPLETE":
        return False, f"{named} is not set up: finish its setup in Kombo's dashboard."
    if setup == "FINAL_SYNC_PENDING":
        return True, f"{named} waits for its first sync: rows may have to wait until that has ended."
    return True, f"{named} is {status if isinstance(status, str) else 'known'}."
