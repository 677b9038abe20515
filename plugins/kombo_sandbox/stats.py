"""What happened since the server started: `GET /_sandbox/stats`."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kombo_sandbox.faults import FaultBook
    from kombo_sandbox.limits import Concurrency
    from kombo_sandbox.store import Store

KEPT_LOG_ENTRIES = 2000  # a long run against scripted errors would otherwise fill the memory


class Stats:
    """Counts of requests and answers, and the log entries that error answers link to.

    `creates` comes from the records, so it survives a restart; all else counts this process.
    """

    def __init__(self, store: Store, concurrency: Concurrency, faults: FaultBook) -> None:
        self._store = store
        self._concurrency = concurrency
        self._faults = faults
        self.reset()

    def reset(self) -> None:
        self.requests_total = 0
        self.by_route: Counter[str] = Counter()
        self.by_status: Counter[str] = Counter()
        self.by_code: Counter[str] = Counter()
        self.log: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def count_answer(self, status: int, then: str, code: str | None) -> None:
        """`no_answer` and `reset` stand for answers that were withheld."""
        if status:
            self.by_status[str(status)] += 1
        elif then == "reset":
            self.by_status["reset"] += 1
        else:
            self.by_status["no_answer"] += 1
        if code:
            self.by_code[code] += 1

    def keep_log(self, log_id: str, entry: dict[str, Any]) -> None:
        self.log[log_id] = entry
        if len(self.log) > KEPT_LOG_ENTRIES:
            self.log.popitem(last=False)

    def as_json(self, *, summary: bool) -> dict[str, Any]:
        creates = self._store.creates
        shown: dict[str, Any] = {
            "creates_total": creates.total(),
            "creates_distinct": len(creates),
            "duplicates": sum(count - 1 for count in creates.values()),
            "requests_total": self.requests_total,
            "by_route": dict(self.by_route),
            "by_status": dict(self.by_status),
            "by_code": dict(self.by_code),
            "in_flight": {key: count for key, count in self._concurrency.in_flight.items() if count},
            "peak_in_flight": dict(self._concurrency.peak),
            "concurrency_rejected": dict(self._concurrency.rejected),
            "faults_used": dict(self._faults.used),
        }
        if not summary:
            shown["creates"] = [
                {"integration_id": integration_id, "job_id": job_id, "email": email, "count": count}
                for (integration_id, job_id, email), count in creates.items()
            ]
        return shown
