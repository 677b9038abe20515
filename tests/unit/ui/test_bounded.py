"""A ledger that hangs costs the API server a few threads, and nobody else anything."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress

import pytest

from kombo_provider.errors import LedgerError
from kombo_provider.ui.bounded import BoundedWork
from tests.waiting import PATIENCE_SECONDS


def test_a_ledger_that_hangs_is_given_up_and_another_is_answered_meanwhile() -> None:
    released = threading.Event()
    work = BoundedWork(seconds=2.0, threads=2)

    async def look() -> str:
        hanging = [asyncio.create_task(work.run("slow", released.wait)) for _ in range(20)]
        try:
            answer = await work.run("healthy", lambda: "seen")
            results = await asyncio.gather(*hanging, return_exceptions=True)
            assert {type(result) for result in results} == {LedgerError}
            with pytest.raises(LedgerError, match="did not answer within"):
                await work.run("slow", lambda: "its threads hang still")
        finally:
            released.set()
        for _ in range(600):  # until its threads have noticed
            with suppress(LedgerError):
                assert await work.run("slow", lambda: "its threads are back") == "its threads are back"
                return answer
            await asyncio.sleep(0.1)
        raise AssertionError("its threads never came back")

    began, threads = time.monotonic(), threading.active_count()
    assert asyncio.run(look()) == "seen"
    assert time.monotonic() - began < PATIENCE_SECONDS
    assert threading.active_count() - threads < 10
