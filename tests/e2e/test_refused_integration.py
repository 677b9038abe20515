"""P5: an integration that Kombo refuses stops alone, says why, and goes on once it is repaired."""

from __future__ import annotations

import pytest

from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import GREENHOUSE, PERSONIO, WORKDAY, MakesPipelines, Warehouse, run_dag


@pytest.mark.parametrize("endpoint", ["application", "candidate"])
def test_one_refused_integration_of_three_stops_alone_and_completes_after_its_repair(
    endpoint: str, warehouse: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    dag_id = pipeline(endpoint=endpoint)
    lanes = (GREENHOUSE, PERSONIO, WORKDAY)
    for number in range(9):
        warehouse.add(number, integration_id=lanes[number % 3])
    sandbox.config(per_integration={PERSONIO: {"status": "INVALID"}})
    run = run_dag(dag_id)
    assert run.names_of_mapped("deliver") == [f"{GREENHOUSE}: 3 delivered", PERSONIO, f"{WORKDAY}: 3 delivered"]
    assert set(run.errors) == {"deliver[1]", "report"}
    message = run.message("deliver[1]")
    assert f"Integration {PERSONIO} stopped" in message
    assert "INTEGRATION.AUTHENTICATION_INVALID" in message
    assert "3 rows stay ready" in message
    log_url = warehouse.execute("SELECT log_url FROM kombo_lanes WHERE state = 'blocked'")[0][0]
    assert log_url.startswith("http")
    assert log_url in message
    assert run.xcom("deliver", "_link_KomboLogLink", map_index=1) == log_url
    assert warehouse.statuses() == {"delivered": 6, "ready": 3}
    assert f"{PERSONIO}: blocked: INTEGRATION.AUTHENTICATION_INVALID" in [
        f"{issue['integration_id']}: {issue['what']}" for issue in run.xcom("report", "report")["older_open_issues"]
    ]

    creates = _tried(sandbox)
    still = run_dag(dag_id)
    assert f"Integration {PERSONIO} stopped" in still.message("deliver[0]")
    assert _tried(sandbox) == creates, "a cheap check, no request for an applicant"

    sandbox.config(per_integration={PERSONIO: {"status": "ACTIVE"}})
    repaired = run_dag(dag_id)
    assert repaired.state == "success", repaired.errors
    assert repaired.names_of_mapped("deliver") == [f"{PERSONIO}: 3 delivered"]
    assert warehouse.statuses() == {"delivered": 9}
    assert warehouse.execute("SELECT DISTINCT state FROM kombo_lanes") == [("open",)]
    assert set(sandbox.creates().values()) == {1}


def _tried(sandbox: Sandbox) -> int:
    routes = sandbox.stats()["by_route"]
    return sum(count for route, count in routes.items() if route.startswith("POST"))
