"""`airflow kombo failed`: what of a DAG's sources is not delivered, with field or code and never a value."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from kombo_provider.cli.ledgers import LedgerPlace, failures_at_each, ledger_places, refuse_unreached
from kombo_provider.cli.output import rendered
from kombo_provider.cli.speaking import speaking
from kombo_provider.ledger import Hold, Ledger, Status, open_rows, passed_over
from kombo_provider.ledger.open_rows import OpenRow
from kombo_provider.ledger.passed_over import Kind

_COLUMNS = ("source", "integration_id", "applicant_id", "status", "why", "since", "log_url")
_WORDS = {
    Hold.APPROVAL: "held for approval: trigger with confirm_rows",
    Hold.HAS_ID: "held: its row of the target has an application id that no delivery bears",
    Hold.UNDECIDED: "its run has not ended, or was killed: the next run decides",
    Status.IN_DOUBT: "no answer that proves anything: it is looked up, or a person is asked",
    Status.SENDING: "on the wire",
    "waiting": "waits for its turn",
}


@speaking
def failed(args: Namespace) -> None:
    """`airflow kombo failed DAG_ID`."""
    rows: list[dict[str, Any]] = []

    def collect(ledger: Ledger, place: LedgerPlace) -> None:
        for source in sorted(place.sources):
            rows.extend(_rows(ledger, source))

    unreached = failures_at_each(ledger_places(args.dag_id), collect)
    if rows or unreached or args.output != "table":
        print(rendered(rows, _COLUMNS, args.output))
    else:
        print("All that the ledger knows of is delivered, or was taken out.")
    refuse_unreached(unreached)


def _rows(ledger: Ledger, source: str) -> Iterator[dict[str, Any]]:
    with ledger.transaction() as conn:
        for row in open_rows.listed(conn, source):
            told = (row.integration_id, row.applicant_id, row.what, _why(row), row.since, row.log_url)
            yield dict(zip(_COLUMNS, (source, *told), strict=True))
        for count in passed_over.known(conn, source):
            why: str | None = "another row has its key"
            if count.kind is Kind.WITHOUT_KEY:
                why = count.problem
            of_kind = (count.integration_id, None, count.kind, f"{count.rows} rows: {why}", count.since, None)
            yield dict(zip(_COLUMNS, (source, *of_kind), strict=True))


def _why(row: OpenRow) -> str:
    fields = "; ".join(f"{field}: {problem}" for field, problem in row.fields())
    # A hold says more than the status, which is `ready` for all rows that wait.
    return fields or row.code or _WORDS.get(row.hold or row.what, row.what)
