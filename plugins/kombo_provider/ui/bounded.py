"""Work on a ledger that may be slow or gone, within a time that the API server can spare."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
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
        self._limiters: dict[object, CapacityLimiter] = defaultdict(lambda: CapacityLimiter(threads))

    async def run(self, place: object, work: Callable[[], T]) -> T:
        """Return what the work returns.

        Raises LedgerError after the time is over. A thread that hangs is left behind, and counts until it ends.
        """
        try:
            with fail_after(self._seconds):
                return await run_sync(work, abandon_on_cancel=True, limiter=self._limiters[place])
        except TimeoutError:
            log.warning("%s did not answer within %s s", place, self._seconds)
            raise LedgerError(
                f"The ledger did not answer within {self._seconds:g} seconds. Look again later; runs are not concerned."
            ) from None
