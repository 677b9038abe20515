"""What becomes of rows in doubt: looked up first, then a person is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from kombo_provider.doubts.replies import LISTED_AT_MOST, REPLIES, Reply
from kombo_provider.hooks.kombo import KomboHook
from kombo_provider.operators.connections import open_ledger
from kombo_provider.operators.run_params import read_run
from kombo_provider.operators.settings import Connections

QUESTION_OPEN_FOR = timedelta(days=7)
ASK_AGAIN_AFTER = timedelta(days=1)
_SUBJECT = "Applications in doubt"
"""Stands in the serialized DAG; the question itself is made when it is put."""


class KomboResolveOperator(BaseOperator):
    """Looks up the rows in doubt of a source, and the delivered ones whose ids Kombo left out; never waits.

    Returns how many were delivered, are still in doubt, got their ids, or could not be read.
    """

    ui_color = "#e8f0fe"

    def __init__(self, *, source: str, connections: Connections, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.connections = connections

    def execute(self, context: Context) -> dict[str, int]:
        """Look up each row once."""
        from kombo_provider.doubts.resolve import resolve

        run = read_run(context).ref
        client = KomboHook(self.connections.kombo_conn_id).get_conn()
        with open_ledger(self.connections) as ledger:
            counts = resolve(ledger, client, self.source, self.connections.kombo_conn_id, run)
        self.log.info("Looked up: %s", dict(counts) or "nothing is in doubt")
        return dict(counts)


class KomboQuestionsOperator(BaseOperator):
    """Collects what a person has to decide: one question for each integration that has none open."""

    ui_color = "#fef7e0"

    def __init__(self, *, source: str, connections: Connections, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.connections = connections

    def execute(self, context: Context) -> list[dict[str, Any]]:  # noqa: ARG002 - Airflow's signature
        """Return the questions as arguments of KomboAskOperator: which rows of which integration."""
        from kombo_provider.ledger import doubts

        questions: list[dict[str, Any]] = []
        with open_ledger(self.connections) as ledger, ledger.transaction() as conn:
            for integration_id in doubts.integrations_to_ask(conn, self.source):
                asked = doubts.in_doubt(conn, self.source, integration_id)[:LISTED_AT_MOST]
                doubts.ask_again_after(conn, asked, QUESTION_OPEN_FOR)
                applicant_ids = [doubt.key.applicant_id for doubt in asked]
                questions.append({"integration_id": integration_id, "applicant_ids": applicant_ids})
        return questions


class KomboAskOperator(HITLOperator):
    """Asks in Airflow's UI what to do with an integration's rows in doubt, and does what is answered.

    Nothing of it is a template: the question holds texts from outside, and one of them could name a connection.
    """

    template_fields: Sequence[str] = ()
    _QUESTION: ClassVar[list[str]] = [str(answer) for answer in REPLIES]

    def __init__(
        self,
        *,
        source: str,
        connections: Connections,
        integration_id: str,
        applicant_ids: Sequence[str],
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("options", self._QUESTION)
        kwargs.setdefault("defaults", [str(Reply.KEEP_LOOKING)])
        kwargs.setdefault("response_timeout", QUESTION_OPEN_FOR)
        super().__init__(subject=_SUBJECT, **kwargs)
        self.source = source
        self.connections = connections
        self.integration_id = integration_id
        self.applicant_ids = applicant_ids

    def execute(self, context: Context) -> Any:
        """Put the question about those of the rows that are still in doubt."""
        from kombo_provider.doubts.questions import question
        from kombo_provider.ledger import doubts

        with open_ledger(self.connections) as ledger, ledger.transaction() as conn:
            in_doubt = doubts.in_doubt(conn, self.source, self.integration_id)
        asked = [doubt for doubt in in_doubt if doubt.key.applicant_id in set(self.applicant_ids)]
        if not asked:
            raise AirflowSkipException("The rows were settled before anybody was asked")
        self.subject, self.body = question(self.source, self.integration_id, asked)
        context["integration"] = self.integration_id  # type: ignore[typeddict-unknown-key]
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Carry out the answer; the ledger keeps who gave it and when."""
        from kombo_provider.doubts.questions import carry_out
        from kombo_provider.ledger import Actor, By

        context["integration"] = self.integration_id  # type: ignore[typeddict-unknown-key]
        answered = super().execute_complete(context, event)
        user = answered.get("responded_by_user") or {}
        who = user.get("name") or user.get("id")
        by = By(Actor.PERSON if who else Actor.POLICY, read_run(context).ref, str(who or "nobody answered in time"))
        timeout = timedelta(seconds=KomboHook(self.connections.kombo_conn_id).get_settings().timeout_seconds)
        with open_ledger(self.connections) as ledger:
            changed = carry_out(
                ledger,
                Reply(answered["chosen_options"][0]),
                self.source,
                self.integration_id,
                self.applicant_ids,
                by=by,
                timeout=timeout,
                ask_again_after=ASK_AGAIN_AFTER,
            )
        self.log.info("%s, says %s: %d rows", answered["chosen_options"][0], by.name, changed)
        return {"answer": answered["chosen_options"][0], "rows": changed}
