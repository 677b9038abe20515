"""The sandbox for tests: `with Sandbox() as sandbox:` in a thread, `SandboxProcess` as a process.

Both have `url` (with `/v1`), and the controls of `Controls`: config, faults, stats, creates, sync, reset.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kombo_sandbox.app import App
from kombo_sandbox.errors import ApiError, StateFileError
from kombo_sandbox.server import Server

API_KEY = "sandbox-key"
_ROOT = Path(__file__).parents[2]


class Controls:
    """What a test asks of a running sandbox; raises ValueError for what the sandbox refuses."""

    url: str

    def config(self, **change: Any) -> dict[str, Any]:
        """Changes settings, see `settings.py`; returns all of them."""
        if not change:
            return self._call("GET", "config")  # type: ignore[no-any-return]
        return self._call("POST", "config", change)  # type: ignore[no-any-return]

    def faults(self, rules: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        """Adds rules, see `faults.py`; returns those with budget left."""
        if rules is None:
            return self._call("GET", "faults")  # type: ignore[no-any-return]
        return self._call("POST", "faults", rules)  # type: ignore[no-any-return]

    def clear_faults(self) -> None:
        self._call("DELETE", "faults")

    def stats(self, *, summary: bool = False) -> dict[str, Any]:
        what = "stats"
        if summary:
            what = "stats?summary=1"  # without the list of creates, which is long after a long run
        return self._call("GET", what)  # type: ignore[no-any-return]

    def creates(self) -> dict[tuple[str, str, str], int]:
        """How often a create was executed, per (integration, job as first named, lower-case e-mail)."""
        rows = self.stats()["creates"]
        return {(row["integration_id"], row["job_id"], row["email"]): row["count"] for row in rows}

    def change(self, integration_id: str, **change: Any) -> None:
        """Changes a record in the ATS: `application_id=...`, and `outcome`, `stage_id`, `deleted`, ..."""
        self._call("POST", "change", {"integration_id": integration_id, **change})

    def sync(self, integration_id: str, *, api_key: str = API_KEY) -> None:
        """`POST /force-sync`"""
        headers = {"Authorization": f"Bearer {api_key}", "X-Integration-Id": integration_id}
        self._request("POST", "/v1/force-sync", {}, headers)

    def reset(self) -> None:
        """Forgets records, settings, faults and counters."""
        self._call("POST", "reset")

    def _call(self, method: str, what: str, body: Any = None) -> Any:
        return self._request(method, f"/_sandbox/{what}", body, {})

    def _request(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        try:
            content = None
            if body is not None:
                content = json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            payload = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(payload["error"]["message"])
        return payload


class Sandbox(Controls):
    """The server in a thread of this process, on a free port unless one is given."""

    def __init__(self, *, state: Path | None = None, port: int = 0, host: str = "127.0.0.1", **config: Any) -> None:
        self._state = state
        self._host = host
        self._port = port
        self._config = config
        self._loop = asyncio.new_event_loop()
        self._server: Server | None = None
        self._failure: Exception | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="kombo-sandbox", daemon=True)

    def __enter__(self) -> Sandbox:
        self._thread.start()
        self._ready.wait()
        if self._failure or self._server is None:
            raise RuntimeError("the sandbox did not start") from self._failure
        self.url = f"http://{self._host}:{self._server.port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        try:
            self._server = await self._start()
        except (OSError, ApiError, StateFileError) as exc:
            self._failure = exc
            return
        finally:
            self._ready.set()
        await self._server.run()

    async def _start(self) -> Server:
        app = App(self._state, self._config)
        server = Server(app, self._host, self._port)
        try:
            await server.start()
        except OSError:
            app.close()
            raise
        return server


class SandboxProcess(Controls):
    """The server as a process of its own: costs this process no CPU, and can be killed."""

    def __init__(
        self,
        *,
        state: Path | None = None,
        port: int = 0,
        latency_seconds: float | None = None,
        max_idle_seconds: float = 3600,
        **config: Any,
    ) -> None:
        self._state = state
        self._port = port
        self._latency_seconds = latency_seconds
        self._max_idle_seconds = max_idle_seconds
        self._config = config
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> SandboxProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it; after `kill` or `stop` again on the same port with the same state file."""
        self.process = subprocess.Popen(  # noqa: S603 -- arguments from the test
            self._command(), cwd=_ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(_ROOT)}
        )
        line = ""
        if self.process.stdout:
            line = self.process.stdout.readline()  # its first line names the port, once it listens
        if "http://" not in line:
            self.stop()
            raise RuntimeError("the sandbox did not start; its message is on stderr")
        self.url = line[line.index("http://") :].strip()
        self._port = urlsplit(self.url).port or 0
        if self._config:
            self.config(**self._config)

    def kill(self) -> None:
        """SIGKILL: no answer, no clean-up."""
        if self.process:
            self.process.kill()
            self._wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        return self._wait()

    def _wait(self) -> int:
        if self.process is None:
            return 0
        code = self.process.wait(timeout=60)
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None
        return code

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "kombo_sandbox", "--port", str(self._port)]
        command += ["--max-idle-seconds", str(self._max_idle_seconds)]
        if self._state is not None:
            command += ["--state", str(self._state)]
        if self._latency_seconds is not None:
            command += ["--latency", str(self._latency_seconds)]
        return command
