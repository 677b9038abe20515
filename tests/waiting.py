"""How tests wait: for a condition, as long as a slow machine with others on it may need, and never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
"""Of everything that has to happen; a busy machine may need them."""


def wait_until(condition: Callable[[], object], *, every_seconds: float = 0.01) -> None:
    """Poll until the condition holds; AssertionError where it does not within a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"did not happen within {PATIENCE_SECONDS:g} s"
        time.sleep(every_seconds)
