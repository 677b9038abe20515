"""The production shape does its job while it is taken apart: 1,000 applicants, 3 lanes, two Celery workers.

One worker is killed, one shut down warm, PostgreSQL and Redis are started again, and Kombo answers 503 for a while.
Afterwards nobody was created twice, by the sandbox's own count, the ledger knows of everyone, and none is left over but
those whom the 503 left in doubt, which a person is asked about. The warm shutdown leaves nobody in doubt: its tasks
wait for what is on the wire, and another worker goes on. All of it once with each of Kombo's endpoints.
Needs the stack of docker-compose.yaml, with the profile `sandbox`: `make test-compose` starts it and runs this.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.compose.stack import airflow, compose, docker, sandbox, sql, workers

APPLICANTS = 1_000
LATENCY_SECONDS = 10
UNAVAILABLE = 20
"""At most so many creates are answered by a load balancer's 503."""
MINUTES = 25
OTHER_DAGS = Path(__file__).with_name("kombo_push_candidates.py")


@dataclass(frozen=True)
class Push:
    """Two DAGs and the table that the first one reads: a thousand applicants on three lanes of their own."""

    endpoint: str
    dag_id: str
    resolve_dag_id: str
    source: str
    table: str

    def fill(self) -> None:
        """Put the applicants into the table, which is made where it is missing."""
        sql(f"CREATE TABLE IF NOT EXISTS {self.table} (LIKE applicants INCLUDING ALL)")
        sql(f"TRUNCATE {self.table}")
        lanes = ", ".join(f"'{ats}:{self.endpoint}'" for ats in ("greenhouse", "lever", "workday"))
        sql(
            f"INSERT INTO {self.table} (applicant_id, integration_id, job_id, changed_at, candidate__first_name, "
            "candidate__last_name, candidate__email_address) "
            f"SELECT 'C-' || n, (ARRAY[{lanes}])[1 + n % 3], 'job-' || n % 7, now() - interval '1 hour', 'Ada', "
            f"'Example ' || n, 'compose' || n || '@example.com' FROM generate_series(1, {APPLICANTS}) AS n"
        )

    def by_status(self) -> dict[str, int]:
        """Return how many deliveries have each status; nothing while there is no ledger or no server."""
        counted = f"SELECT status, count(*) FROM kombo_deliveries WHERE source = '{self.source}' GROUP BY 1"
        return {status: int(count) for status, count in sql(counted, check=False)}

    def until_settled(self, wanted: int) -> None:
        """Wait until so many are delivered or in doubt; what was stopped is gone on with by further runs."""
        began = triggered = time.monotonic()
        while self.settled() < wanted:
            if time.monotonic() > began + MINUTES * 60:
                raise TimeoutError(f"{wanted} of {APPLICANTS} were not settled in {MINUTES} min: {self.by_status()}")
            if time.monotonic() - triggered > 60:
                triggered = time.monotonic()
                for dag_id in (self.resolve_dag_id, self.dag_id):
                    airflow("dags", "trigger", dag_id)
            time.sleep(2)
        say(f"{self.endpoint}: {self.by_status()}")

    def settled(self) -> int:
        """Return how many are delivered or in doubt now."""
        found = self.by_status()
        return found.get("delivered", 0) + found.get("in_doubt", 0)


PUSHES = (
    Push("application", "kombo_push_applicants", "kombo_resolve_in_doubt", "demo.applicants", "applicants"),
    Push("candidate", "kombo_push_candidates", "kombo_resolve_candidates", "compose.candidates", "candidates"),
)


def say(text: str) -> None:
    """Print what has come to pass, and when."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def bring_other_dags() -> None:
    """Copy the DAG file of the other endpoint to where Airflow's processes look for it."""
    for container in [*workers(), *compose("ps", "-q", "scheduler", "dag-processor").split()]:
        docker("cp", str(OTHER_DAGS), f"{container}:/opt/airflow/dags/{OTHER_DAGS.name}")
    airflow("dags", "reserialize")


