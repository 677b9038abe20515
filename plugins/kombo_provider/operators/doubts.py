"""What becomes of rows in doubt: looked up first, then a person is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from kombo_provider.doubts.replies import REPLIES, Reply
from kombo_provider.hooks.kombo import KomboHook
from kombo_provider.operators.connections import open_ledger
from kombo_provider.operators.run_params import read_run
from kombo_provider.operators.settings import Connections

if TYPE_CHECKING:
    from kombo_provider.doubts.questions import Asked

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
        """Return the questions as arguments of KomboAskOperator: which requests of which integration."""
        from kombo_provider.doubts.questions import collect

        timeout = _timeout(self.connections)
        with open_ledger(self.connections) as ledger:
            questions = collect(ledger, self.source, timeout=timeout, open_for=QUESTION_OPEN_FOR)
        return [asked._asdict() for asked in questions]


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
        attempts: Mapping[str, int],
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("options", self._QUESTION)
        kwargs.setdefault("defaults", [str(Reply.KEEP_LOOKING)])
        kwargs.setdefault("response_timeout", QUESTION_OPEN_FOR)
        super().__init__(subject=_SUBJECT, **kwargs)
        self.source = source
        self.connections = connections
        self.integration_id = integration_id
        self.attempts = attempts

    def execute(self, context: Context) -> Any:
        """Put the question about those of the rows that are still in doubt."""
        from kombo_provider.doubts.questions import question, still_in_doubt

        with open_ledger(self.connections) as ledger:
            doubts = still_in_doubt(ledger, self.source, self._asked())
        if not doubts:
            raise AirflowSkipException("The rows were settled before anybody was asked")
        self.subject, self.body = question(self.source, self.integration_id, doubts)
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
        with open_ledger(self.connections) as ledger:
            changed = carry_out(
                ledger,
                Reply(answered["chosen_options"][0]),
                self.source,
                self._asked(),
                by=by,
                timeout=_timeout(self.connections),
                ask_again_after=ASK_AGAIN_AFTER,
            )
        self.log.info("%s, says %s: %d rows", answered["chosen_options"][0], by.name, changed)
        return {"answer": answered["chosen_options"][0], "rows": changed}

    def _asked(self) -> Asked:
        from kombo_provider.doubts.questions import Asked

        return Asked(self.integration_id, dict(self.attempts))


def _timeout(connections: Connections) -> timedelta:
    """Return for how long a request may still be executed after it was sent."""
    return timedelta(seconds=KomboHook(connections.kombo_conn_id).get_settings().timeout_seconds)
