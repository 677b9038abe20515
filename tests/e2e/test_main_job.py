"""From a warehouse table through a real Airflow DAG into Kombo, and the ids back."""

from __future__ import annotations

from datetime import UTC, datetime

from include.demo.warehouse import fill
from include.sandbox.testing import Sandbox
from tests.e2e.conftest import Warehouse, run_dag


def test_each_valid_applicant_is_created_exactly_once_and_its_ids_come_back(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    warehouse.execute("DROP TABLE applicants")
    fill(warehouse.path, datetime.now(UTC))
    run = run_dag()
    print(run.state, run.task_states, run.xcom("report"), run.xcom("report", "report"))
    print(warehouse.statuses())
    print(warehouse.execute("select problems from kombo_deliveries where status='invalid'"))
    print(warehouse.execute("select status, error_code, error_title,error_message from kombo_deliveries where status not in ('invalid','delivered')"))
    assert run.state == "success"
    assert set(sandbox.creates().values()) == {1}
