"""Work on a ledger that may be slow or gone, within a time that the API server can spare."""

from __future__ import annotations

import logging
import math
from asyncio import get_running_loop
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter, fail_after
from anyio.to_thread import run_sync

from kombo_provider.errors import LedgerError

log = logging.getLogger(__name__)

T = TypeVar("T")


class BoundedWork:
    """Threads of its own for each place, so that one ledger that hangs holds up neither others nor the API server."""

    def __init__(self, *, seconds: float = 5.0, threads: int = 4) -> None:
        self._seconds = seconds
        self._any_number = CapacityLimiter(math.inf)
        self._limiters: dict[object, CapacityLimiter] = defaultdict(lambda: CapacityLimiter(threads))

    async def run(self, place: object, work: Callable[[], T]) -> T:
        """Return what the work returns.

        Raises LedgerError after the time is over. A thread that hangs is left behind, and counts until it ends.
        """
        limiter, token = self._limiters[place], object()
        give_back = partial(get_running_loop().call_soon_threadsafe, limiter.release_on_behalf_of, token)

        def counted() -> T:
            try:
                return work()
            finally:
                with suppress(RuntimeError):  # the server has ended meanwhile
                    give_back()

        try:
            with fail_after(self._seconds):
                await limiter.acquire_on_behalf_of(token)
                # A limiter given to run_sync would forget the thread at the moment it is left behind.
                return await run_sync(counted, abandon_on_cancel=True, limiter=self._any_number)
        except TimeoutError:
            log.warning("%s did not answer within %s s", place, self._seconds)
            raise LedgerError(
                f"The ledger did not answer within {self._seconds:g} seconds. Look again later; runs are not concerned."
            ) from None
