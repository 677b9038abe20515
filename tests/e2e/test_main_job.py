"""From a warehouse table through a real Airflow DAG into Kombo, and the ids back."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from include.demo.warehouse import fill
from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import MakesPipelines, Warehouse, run_dag

IDS = ("kombo_application_id", "kombo_application_remote_id", "kombo_candidate_id", "kombo_candidate_remote_id")


ROUTES = {"application": "POST /ats/jobs/{job_id}/applications", "candidate": "POST /ats/candidates"}


@pytest.mark.parametrize("endpoint", ["application", "candidate"])
def test_the_demo_s_applicants_arrive_once_and_everything_adds_up(
    endpoint: str, warehouse: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    warehouse.execute("DROP TABLE applicants")
    rows = fill(warehouse.path, datetime.now(UTC))
    dag_id = pipeline(endpoint=endpoint)
    run = run_dag(dag_id)

    assert run.state == "success", run.errors
    report = run.xcom("report")
    counted = report["extracted"]
    assert counted["extracted"] == rows == warehouse.execute("SELECT count(*) FROM applicants")[0][0]
    assert counted["extracted"] == sum(count for name, count in counted.items() if name != "extracted")
    _each_valid_applicant_was_created_once(warehouse, sandbox)
    assert sandbox.stats()["by_route"][ROUTES[endpoint]] == 490
    _ids_in_the_table_are_those_of_the_ledger(warehouse)
    _bad_rows_have_reasons_without_values(warehouse)

    again = run_dag(dag_id)
    assert again.state == "success"
    assert again.xcom("report")["requests"] == 0
    assert again.counts["already_known"] == rows - counted["without_key"]
    assert set(sandbox.creates().values()) == {1}


def _each_valid_applicant_was_created_once(warehouse: Warehouse, sandbox: Sandbox) -> None:
    delivered = warehouse.execute(
        "SELECT a.integration_id, a.job_id, lower(a.candidate__email_address) FROM applicants a"
        " JOIN kombo_deliveries d ON d.applicant_id = a.applicant_id AND d.status = 'delivered'"
    )
    assert sandbox.creates() == dict.fromkeys(delivered, 1)
    assert warehouse.statuses() == {"delivered": len(delivered), "invalid": 9}
    assert len(delivered) == 490


def _ids_in_the_table_are_those_of_the_ledger(warehouse: Warehouse) -> None:
    names = ", ".join(IDS)
    in_table = warehouse.execute(
        f"SELECT applicant_id, {names} FROM applicants WHERE kombo_delivered_at IS NOT NULL ORDER BY applicant_id"
    )
    in_ledger = warehouse.execute(f"SELECT applicant_id, {names} FROM kombo_applicant_ids ORDER BY applicant_id")
    assert in_table == in_ledger
    assert all(all(row) for row in in_table)
    assert len({row[1] for row in in_table}) == 490


def _bad_rows_have_reasons_without_values(warehouse: Warehouse) -> None:
    bad = warehouse.execute("SELECT applicant_id, problems, payload FROM kombo_deliveries WHERE status = 'invalid'")
    for applicant_id, problems, payload in bad:
        source = warehouse.execute("SELECT * FROM applicants WHERE applicant_id = ?", (applicant_id,))[0]
        found = json.loads(problems)
        assert found
        assert all(problem.keys() == {"field", "problem"} for problem in found)
        values = [str(value) for value in source[4:] if value is not None and len(str(value)) > 3]
        assert not [value for value in values if value in problems], applicant_id
        assert payload is None
