"""Every DAG file parses under Airflow's default settings, and the examples run as they stand."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.demo.warehouse import fill
from kombo_sandbox.testing import Sandbox
from tests.conftest import ROOT
from tests.docs.markdown import DOCS, Block, blocks
from tests.e2e.airflow_runs import run_dag
from tests.e2e.conftest import JOB, Warehouse

DAG_FILES = sorted((ROOT / "dags").glob("*.py"))


def dags_in(folder: Path) -> dict[str, Any]:
    from airflow.configuration import conf
    from airflow.dag_processing.dagbag import DagBag

    assert conf.getboolean("core", "dag_discovery_safe_mode")
    bag = DagBag(str(folder), collect_dags=True)
    assert not bag.import_errors
    return dict(bag.dags)


def test_airflow_finds_a_dag_in_every_file() -> None:
    found = dags_in(ROOT / "dags")
    assert {Path(dag.fileloc) for dag in found.values()} == set(DAG_FILES)
    assert {path.stem for path in DAG_FILES} == set(found)


def test_every_dag_explains_itself_and_can_be_filtered_by_its_tag() -> None:
    for dag_id, dag in dags_in(ROOT / "dags").items():
        assert dag.doc_md, dag_id
        assert "kombo" in dag.tags, dag_id


def test_examples_run_only_when_triggered() -> None:
    examples = {name: dag for name, dag in dags_in(ROOT / "dags").items() if name.startswith("kombo_example_")}
    assert len(examples) == 3
    assert all(dag.schedule is None for dag in examples.values())


def test_the_dags_in_the_documents_parse(tmp_path: Path) -> None:
    written: list[Block] = [b for doc in DOCS for b in blocks(doc.read_text()) if b.language == "python"]
    for number, block in enumerate(written):
        (tmp_path / f"block_{number}.py").write_text(block.text)
    assert len(dags_in(tmp_path)) == len(written) > 3


@pytest.fixture
def applicants(warehouse: Warehouse) -> Warehouse:
    warehouse.execute("DROP TABLE applicants")
    fill(warehouse.path, datetime.now(UTC))
    return warehouse


def test_the_example_for_one_application_sends_the_row_once(applicants: Warehouse, sandbox: Sandbox) -> None:
    first = run_dag("kombo_example_create_application", applicant_id="A-10003")
    assert first.state == "success", first.errors
    ids = first.xcom("create_application")
    assert ids["kombo_application_id"]
    again = run_dag("kombo_example_create_application", applicant_id="A-10003")
    assert again.xcom("create_application") == ids
    assert list(sandbox.creates().values()) == [1]
    ((sent_to,),) = applicants.execute("SELECT integration_id FROM kombo_deliveries WHERE applicant_id = 'A-10003'")
    assert first.xcom("find")["integration_id"] == sent_to


def test_the_example_for_one_application_keeps_the_person_out_of_airflow(
    applicants: Warehouse, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    ((email,),) = applicants.execute("SELECT candidate__email_address FROM applicants WHERE applicant_id = 'A-10004'")
    run = run_dag("kombo_example_create_application", applicant_id="A-10004")
    assert run.state == "success", run.errors
    assert [key[2] for key in sandbox.creates()] == [email.lower()]
    assert email not in "".join(capfd.readouterr())
    assert _files_of_airflow_with("A-10004")
    assert not _files_of_airflow_with(email)


def test_an_applicant_that_does_not_exist_is_named(applicants: Warehouse, sandbox: Sandbox) -> None:
    run = run_dag("kombo_example_create_application", applicant_id="nobody")
    assert run.state == "failed"
    assert "no row with applicant_id 'nobody'" in run.message("find")
    assert not sandbox.creates()


def test_the_example_for_a_candidate_sends_the_sample(applicants: Warehouse, sandbox: Sandbox) -> None:
    run = run_dag("kombo_example_create_candidate")
    assert run.state == "success", run.errors
    assert run.xcom("create_candidate")["kombo_candidate_id"]
    assert [key[1:] for key in sandbox.creates()] == [(JOB, "sample.person@example.com")]


def test_the_example_for_the_hook_counts_open_jobs(applicants: Warehouse, sandbox: Sandbox) -> None:
    integration = "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js"
    jobs = {"one": {"status": "OPEN"}, "two": {"status": "OPEN"}, "three": {"status": "CLOSED"}}
    sandbox.config(per_integration={integration: {"jobs": jobs}})
    run = run_dag("kombo_example_hook", integration_ids=[integration, "workday:HWUTwvyx2wLoSUHphiWVrp28"])
    assert run.state == "success", run.errors
    assert run.xcom("count_open_jobs") == {integration: 2, "workday:HWUTwvyx2wLoSUHphiWVrp28": 0}


def _files_of_airflow_with(text: str) -> list[str]:
    """Search Airflow's database and logs, in another process: closing a SQLite file here would drop SQLite's locks."""
    command = ["grep", "-rlaF", text, os.environ["AIRFLOW_HOME"]]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
