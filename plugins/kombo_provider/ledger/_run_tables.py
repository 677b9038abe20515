"""The ledger's tables about runs: what past ones did, what was told, which rows never entered it, and who applied."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, text

from kombo_provider.ledger._tables import UtcDateTime, metadata

runs = Table(
    "kombo_runs",
    metadata,
    Column("source", Text, primary_key=True),
    Column("dag_id", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("integration_id", Text, primary_key=True),
    Column("kombo_conn_id", Text, nullable=False),
    Column("counts", Text),
    Column("statuses", Text),
    Column("top_codes", Text),
    Column("p50_ms", Integer),
    Column("p95_ms", Integer),
    Column("answers_429", Integer),
    Column("peak_in_flight", Integer),
    Column("began_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
)
Index("kombo_runs_ended", runs.c.source, runs.c.ended_at)

alerts = Table(
    "kombo_alerts",
    metadata,
    Column("alert_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("kombo_conn_id", Text, nullable=False),
    Column("integration_id", Text, nullable=False),
    Column("condition", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("told_at", UtcDateTime),
    Column("resolved_at", UtcDateTime),
    Column("resolution_told_at", UtcDateTime),
    Column("dag_id", Text),
    Column("due_at", UtcDateTime),
    Column("told", Text),
    Column("quiet_since", UtcDateTime),
    Column("clear_since", UtcDateTime),
    Column("failed_at", UtcDateTime),
    Column("claimed_by", Text),
    Column("claimed_until", UtcDateTime),
)
ALERT_SUBJECT = (
    alerts.c.kombo_conn_id,
    alerts.c.condition,
    alerts.c.source,
    alerts.c.integration_id,
    alerts.c.dag_id,
)
_IS_ON, _IS_LIVE = text("resolved_at IS NULL"), text("resolution_told_at IS NULL")
ALERT_INDEXES = (
    Index("kombo_alerts_on", *ALERT_SUBJECT, unique=True, postgresql_where=_IS_ON, sqlite_where=_IS_ON),
    Index("kombo_alerts_live", alerts.c.kombo_conn_id, postgresql_where=_IS_LIVE, sqlite_where=_IS_LIVE),
    Index("kombo_alerts_raised", alerts.c.kombo_conn_id, alerts.c.raised_at),
)
"""A condition is on once at a time, whoever notices it; what is over and told is looked at no more."""

dry_run = Table(
    "kombo_dry_run",
    metadata,
    Column("source", Text, nullable=False),
    Column("integration_id", Text, nullable=False),
    Column("applicant_id", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("becomes", Text),
    Column("problems", Text),
    Column("at", UtcDateTime, nullable=False),
    Column("dag_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("email_sha256", Text),
)
Index("kombo_dry_run_source", dry_run.c.source)

passed_over = Table(
    "kombo_passed_over",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("integration_id", Text, nullable=False),
    Column("problem", Text),
    Column("changed_at", UtcDateTime),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("first_dag_id", Text, nullable=False),
    Column("first_run_id", Text, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
)
Index("kombo_passed_over_first", passed_over.c.source, passed_over.c.first_run_id, passed_over.c.first_dag_id)

same_person = Table(
    "kombo_same_person",
    metadata,
    Column("source", Text, primary_key=True),
    Column("integration_id", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("applicant_id", Text, nullable=False),
)
Index("kombo_same_person_key", same_person.c.source, same_person.c.integration_id, same_person.c.applicant_id)

questions = Table(
    "kombo_questions",
    metadata,
    Column("source", Text, primary_key=True),
    Column("integration_id", Text, primary_key=True),
    Column("about", Text, primary_key=True),
    Column("asked_by", Text),
    Column("open_until", UtcDateTime),
    Column("ask_after", UtcDateTime),
    Column("rows_told", Integer),
)
