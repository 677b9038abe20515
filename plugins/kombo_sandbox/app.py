"""From request to reply: key, rate limit, endpoint, integration, cap, fault, answer."""

from __future__ import annotations

import asyncio
import os
import random
import time
from typing import TYPE_CHECKING, Any

from kombo_sandbox.control import Control
from kombo_sandbox.creates import Creates, Draft
from kombo_sandbox.errors import ApiError
from kombo_sandbox.exchange import Headers, Reply, Request, json_reply
from kombo_sandbox.fault_effects import Afterwards, Instead, distort
from kombo_sandbox.faults import Facts, FaultBook, Rule
from kombo_sandbox.integrations import Integrations
from kombo_sandbox.journal import Journal
from kombo_sandbox.limits import Concurrency, RateLimit
from kombo_sandbox.reading import Reading
from kombo_sandbox.routes import Route, find_route
from kombo_sandbox.settings import Settings
from kombo_sandbox.stats import Stats
from kombo_sandbox.store import Store
from kombo_sandbox.syncs import Syncs
from kombo_sandbox.tracking import import_tracked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class App:
    """One sandbox: its settings, records and counters. Lives on one event loop, so nothing is locked."""

    def __init__(self, state: Path | None = None, at_start: dict[str, Any] | None = None) -> None:
        self._at_start = at_start or {}
        self._resets = 0
        self.settings = Settings()
        self.store = Store(self.settings, Journal(state))
        self.faults = FaultBook()
        self.faults.seed(self.settings.of("seed"))
        self.concurrency = Concurrency()
        self.stats = Stats(self.store, self.concurrency, self.faults)
        self._rate_limit = RateLimit()
        self._integrations = Integrations(self.settings)
        self._creates = Creates(self.store, self.settings)
        self._reading = Reading(self.store, self.settings)
        self._syncs = Syncs(self.store, self.settings)
        self._control = Control(self)
        self._latency = random.Random(0)
        if self._at_start:
            self.configure(self._at_start)

    def configure(self, change: Any) -> None:
        """Applies a partial update of the settings; see `settings.py`."""
        if not isinstance(change, dict):
            raise ApiError(None, "an object is expected", status=400)
        self.store.configure(change)
        if "seed" in change:
            self.faults.seed(change["seed"])

    def reset(self) -> None:
        """Forgets everything but the settings the server was started with.

        Requests in flight are cut off; those not yet executed never will be.
        """
        self._resets += 1
        self.store.reset()
        self.faults.reset()
        self.concurrency.reset()
        self.stats.reset()
        self._rate_limit.reset()
        if self._at_start:
            self.configure(self._at_start)

    def close(self) -> None:
        self.store.close()

    async def answer(self, request: Request) -> Reply:
        """The reply to any request; errors become Kombo's envelope."""
        resets = self._resets
        try:
            if request.segments[0] == "_sandbox":
                return json_reply(self._control.answer(request))
            reply = await self._answer_api(request)
        except ApiError as exc:
            reply = self._error(request, exc)
        except OSError as exc:
            reply = self._error(request, ApiError("PLATFORM.UNKNOWN_ERROR", f"The sandbox failed: {exc}"))
        if resets != self._resets:
            return Reply(0, then="close")
        if request.segments[0] != "_sandbox":
            self.stats.count_answer(reply.status, reply.then, reply.code)
        return reply

    async def _answer_api(self, request: Request) -> Reply:
        self.stats.requests_total += 1
        key = self._key(request)
        limit = self.settings.of("rate_limit")
        headers: Headers = ()
        if limit is not None:
            headers = self._rate_limit.count(key, limit["limit"], limit["window_seconds"], time.monotonic())
        try:
            reply = await self._answer_known_key(request, self.settings.of("keys")[key])
        except ApiError as exc:
            reply = self._error(request, exc)
        reply.add_headers(headers)
        return reply

    async def _answer_known_key(self, request: Request, environment_id: str) -> Reply:
        route = find_route(request)
        if route is None:
            raise ApiError(None, f"{request.method} {request.target} does not exist", status=404, title="Not found")
        self.stats.by_route[route.name] += 1
        integration_id = self._integration(route, request, environment_id)
        if route.is_create:
            return await self._act(route, request, integration_id)
        rule = self._fault(route, request, integration_id)
        if rule is not None and isinstance(rule.fault, Instead):
            limit = self.settings.of("concurrency_limit", integration_id)
            return rule.fault.answer(rule.parameters, request, limit)
        return await self._finish(rule, request, lambda: self._read(route, request, integration_id, environment_id))

    async def _act(self, route: Route, request: Request, integration_id: str) -> Reply:
        """A create, in flight from here until its handling ends, whatever the client does."""
        limit = self.settings.of("concurrency_limit", integration_id)
        try:
            with self.concurrency.slot(integration_id, limit):
                reply = await self._create(route, request, integration_id, limit)
        except ApiError as exc:
            reply = self._error(request, exc)
        reply.add_headers(self.concurrency.headers(integration_id, limit))
        return reply

    async def _create(self, route: Route, request: Request, integration_id: str, limit: int | None) -> Reply:
        rule = self._fault(route, request, integration_id)
        if rule is not None and isinstance(rule.fault, Instead):
            return rule.fault.answer(rule.parameters, request, limit)
        draft = error = None
        try:
            self._integrations.require_working(integration_id, action=True)
            draft = self._draft(route, request, integration_id)
        except ApiError as exc:
            error = exc
        request.forget_body()
        resets = self._resets
        latency, part = self._latency_seconds(integration_id), self.settings.of("execute_at", integration_id)
        if draft is not None and latency * part:
            await asyncio.sleep(latency * part)
        if resets != self._resets:
            return Reply(0, then="close")

        def execute() -> dict[str, Any]:
            if draft is None:
                raise error or ApiError("PLATFORM.UNKNOWN_ERROR", "nothing to execute")
            return self._creates.execute(draft, answer_is_lost=rule is not None and rule.loses_answer)

        return await self._finish(rule, request, execute, latency * (1 - part))

    async def _finish(
        self,
        rule: Rule | None,
        request: Request,
        execute: Callable[[], dict[str, Any]],
        then_wait_seconds: float = 0,
    ) -> Reply:
        payload: dict[str, Any] | None = None
        try:
            payload = execute()
            reply = json_reply(payload)
        except ApiError as exc:
            reply = self._error(request, exc)
        if payload is not None and then_wait_seconds:
            await asyncio.sleep(then_wait_seconds)
        if rule is None or not isinstance(rule.fault, Afterwards):
            return reply
        return await distort(rule.fault, rule.parameters, request, reply, payload or {})

    def _draft(self, route: Route, request: Request, integration_id: str) -> Draft:
        body = request.json_object()
        if route.endpoint == "create_application":
            return self._creates.prepare_application(integration_id, request.segments[3], body)
        return self._creates.prepare_candidate(integration_id, body)

    def _read(self, route: Route, request: Request, integration_id: str, environment_id: str) -> dict[str, Any]:
        if route.endpoint == "check_api_key":
            return {"status": "success", "data": {"environment_id": environment_id}}
        if route.endpoint == "integration":
            return self._integrations.show(integration_id)
        if route.endpoint == "force_sync":
            return self._syncs.start(integration_id, request.json_object())
        if route.endpoint == "import_tracked":
            return import_tracked(self.store, integration_id, request.json_object())
        if route.endpoint == "restrictions":
            return self._integrations.restrictions(integration_id)
        self._integrations.require_working(integration_id, action=False)
        lists = {
            "applications": self._reading.applications,
            "candidates": self._reading.candidates,
            "jobs": self._reading.jobs,
            "stages": self._reading.stages,
        }
        return lists[route.endpoint](integration_id, request.query)

    def _key(self, request: Request) -> str:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key not in self.settings.of("keys"):
            raise ApiError("PLATFORM.AUTHENTICATION_INVALID", "The API key is not valid.")
        return key

    def _integration(self, route: Route, request: Request, environment_id: str) -> str:
        if route.endpoint == "check_api_key":
            return ""
        named = request.segments[2] if route.endpoint == "integration" else request.headers.get("x-integration-id")
        return self._integrations.require(named, environment_id)

    def _fault(self, route: Route, request: Request, integration_id: str) -> Rule | None:
        if self.faults.empty:
            return None
        return self.faults.pick(self._facts(route, request, integration_id))

    def _facts(self, route: Route, request: Request, integration_id: str) -> Facts:
        path = "/" + "/".join(request.segments[1:])
        values: dict[str, tuple[str, ...]] = {
            "integration_id": (integration_id,),
            "method": (request.method,),
            "path": (path,),
        }
        if not route.is_create:
            values["email"] = (request.query.get("email", "").lower(),)
            return Facts(is_create=False, values=values)
        try:
            body = request.json_object()
            email = str(body["candidate"]["email_address"]).lower()
            in_path = route.endpoint == "create_application"
            job_id = request.segments[3] if in_path else str(body["application"]["job_id"])
            values |= {"email": (email,), "job_id": (job_id,)}
        except (ApiError, KeyError, TypeError):
            pass  # the request is refused for this later; a rule that asks for these does not match it
        return Facts(is_create=True, values=values)

    def _latency_seconds(self, integration_id: str) -> float:
        latency = self.settings.of("latency_seconds", integration_id)
        return self._latency.uniform(*latency) if isinstance(latency, list) else latency

    def _error(self, request: Request, error: ApiError) -> Reply:
        log_id = os.urandom(12).hex()
        shown = {"code": error.code, "title": error.title, "message": error.message}
        host = request.headers.get("host", "localhost")
        envelope = {"status": "error", "error": {**shown, "log_url": f"http://{host}/_sandbox/log/{log_id}"}}
        entry = {"method": request.method, "target": request.target, "status": error.status, **shown}
        self.stats.keep_log(log_id, {**entry, "integration_id": request.headers.get("x-integration-id")})
        return json_reply(envelope, error.status, error.headers, code=error.code)
