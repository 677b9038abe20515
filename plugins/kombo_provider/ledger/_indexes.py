"""What keeps the ledger's statements flat: each reads through one of these, whatever the ledger's size."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, text

from kombo_provider.ledger._tables import EMPTIED, deliveries, sql_list
from kombo_provider.ledger.kombo_ids import ID_COLUMNS
from kombo_provider.ledger.status import REFUSED, UNFINISHED, UNSETTLED


def _index(name: str, *columns: str, where: str | None = None) -> Index:
    """Return an index of kombo_deliveries; only the rows that a condition of `_tables` selects, where it names one."""
    partial: dict[str, Any] = {}
    if where is not None:
        partial = {"postgresql_where": text(where), "sqlite_where": text(where)}
    return Index(f"kombo_deliveries_{name}", *(deliveries.c[column] for column in columns), **partial)


_UNSETTLED = f"status IN {sql_list(UNSETTLED)}"
_INCOMPLETE = " OR ".join(f"{name} IS NULL" for name in ID_COLUMNS)
_PERSONAL = " OR ".join(f"{name} IS NOT NULL" for name in EMPTIED)

INDEXES = (
    # Each claim: a lane's rows in the order in which they leave.
    _index(
        "ready",
        *("kombo_conn_id", "integration_id", "source", "priority", "staged_at", "applicant_id"),
        where="status = 'ready'",
    ),
    # Who holds a lane asks for what may be on the wire; the look-up, the questions and the report ask by source.
    _index("unsettled", "kombo_conn_id", "integration_id", "status", where=_UNSETTLED),
    _index("unsettled_of_source", "source", "integration_id", "status", where=_UNSETTLED),
    # The report's newest refused rows (`open_rows.refused`).
    _index(
        "refused",
        *("source", "finished_at", "integration_id", "status"),
        where=f"status IN {sql_list(REFUSED)}",
    ),
    # The write-back reads in key order, chunk after chunk.
    _index(
        "to_write_back",
        *("source", "integration_id", "applicant_id"),
        where="status = 'delivered' AND written_back_at IS NULL",
    ),
    # The look-up's rows that lack an id, as long as an ATS may still give one.
    _index("incomplete", "source", "finished_at", where=f"status = 'delivered' AND ({_INCOMPLETE})"),
    # Each run empties what is older than `keep_failed_payload_days`.
    _index(
        "personal",
        *("source", "finished_at"),
        where=f"status NOT IN {sql_list(UNFINISHED)} AND ({_PERSONAL})",
    ),
    # A request that a person decided about may run still, and counts as in flight (P4).
    _index("by_person", "kombo_conn_id", "integration_id", "sent_at", where="resolution = 'human'"),
    # The report's counts. The run before the DAG: of one DAG there are many runs.
    _index("run", "run_id", "dag_id"),
    # Whose application one is that Kombo shows.
    _index("application", "kombo_application_id", where="kombo_application_id IS NOT NULL"),
)
