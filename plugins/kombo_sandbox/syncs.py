"""`POST /force-sync`: what was waiting for a sync becomes visible to GET."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from kombo_sandbox.checks import an_object, one_of

if TYPE_CHECKING:
    from kombo_sandbox.settings import Settings
    from kombo_sandbox.store import Store

_BODY = an_object({"type": one_of("FULL", "DELTA")})


class Syncs:
    """At most one running sync per integration and type."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._running: dict[tuple[str, str], str] = {}

    def start(self, integration_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Starts one, or names the one that is running; `sync_seconds` is how long it takes."""
        _BODY(body, "", False)
        key = (integration_id, body.get("type", "FULL"))
        running = self._running.get(key)
        sync_id = running or os.urandom(12).hex()
        if running is None:
            self._schedule(key, sync_id)
        data = {"already_queued": running is not None, "sync_id": sync_id, "type": key[1]}
        return {"status": "success", "data": data}

    def _schedule(self, key: tuple[str, str], sync_id: str) -> None:
        seconds = self._settings.of("sync_seconds", key[0])
        if not seconds:
            self._store.sync(key[0])
            return
        self._running[key] = sync_id
        asyncio.get_running_loop().call_later(seconds, self._finish, key)

    def _finish(self, key: tuple[str, str]) -> None:
        self._running.pop(key, None)
        self._store.sync(key[0])
