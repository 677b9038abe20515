"""`preview` and `explain` read the SELECT that a run would: its params, dates, macros and filters."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MADE_DAGS
from tests.e2e.conftest import GREENHOUSE, Warehouse, run_dag

DAG_ID = "made_with_jinja"
DAG_FILE = '''
"""An Airflow DAG whose SELECT is full of Jinja."""
from airflow.sdk import Param
from kombo_provider.pipeline import kombo_push_dag

SELECT = """
SELECT applicant_id, integration_id, job_id, changed_at, candidate__first_name, candidate__email_address,
       '{{ params.surname }}' || ' ' || '{{ ds[:2] }}' || ' ' || '{{ data_interval_start.year // 100 }}' || ' '
       || '{{ dag.dag_id | shout }}' AS candidate__last_name
FROM {{ table() }}
WHERE '{{ data_interval_end | ts }}' > '2000' AND '{{ run_id }}' <> '' AND '{{ macros.ds_add(ds, 1) }}' > '2000'
  AND '{{ task.task_id }}' = 'stage'
"""
dag = kombo_push_dag(
    dag_id="made_with_jinja",
    source="demo.jinja",
    extract_sql=SELECT,
    write_back_table=None,
    params={"surname": Param("Lovelace", type="string", minLength=2)},
    user_defined_macros={"table": lambda: "applicants"},
    user_defined_filters={"shout": str.upper},
)
'''


@pytest.fixture
def jinja_dag() -> Iterator[Path]:
    file = MADE_DAGS / f"{DAG_ID}.py"
    file.write_text(DAG_FILE)
    yield file
    file.unlink()


def call(name: str, **arguments: Any) -> None:
    from kombo_provider.cli import commands

    getattr(commands, name)(Namespace(verbose=False, dag_id=DAG_ID, applicant_id="a-1", **arguments))


def test_preview_prints_the_body_that_the_run_sends(
    warehouse: Warehouse, jinja_dag: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.add(1)
    call("preview", conf=None)
    assert '"last_name": "Lovelace 20 20 MADE_WITH_JINJA"' in capsys.readouterr().out
    call("preview", conf='{"surname": "Byron"}')
    assert '"last_name": "Byron 20 20 MADE_WITH_JINJA"' in capsys.readouterr().out
    run = run_dag(DAG_ID, surname="Byron")
    assert run.state == "success", run.errors
    call("explain", conf='{"surname": "Byron"}')
    printed = capsys.readouterr().out
    assert f"The SELECT returns it for {GREENHOUSE}" in printed
    assert "the ledger knows it as it is" in printed


@pytest.mark.parametrize(
    ("conf", "said"),
    [("{", "--conf is no JSON"), ("[]", "--conf must be a JSON object"), ('{"surname": "B"}', "surname")],
)
def test_a_conf_that_the_run_would_refuse_is_refused(
    warehouse: Warehouse, jinja_dag: Path, conf: str, said: str
) -> None:
    with pytest.raises(SystemExit, match=said):
        call("preview", conf=conf)
