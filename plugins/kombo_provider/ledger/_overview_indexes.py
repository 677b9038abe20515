"""Indexes that keep `overview`, `past_days` and `lane_view` under a second on a ledger of any size."""

from __future__ import annotations

from sqlalchemy import Index, text

from kombo_provider.ledger._run_tables import runs
from kombo_provider.ledger._tables import deliveries, sql_list
from kombo_provider.ledger.status import REFUSED

_REFUSED = text(f"status IN {sql_list(REFUSED)}")
_HELD = text("hold IS NOT NULL")

OVERVIEW_INDEXES = (
    Index(
        "kombo_deliveries_refused_codes",
        deliveries.c.source,
        deliveries.c.integration_id,
        deliveries.c.status,
        deliveries.c.error_code,
        deliveries.c.http_status,
        deliveries.c.applicant_id,
        postgresql_where=_REFUSED,
        sqlite_where=_REFUSED,
    ),
    Index(
        "kombo_deliveries_held",
        deliveries.c.source,
        deliveries.c.integration_id,
        postgresql_where=_HELD,
        sqlite_where=_HELD,
    ),
    Index("kombo_runs_lane", runs.c.source, runs.c.integration_id, runs.c.began_at),
)
