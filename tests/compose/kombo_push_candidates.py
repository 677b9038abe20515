"""Airflow DAGs: what the stack's test sends to Kombo's other endpoint, copied beside the project's own."""

from kombo_provider.pipeline import kombo_push_dag, kombo_resolve_dag

SOURCE, TABLE, KEY = "compose.candidates", "candidates", "applicant_id"

push = kombo_push_dag(
    dag_id="kombo_push_candidates",
    source=SOURCE,
    extract_sql=(
        "SELECT applicant_id, integration_id, job_id, changed_at, candidate__first_name, candidate__last_name, "
        "candidate__email_address FROM candidates"
    ),
    endpoint="candidate",
    write_back_table=TABLE,
    write_back_key=KEY,
    schedule="@hourly",
    first_run="all",
)
resolve = kombo_resolve_dag(
    dag_id="kombo_resolve_candidates", source=SOURCE, write_back_table=TABLE, write_back_key=KEY
)
