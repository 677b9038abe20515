"""One sandbox for all tests, emptied before each; driven by the official SDK or by plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kombo import Kombo

from kombo_sandbox.testing import API_KEY, Sandbox
from tests.sandbox.wire_client import INTEGRATION, Api

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture(scope="session")
def sdk(running: Sandbox) -> Kombo:
    """The official client; its models refuse every answer that lacks a required key."""
    return Kombo(api_key=API_KEY, integration_id=INTEGRATION, server_url=running.url)


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    with Api(sandbox.url) as api:
        yield api
