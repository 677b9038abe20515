"""The tables and views of what Kombo's reads brought back, as the newest migration leaves them.

Columns that hold one value of a record bear Kombo's own name for it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, Table, Text, text

from kombo_provider.ledger._tables import UtcDateTime, deliveries, metadata

applications = Table(
    "kombo_applications",
    metadata,
    Column("integration_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("remote_id", Text),
    Column("candidate_id", Text),
    Column("candidate_remote_id", Text),
    Column("job_id", Text),
    Column("job_remote_id", Text),
    Column("job_name", Text),
    Column("current_stage_id", Text),
    Column("current_stage_remote_id", Text),
    Column("current_stage_name", Text),
    Column("outcome", Text),
    Column("rejected_at", UtcDateTime),
    Column("hired_at", UtcDateTime),
    Column("changed_at", UtcDateTime),
    Column("remote_created_at", UtcDateTime),
    Column("remote_updated_at", UtcDateTime),
    Column("remote_deleted_at", UtcDateTime),
    Column("synced_at", UtcDateTime, nullable=False),
    Column("rejection_reason_name", Text),
    Column("custom_fields", Text),
    Column("integration_fields", Text),
)

candidates = Table(
    "kombo_candidates",
    metadata,
    Column("integration_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("remote_id", Text),
    Column("changed_at", UtcDateTime),
    Column("remote_created_at", UtcDateTime),
    Column("remote_updated_at", UtcDateTime),
    Column("remote_deleted_at", UtcDateTime),
    Column("synced_at", UtcDateTime, nullable=False),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("company", Text),
    Column("title", Text),
    Column("email_addresses", Text),
    Column("phone_numbers", Text),
    Column("social_media", Text),
    Column("location", Text),
    Column("custom_fields", Text),
    Column("integration_fields", Text),
    Column("tags", Text),
)

PERSONAL = {
    applications.name: ("rejection_reason_name", "custom_fields", "integration_fields"),
    candidates.name: (
        "first_name",
        "last_name",
        "company",
        "title",
        "email_addresses",
        "phone_numbers",
        "social_media",
        "location",
        "custom_fields",
        "integration_fields",
        "tags",
    ),
}
"""Columns that are filled only where a pipeline says `sync_personal_data=True`; lists and objects are JSON text."""

forgotten = Table(
    "kombo_forgotten",
    metadata,
    Column("integration_id", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

jobs = Table(
    "kombo_jobs",
    metadata,
    Column("integration_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("remote_id", Text),
    Column("name", Text),
    Column("job_code", Text),
    Column("status", Text),
    Column("visibility", Text),
    Column("employment_type", Text),
    Column("post_url", Text),
    Column("opened_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Column("changed_at", UtcDateTime),
    Column("remote_created_at", UtcDateTime),
    Column("remote_updated_at", UtcDateTime),
    Column("remote_deleted_at", UtcDateTime),
    Column("synced_at", UtcDateTime, nullable=False),
)
Index("kombo_jobs_remote", jobs.c.integration_id, jobs.c.remote_id)

job_stages = Table(
    "kombo_job_stages",
    metadata,
    Column("integration_id", Text, primary_key=True),
    Column("job_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("remote_id", Text),
    Column("name", Text),
    Column("status", Text),
    Column("position", Integer),
)

job_questions = Table(
    "kombo_job_questions",
    metadata,
    Column("integration_id", Text, primary_key=True),
    Column("job_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("remote_id", Text),
    Column("title", Text),
    Column("description", Text),
    Column("category", Text),
    Column("type", Text),
    Column("required", SmallInteger),
    Column("position", Integer),
    Column("format", Text),
)

syncs = Table(
    "kombo_syncs",
    metadata,
    Column("kombo_conn_id", Text, primary_key=True),
    Column("integration_id", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("watermark", UtcDateTime),
    Column("full_at", UtcDateTime),
    Column("scope", Text),
    Column("personal", SmallInteger, nullable=False, server_default="0"),
    Column("page_size", Integer),
    Column("began_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("failed_since", UtcDateTime),
    Column("code", Text),
    Column("log_url", Text),
)

tracked = Table(
    "kombo_tracked",
    metadata,
    Column("integration_id", Text, primary_key=True),
    Column("application_remote_id", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("code", Text),
)

_KNOWN_TO_ATS = "kombo_application_id IS NULL AND kombo_application_remote_id IS NOT NULL"
Index(
    "kombo_deliveries_remote",
    deliveries.c.integration_id,
    deliveries.c.kombo_application_remote_id,
    postgresql_where=text(_KNOWN_TO_ATS),
    sqlite_where=text(_KNOWN_TO_ATS),
)
Index(
    "kombo_deliveries_candidate",
    deliveries.c.kombo_candidate_id,
    postgresql_where=text("kombo_candidate_id IS NOT NULL"),
    sqlite_where=text("kombo_candidate_id IS NOT NULL"),
)

FUNNEL_VIEW = "kombo_funnel"
FUNNEL_STAGES_VIEW = "kombo_funnel_stages"

_WEEK = {
    "sqlite": "date({at}, 'weekday 0', '-6 days')",
    "postgresql": "CAST(date_trunc('week', {at} AT TIME ZONE 'UTC') AS date)",
}
_DAYS = {
    "sqlite": "julianday({until}) - julianday({since})",
    "postgresql": "CAST(EXTRACT(EPOCH FROM {until} - {since}) / 86400.0 AS double precision)",
}

# One row for each delivery that went out. A delivered one stands in exactly one place, so the counts add up. Of jobs
# with the same id in the ATS, such as those of a customer who connected anew, one counts.
_SENT = """
SELECT d.source, d.integration_id,
       COALESCE(a.job_id, j.id, r.id, d.job_id) AS job_id,
       COALESCE(a.job_name, j.name, r.name) AS job_name,
       {week} AS week,
       d.status, a.current_stage_id AS stage_id, a.current_stage_name AS stage_name,
       CASE WHEN d.status <> 'delivered' THEN NULL
            WHEN a.id IS NULL THEN 'unseen'
            WHEN a.outcome = 'HIRED' THEN 'hired'
            WHEN a.outcome = 'DECLINED' THEN 'declined'
            WHEN a.remote_deleted_at IS NOT NULL THEN 'deleted'
            ELSE 'open' END AS place,
       CASE WHEN a.outcome = 'HIRED' THEN {days} END AS days_to_hire
