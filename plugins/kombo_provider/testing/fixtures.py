"""The pytest fixture `kombo_sandbox`: a local Kombo of the test's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kombo_sandbox.testing import API_KEY, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_INTEGRATION_ID = "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js"


class KomboSandbox:
    """A running sandbox. Any integration id of the form `<tool>:<text>` exists, and so does any job."""

    api_key = API_KEY

    def __init__(self, server: Sandbox) -> None:
        self._server = server
        self.url = server.url

    def connection(self, integration_id: str = DEFAULT_INTEGRATION_ID) -> str:
        """Return the JSON for `AIRFLOW_CONN_KOMBO_DEFAULT`; `integration_id` is for rows that name none."""
        fields = {"conn_type": "kombo", "host": self.url, "password": self.api_key}
        return json.dumps({**fields, "extra": {"integration_id": integration_id}})

    def fault(self, kind: str, **rule: Any) -> None:
        """Script a fault: `fault("reset", count=1, match={"email": "*@example.com"})`.

        Kinds, their parameters, `count`, `rate` and `match` stand in docs/sandbox.md; without `count` it strikes until
        `clear_faults`. Raises ValueError for what is no rule.
        """
        self._server.faults([{"kind": kind, **rule}])

    def clear_faults(self) -> None:
        """End all faults."""
        self._server.clear_faults()

    def configure(self, **settings: Any) -> None:
        """Change settings, such as `latency_seconds=0.5` or `concurrency_limit=10`; see docs/sandbox.md."""
        self._server.config(**settings)

    def creates(self) -> dict[tuple[str, str, str], int]:
        """Return how often a create was executed, per integration, job and lower-case e-mail."""
        return self._server.creates()

    def duplicates(self) -> dict[tuple[str, str, str], int]:
        """Return those of `creates` that were executed more than once: nobody, if all is well."""
        return {key: count for key, count in self.creates().items() if count > 1}

    def stats(self) -> dict[str, Any]:
        """Return the sandbox's books: requests, answers by status, peak in flight, faults used, creates."""
        return self._server.stats()

    def reset(self) -> None:
        """Forget records, settings, faults and counters."""
        self._server.reset()


@pytest.fixture
def kombo_sandbox() -> Iterator[KomboSandbox]:
    """A server on a free port of 127.0.0.1, gone after the test."""
    with Sandbox() as server:
        yield KomboSandbox(server)
