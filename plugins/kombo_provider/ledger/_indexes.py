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
    _index(
        "ready",
        *("kombo_conn_id", "integration_id", "source", "priority", "staged_at", "applicant_id"),
        where="status = 'ready'",
    ),
    _index("unsettled", "kombo_conn_id", "integration_id", "status", where=_UNSETTLED),
    _index("unsettled_of_source", "source", "integration_id", "status", where=_UNSETTLED),
    _index(
        "refused",
        *("source", "finished_at", "integration_id", "status"),
        where=f"status IN {sql_list(REFUSED)}",
    ),
    _index(
        "to_write_back",
        *("source", "integration_id", "applicant_id"),
        where="status = 'delivered' AND written_back_at IS NULL",
    ),
    _index("incomplete", "source", "finished_at", where=f"status = 'delivered' AND ({_INCOMPLETE})"),
    _index(
        "personal",
        *("source", "finished_at"),
        where=f"status NOT IN {sql_list(UNFINISHED)} AND ({_PERSONAL})",
    ),
    _index("by_person", "kombo_conn_id", "integration_id", "sent_at", where="resolution = 'human'"),
    _index("run", "run_id", "dag_id"),
    _index("application", "kombo_application_id", where="kombo_application_id IS NOT NULL"),
)
