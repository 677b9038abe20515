"""The operators around rows in doubt, as Airflow sees them."""

from __future__ import annotations

from airflow.sdk import DAG

from kombo_provider.operators.doubts import KomboAskOperator
from kombo_provider.operators.settings import Connections

SECRET = "{{ conn.kombo_default.password }}"


def test_no_text_from_outside_is_in_a_template_field_of_a_question() -> None:
    with DAG("ask", schedule=None):
        ask = KomboAskOperator(
            task_id="ask",
            source="crm",
            connections=Connections(),
            integration_id=SECRET,
            attempts={SECRET: 1, "{% 5": 1},
        )
    ask.render_template_fields({})

    assert not ask.template_fields
    assert (ask.integration_id, ask.attempts) == (SECRET, {SECRET: 1, "{% 5": 1})