def take_apart(push: Push) -> dict[str, bool]:
    """Send all while the stack loses its parts one by one; return what was found on the way."""
    push.until_settled(100)
    first, second = workers()
    docker("kill", first)
    [[killed_at]] = sql("SELECT clock_timestamp()")
    push.until_settled(200)
    docker("start", first)
    wait_until_it_works(first)
    kept = shut_down_warm(push, second, killed_at)
    push.until_settled(min(APPLICANTS, push.settled() + 50))
    docker("start", second)
    compose("restart", "postgres")
    push.until_settled(min(APPLICANTS, push.settled() + 50))
    compose("restart", "redis")
    push.until_settled(min(APPLICANTS, push.settled() + 50))
    answer_503_for_a_while(push)
    push.until_settled(APPLICANTS)
    return kept


def answer_503_for_a_while(push: Push) -> None:
    """Let Kombo answer 503 until a lane stops: further ones would only make its pauses longer."""
    stopped = f"SELECT 1 FROM kombo_lanes WHERE state = 'paused' AND integration_id LIKE '%:{push.endpoint}'"
    sandbox("faults", [{"kind": "html", "count": UNAVAILABLE}])
    while push.settled() < APPLICANTS and not sql(stopped):
        time.sleep(1)
    sandbox("faults", method="DELETE")


def wait_until_it_works(worker: str) -> None:
    """Wait until a Celery worker answers."""
    ping = 'celery --broker "$AIRFLOW__CELERY__BROKER_URL" inspect ping -d "celery@$HOSTNAME"'
    deadline = time.monotonic() + 300
    while subprocess.run(["docker", "exec", worker, "sh", "-c", ping], capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError("a started worker does not answer")


def shut_down_warm(push: Push, worker: str, killed_at: str) -> dict[str, bool]:
    """Shut a worker down as an upgrade does; its tasks end with their calls, and nobody is in doubt for it.

    What the other one had on the wire when it was killed gets in doubt meanwhile: that does not count here.
    """
    doubts = (
        f"SELECT count(*) FROM kombo_deliveries WHERE source = '{push.source}' AND status = 'in_doubt' "
        f"AND sent_at > '{killed_at}'"
    )
    [[before]], began = sql(doubts), time.monotonic()
    docker("stop", worker)
    took, [[after]] = time.monotonic() - began, sql(doubts)
    say(f"shut down warm in {took:.0f} s, in doubt {before} before and {after} after it: {push.by_status()}")
    return {
        "a warm shutdown leaves nobody in doubt": after <= before,
        "it begins nothing more": push.by_status().get("ready", 0) > 0,
    }


def judge(push: Push) -> dict[str, bool]:
    """Compare the sandbox's books with the ledger and the target."""
    created = [row for row in sandbox("stats")["creates"] if row["integration_id"].endswith(f":{push.endpoint}")]
    creates = [row["count"] for row in created]
    [[keys]] = sql(f"SELECT count(*) FROM kombo_deliveries WHERE source = '{push.source}'")
    found = push.by_status()
    in_doubt = found.get("in_doubt", 0)
    say(f"{push.endpoint}: {sum(creates)} creates, {found}")
    return {
        "nobody created twice": set(creates) == {1},
        "everybody delivered was created": APPLICANTS - in_doubt <= len(creates) <= APPLICANTS,
        "each in the ledger once": int(keys) == APPLICANTS,
        "none is left over but what the 503 left in doubt": set(found) <= {"delivered", "in_doubt"},
        "as few in doubt as there were such answers": in_doubt <= UNAVAILABLE,
    }


def main(endpoints: list[str]) -> int:
    """Do the job with each endpoint, or with those named; return 0 if every promise was kept."""
    sandbox("config", {"latency_seconds": LATENCY_SECONDS})
    bring_other_dags()
    all_kept = True
    for push in PUSHES:
        if endpoints and push.endpoint not in endpoints:
            continue
        push.fill()
        for dag_id in (push.resolve_dag_id, push.dag_id):
            airflow("dags", "unpause", dag_id)
        kept = take_apart(push) | judge(push)
        print(json.dumps({"endpoint": push.endpoint} | kept, indent=2), flush=True)
        all_kept = all_kept and all(kept.values())
    return 0 if all_kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