FROM {deliveries} d
LEFT JOIN {applications} a
       ON a.integration_id = d.integration_id AND a.id = d.kombo_application_id AND d.status = 'delivered'
LEFT JOIN {jobs} j ON j.integration_id = d.integration_id AND j.id = d.job_id
LEFT JOIN {jobs} r ON r.integration_id = d.integration_id AND r.id = (
       SELECT same.id FROM {jobs} same
       WHERE same.integration_id = d.integration_id
         AND same.remote_id = CASE WHEN SUBSTR(d.job_id, 1, 7) = 'remote:' THEN SUBSTR(d.job_id, 8) END
       ORDER BY CASE WHEN same.remote_deleted_at IS NULL THEN 0 ELSE 1 END, same.remote_created_at DESC, same.id
       LIMIT 1)
WHERE d.first_sent_at IS NOT NULL OR d.status = 'delivered'
"""
_SENT_AT = "COALESCE(d.first_sent_at, a.remote_created_at, d.finished_at)"

_FUNNEL = """
SELECT source, integration_id, job_id, MAX(job_name) AS job_name, week,
       COUNT(*) AS sent,
       SUM(CASE WHEN status = 'delivered' THEN 1 ELSE 0 END) AS delivered,
       SUM(CASE WHEN place = 'unseen' THEN 1 ELSE 0 END) AS unseen,
       SUM(CASE WHEN place = 'open' THEN 1 ELSE 0 END) AS open,
       SUM(CASE WHEN place = 'hired' THEN 1 ELSE 0 END) AS hired,
       SUM(CASE WHEN place = 'declined' THEN 1 ELSE 0 END) AS declined,
       SUM(CASE WHEN place = 'deleted' THEN 1 ELSE 0 END) AS deleted,
       AVG(days_to_hire) AS days_to_hire
FROM ({sent}) s
GROUP BY source, integration_id, job_id, week
"""
_FUNNEL_STAGES = """
SELECT source, integration_id, job_id, MAX(job_name) AS job_name, week,
       stage_id, MAX(stage_name) AS stage_name, COUNT(*) AS applications
FROM ({sent}) s
WHERE place = 'open'
GROUP BY source, integration_id, job_id, week, stage_id
"""


def views(dialect: str, **tables: str) -> dict[str, str]:
    """Return the queries of both views by name, for the ledger's database and the tables' qualified names."""
    week = _WEEK[dialect].format(at=_SENT_AT)
    days = _DAYS[dialect].format(until="a.hired_at", since=_SENT_AT)
    sent = _SENT.format(week=week, days=days, **tables)
    return {FUNNEL_VIEW: _FUNNEL.format(sent=sent), FUNNEL_STAGES_VIEW: _FUNNEL_STAGES.format(sent=sent)}
