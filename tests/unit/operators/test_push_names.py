"""What Airflow's pages call the tasks of a push: before, during and after their work."""

from __future__ import annotations

from typing import Any

import pytest

from kombo_provider.operators.deliver import KomboDeliverOperator
from kombo_provider.operators.push import NAME_TEMPLATE
from kombo_provider.operators.settings import PushSettings
from kombo_provider.operators.stage import KomboStageOperator
from kombo_provider.sending.deliver import DeliverReport

PUSH = PushSettings(source="crm", extract_sql="SELECT 1", defined_in=__file__, write_back_table=None)
NUMBERS = {"delivered": 3, "ready": 4, "in_doubt": 2, "peak_in_flight": 5, "answers_429": 1}


def deliver(*integration_ids: str) -> KomboDeliverOperator:
    return KomboDeliverOperator(task_id="deliver", push=PUSH, integration_ids=list(integration_ids))


def test_a_deliver_that_runs_is_named_after_its_integrations_and_not_by_a_number() -> None:
    assert deliver("greenhouse:a").shown_as() == "greenhouse:a"
    assert deliver("greenhouse:a", "lever:b", "lever:c").shown_as() == "greenhouse:a and 2 more"


def test_a_deliver_that_is_done_says_what_became_of_its_rows_and_not_how_often_it_tried() -> None:
    task = deliver("greenhouse:a")
    task.report = DeliverReport({"greenhouse:a": NUMBERS}, left={"greenhouse:a": 7})
    assert task.shown_as() == "greenhouse:a: 3 delivered, 7 left, 2 in doubt"


@pytest.mark.parametrize("name", ["{{ conn.kombo_default.password }}", "{% raw %}", "x" * 500])
def test_an_id_from_outside_is_no_template_and_fits_airflows_column(name: str) -> None:
    task: Any = deliver(name)
    rendered = task.get_template_env().from_string(NAME_TEMPLATE).render(task=task)
    assert rendered == name[:200]


def test_a_task_that_failed_before_it_did_anything_has_its_own_name() -> None:
    assert KomboStageOperator(task_id="stage", push=PUSH).shown_as() == ""
