"""What happens to a source, its target and its ledger over the months."""

from __future__ import annotations

import pytest

from kombo_sandbox.testing import Sandbox
from tests.e2e.airflow_runs import run_dag
from tests.e2e.conftest import Warehouse, connect

IDS = "SELECT applicant_id, kombo_application_id, kombo_delivered_at FROM applicants ORDER BY 1"


def test_a_target_that_was_rebuilt_without_its_ids_is_filled_again_on_request(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    warehouse.add(1)
    warehouse.add(2)
    run_dag()
    before = warehouse.execute(IDS)
    warehouse.execute("UPDATE applicants SET kombo_application_id = NULL, kombo_delivered_at = NULL")
    assert run_dag().xcom("write_back")["written"] == 0
    assert run_dag(refill=True).xcom("write_back")["written"] == 2
    assert warehouse.execute(IDS) == before
    assert set(sandbox.creates().values()) == {1}


def test_an_empty_ledger_beside_a_table_with_ids_stops_before_anything_is_sent_again(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    warehouse.add(1)
    run_dag()
    warehouse.execute("DELETE FROM kombo_deliveries")
    warehouse.execute("DELETE FROM kombo_sources")
    stopped = run_dag()
    assert stopped.state == "failed"
    assert "The ledger holds nothing of source 'demo.applicants'" in stopped.message("stage")
    assert "restore it" in stopped.message("stage")
    assert set(sandbox.creates().values()) == {1}


def test_a_key_of_another_environment_is_refused_for_the_lane_naming_both(
    warehouse: Warehouse, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.config(keys={"sandbox-key": "env-prod", "other-key": "env-dev"})
    warehouse.add(1)
    run_dag()
    warehouse.add(2)
    connect(monkeypatch, sandbox.url, warehouse.path, key="other-key")
    refused = run_dag()
    message = refused.message("deliver[0]")
    assert "env-prod" in message
    assert "env-dev" in message
    assert warehouse.status_of("a-2") == "ready"
    assert sum(sandbox.creates().values()) == 1
    connect(monkeypatch, sandbox.url, warehouse.path)
    assert run_dag().state == "success"


def test_personal_data_of_failed_rows_is_emptied_when_its_time_is_over(warehouse: Warehouse, sandbox: Sandbox) -> None:
    warehouse.add(1)
    warehouse.add(2)
    sandbox.faults([{"kind": "error", "code": "REMOTE.INPUT_INVALID"}])
    run_dag()
    warehouse.execute("DELETE FROM applicants")
    warehouse.execute(
        "UPDATE kombo_deliveries SET finished_at = '2020-01-01 00:00:00.000000' WHERE applicant_id = 'a-1'"
    )
    run_dag()
    rows = warehouse.execute(
        "SELECT applicant_id, payload IS NULL, error_message IS NULL FROM kombo_deliveries ORDER BY 1"
    )
    assert rows == [("a-1", 1, 1), ("a-2", 0, 0)]
