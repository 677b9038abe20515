"""The production shape does its job while it is taken apart: 1,000 applicants, 3 lanes, two Celery workers.

One worker is killed, one shut down warm, PostgreSQL and Redis are started again, and Kombo answers 503 for a while.
Afterwards nobody was created twice, by the sandbox's own count, the ledger knows of everyone, and none is left over but
those whom the 503 left in doubt, which a person is asked about.
Needs the stack of docker-compose.yaml, with the profile `sandbox`: `make test-compose` starts it and runs this.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

APPLICANTS = 1_000
DAG_ID, RESOLVE = "kombo_push_applicants", "kombo_resolve_in_doubt"
UNAVAILABLE = 40
"""So many creates are answered by a load balancer's 503."""
MINUTES = 25
FILL = f"""
TRUNCATE applicants;
INSERT INTO applicants (applicant_id, integration_id, job_id, changed_at, candidate__first_name, candidate__last_name,
                        candidate__email_address)
SELECT 'C-' || n, (ARRAY['greenhouse:compose', 'lever:compose', 'workday:compose'])[1 + n % 3], 'job-' || n % 7,
       now() - interval '1 hour', 'Ada', 'Example ' || n, 'compose' || n || '@example.com'
FROM generate_series(1, {APPLICANTS}) AS n
"""


def compose(*arguments: str, check: bool = True) -> str:
    """Run `docker compose` with the sandbox's profile; return what it printed."""
    done = subprocess.run(["docker", "compose", "--profile", "sandbox", *arguments], capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"docker compose {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def sql(statement: str, *, check: bool = True) -> list[list[str]]:
    """Run a statement in the warehouse; return its rows as text. Nothing comes from a server that is just starting."""
    psql = ("psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-U", "airflow", "-d", "warehouse", "-c", statement)
    printed = compose("exec", "-T", "postgres", *psql, check=check)
    return [line.split("|") for line in printed.splitlines()]


def airflow(*arguments: str) -> str:
    """Run an `airflow` command beside the scheduler."""
    return compose("exec", "-T", "scheduler", "airflow", *arguments)


def sandbox(path: str, body: Any = None) -> Any:
    """Ask the sandbox, from inside its container: its port is not published."""
    url = f"http://localhost:8765/_sandbox/{path}"
    sent = () if body is None else ("-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(body))
    return json.loads(compose("exec", "-T", "sandbox", "curl", "-fsS", *sent, url) or "null")


def by_status() -> dict[str, int]:
    """Return how many deliveries have each status; nothing while there is no ledger or no server."""
    found = sql("SELECT status, count(*) FROM kombo_deliveries GROUP BY 1", check=False)
    return {status: int(count) for status, count in found}


def until_settled(wanted: int, deadline: float) -> None:
    """Wait until so many are delivered or in doubt; what was stopped is gone on with by further runs."""
    triggered = time.monotonic()
    while sum(count for status, count in by_status().items() if status in ("delivered", "in_doubt")) < wanted:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{wanted} of {APPLICANTS} were not settled in {MINUTES} minutes: {by_status()}")
        if time.monotonic() - triggered > 60:
            triggered = time.monotonic()
            for dag_id in (RESOLVE, DAG_ID):
                airflow("dags", "trigger", dag_id)
        time.sleep(2)
    print(f"{time.strftime('%H:%M:%S')} {by_status()}", flush=True)


def workers() -> list[str]:
    """Return the containers of the workers that run."""
    return compose("ps", "-q", "worker").split()


def main() -> int:
    """Do the job; return 0 if every promise was kept."""
    deadline = time.monotonic() + MINUTES * 60
    sql(FILL)
    sandbox("config", {"latency_seconds": 3})
    for dag_id in (RESOLVE, DAG_ID):
        airflow("dags", "unpause", dag_id)
    until_settled(100, deadline)
    first, second = workers()
    subprocess.run(["docker", "kill", first], check=True, capture_output=True)
    until_settled(200, deadline)
    subprocess.run(["docker", "start", first], check=True, capture_output=True)
    subprocess.run(["docker", "stop", second], check=True, capture_output=True)
    until_settled(400, deadline)
    subprocess.run(["docker", "start", second], check=True, capture_output=True)
    compose("restart", "postgres")
    until_settled(500, deadline)
    compose("restart", "redis")
    until_settled(600, deadline)
    sandbox("faults", [{"kind": "html", "count": UNAVAILABLE}])
    until_settled(APPLICANTS, deadline)
    return judge()


def judge() -> int:
    """Compare the sandbox's books with the ledger and the target."""
    creates = [row["count"] for row in sandbox("stats")["creates"] if row["integration_id"].endswith(":compose")]
    [[with_ids]] = sql("SELECT count(kombo_application_id) FROM applicants")
    [[keys]] = sql("SELECT count(*) FROM kombo_deliveries WHERE applicant_id LIKE 'C-%'")
    found = by_status()
    in_doubt = found.get("in_doubt", 0)
    kept = {
        "nobody created twice": set(creates) == {1},
        "everybody delivered was created": APPLICANTS - in_doubt <= len(creates) <= APPLICANTS,
        "each in the ledger once": int(keys) == APPLICANTS,
        "none is left over but what the 503 left in doubt": set(found) <= {"delivered", "in_doubt"},
        "as few in doubt as there were such answers": in_doubt <= UNAVAILABLE,
    }
    print(json.dumps({**kept, "creates": sum(creates), "rows with their ids so far": int(with_ids)}, indent=2))
    return 0 if all(kept.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
