"""What people write instead: a loop over a thread pool, with requests, urllib3 or the official SDK."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
import urllib3
from kombo import Kombo
from kombo.utils import BackoffStrategy, RetryConfig
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from bench.applicants import INTEGRATION, JOB, body
from kombo_sandbox.testing import API_KEY

Row = tuple[str, ...]
RETRIES = 3


def _headers(row: Row) -> dict[str, str]:
    return {"Authorization": f"Bearer {API_KEY}", "X-Integration-Id": row[1]}


def _pooled(rows: Sequence[Row], threads: int, send: Callable[[Row], Any]) -> int:
    """Send all rows; return how many failed. A bare loop logs a failure and goes on."""

    def succeeded(row: Row) -> bool:
        try:
            send(row)
        except Exception:  # noqa: BLE001 - whatever a library raises, the loop goes on
            return False
        return True

    with ThreadPoolExecutor(threads) as pool:
        return sum(not done for done in pool.map(succeeded, rows))


def requests_loop(url: str, rows: Sequence[Row], threads: int, timeout_seconds: float, *, retries: bool = False) -> int:
    """`requests.post` with a session for each thread."""
    local = threading.local()
    address = f"{url}/ats/jobs/{JOB}/applications"

    def send(row: Row) -> str:
        if not hasattr(local, "session"):
            local.session = requests.Session()
            if retries:
                local.session.mount("http://", HTTPAdapter(max_retries=_retry()))
        answer = local.session.post(address, json=body(row), headers=_headers(row), timeout=timeout_seconds)
        answer.raise_for_status()
        return str(answer.json()["data"]["id"])

    return _pooled(rows, threads, send)


def urllib3_loop(url: str, rows: Sequence[Row], threads: int, timeout_seconds: float, *, retries: bool = False) -> int:
    """`urllib3` with one pool for all threads."""
    address = f"{url}/ats/jobs/{JOB}/applications"
    pool = urllib3.PoolManager(maxsize=threads, retries=_retry() if retries else False, timeout=timeout_seconds)

    def send(row: Row) -> str:
        answer = pool.request(
            "POST", address, body=json.dumps(body(row)), headers={**_headers(row), "Content-Type": "application/json"}
        )
        if answer.status != 200:
            raise ValueError(answer.status)
        return str(answer.json()["data"]["id"])

    with pool:
        return _pooled(rows, threads, send)


def sdk_loop(url: str, rows: Sequence[Row], threads: int, timeout_seconds: float, *, retries: bool = False) -> int:
    """The official SDK, one client for all threads."""
    backoff = RetryConfig("backoff", BackoffStrategy(100, 1000, 1.5, 20_000), retry_connection_errors=True)
    sdk = Kombo(
        api_key=API_KEY,
        integration_id=INTEGRATION,
        server_url=url,
        timeout_ms=int(timeout_seconds * 1000),
        retry_config=backoff if retries else None,
    )

    def send(row: Row) -> str:
        fields: Any = body(row)["candidate"]
        made = sdk.ats.create_application(job_id=JOB, candidate=fields)
        return str(made.data.id)

    return _pooled(rows, threads, send)


def _retry() -> Retry:
    return Retry(total=RETRIES, backoff_factor=0.1, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None)
