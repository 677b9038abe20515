"""The run in the ledger's history: what past runs did is read from there, by integration."""

from __future__ import annotations

from collections.abc import Mapping

from kombo_provider.ledger import Ledger, runs, summary
from kombo_provider.report.numbers import RunReport

_CODES_KEPT = 5
_UNREMARKABLE = ("already_known", "changed_after_delivery", "not_yet", "without_key", "duplicate_keys")
"""Counts of rows that come back with every read; those without a key are `new_failures` when they are new."""


def keep(ledger: Ledger, source: str, report: RunReport) -> None:
    """Write the run into the ledger's history, a row for each integration that had anything in it."""
    run = report.run
    with ledger.transaction() as conn:
        staged = runs.staged(conn, source, run)
        requests = summary.requests(conn, source, run)
        latencies = summary.latencies_ms(conn, source, run)
        codes = summary.codes(conn, source, run)
        rows = []
        for name in sorted({*report.statuses, *report.new_failures, *requests, *_busy(staged)}):
            top_codes = list(codes.get(name, {}).items())[:_CODES_KEPT]  # the most frequent come first
            p50_ms, p95_ms = latencies.get(name, (None, None))
            answers_429 = 0
            if name in requests:
                answers_429 = requests[name].answers_429
            rows.append(
                runs.IntegrationRun(
                    integration_id=name,
                    counts={**staged.get(name, {}), "new_failures": report.new_failures.get(name, {})},
                    statuses=report.statuses.get(name, {}),
                    top_codes=dict(top_codes),
                    p50_ms=p50_ms,
                    p95_ms=p95_ms,
                    answers_429=answers_429,
                    peak_in_flight=report.peak_in_flight.get(name, 0),
                )
            )
        runs.complete(conn, source, report.kombo_conn_id, run, rows)


def _busy(staged: Mapping[str, Mapping[str, int]]) -> set[str]:
    """Leave out integrations whose rows only came back as they were: a fleet has a thousand of them each hour."""
    busy = set()
    for name, counts in staged.items():
        if set(counts).difference(_UNREMARKABLE):
            busy.add(name)
    return busy
