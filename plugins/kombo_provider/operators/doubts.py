"""What becomes of rows in doubt: looked up first, then a person is asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator, Context, Param
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput

from kombo_provider.doubts.replies import HELD_REPLIES, REPLIES, HeldReply, Reply
from kombo_provider.errors import LedgerError, LedgerRefusedError, ReplyError
from kombo_provider.hooks.kombo import READ_TIMEOUT_SECONDS, KomboHook, open_client
from kombo_provider.operators.connections import open_ledger
from kombo_provider.operators.run_params import read_run
from kombo_provider.operators.settings import Connections

if TYPE_CHECKING:
    from kombo_provider.doubts.questions import Asked, Question
    from kombo_provider.ledger import By, Ledger
    from kombo_provider.ledger.selection import Selection

LOOK_UPS_FOR = timedelta(minutes=50)
"""Where an integration answers slowly, or not at all; no task of ours lasts longer."""
QUESTION_OPEN_FOR = timedelta(hours=5)
"""Then its run ends, which makes room for new doubts; the next run puts it again, and tells nobody twice."""
ASKED_WITHIN = timedelta(hours=1)
"""How long a question may take from its run's begin until it is put."""
ASK_AGAIN_AFTER = timedelta(days=1)
TRIES_AGAIN_IN_SECONDS = (1, 5, 15, 30, 60)
"""Where the ledger is away when an answer is carried out."""
IDS_PARAM = "ids_in_the_ats"
"""The field of the question's form; what is written there is read by kombo_provider.doubts.ids_given."""
_SUBJECT = "Applications in doubt"
"""Stands in the serialized DAG; the question itself is made when it is put."""

Made = TypeVar("Made")


class KomboResolveOperator(BaseOperator):
    """Looks up the rows in doubt of a source, and the delivered ones whose ids Kombo left out; never waits.

    Returns how many were delivered, are still in doubt, got their ids, could not be read, or were left for the next run
    since this one's time was over.
    """

    ui_color = "#e8f0fe"
    _stop: threading.Event | None = None

    def __init__(self, *, source: str, connections: Connections, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.connections = connections

    def execute(self, context: Context) -> dict[str, int]:
        """Look up each row once."""
        from kombo_provider.doubts.resolve import resolve

        run, stop = read_run(context).ref, threading.Event()
        self._stop, until = stop, time.monotonic() + LOOK_UPS_FOR.total_seconds()
        settings = KomboHook(self.connections.kombo_conn_id).get_settings()
        seconds = min(settings.timeout_seconds, READ_TIMEOUT_SECONDS)
        with open_ledger(self.connections) as ledger, closing(open_client(settings, timeout_seconds=seconds)) as client:
            counts = resolve(
                ledger,
                client,
                self.source,
                self.connections.kombo_conn_id,
                run,
                is_over=lambda: stop.is_set() or time.monotonic() >= until,
            )
        self.log.info("Looked up: %s", dict(counts) or "nothing is in doubt")
        return dict(counts)

    def on_kill(self) -> None:
        """Begin no look-up any more."""
        if self._stop is not None:
            self._stop.set()


class KomboQuestionsOperator(BaseOperator):
    """Collects what a person has to decide: one question for each integration that has none open."""

    ui_color = "#fef7e0"

    def __init__(self, *, source: str, connections: Connections, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.connections = connections

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the questions as arguments of KomboAskOperator: which requests of which integration."""
        from kombo_provider.doubts import held, questions

        timeout, open_for = _timeout(self.connections), QUESTION_OPEN_FOR + ASKED_WITHIN
        by, selection = _asked_by(context), _selection(self.source, self.connections)
        with open_ledger(self.connections) as ledger:
            found = questions.collect(ledger, self.source, timeout=timeout, open_for=open_for, asked_by=by)
            found += held.collect(ledger, selection, open_for=open_for, asked_by=by)
        return [asked._asdict() for asked in found]


class KomboAskOperator(HITLOperator):
    """Asks in Airflow's UI what to do with an integration's rows in doubt or held, and does what is answered.

    Nothing of it is a template: the question holds texts from outside, and one of them could name a connection.
    """

    template_fields: Sequence[str] = ()
    _ANSWERS: ClassVar[list[str]] = [str(reply) for reply in REPLIES]
    _ANSWERS_ABOUT_HELD: ClassVar[list[str]] = [str(reply) for reply in HELD_REPLIES]

    def __init__(
        self,
        *,
        source: str,
        connections: Connections,
        integration_id: str,
        attempts: Mapping[str, int],
        about: str = "in_doubt",
        asked_at: str = "",
        **kwargs: Any,
    ) -> None:
        self.is_about_held = about != "in_doubt"
        if self.is_about_held:
            kwargs.setdefault("options", self._ANSWERS_ABOUT_HELD)
            kwargs.setdefault("defaults", [str(HeldReply.LEAVE)])
        else:
            kwargs.setdefault("options", self._ANSWERS)
            kwargs.setdefault("defaults", [str(Reply.KEEP_LOOKING)])
            kwargs["params"] = {IDS_PARAM: _ids_param()}  # the DAG's own are no part of the question
        kwargs.setdefault("response_timeout", QUESTION_OPEN_FOR)
        super().__init__(subject=_SUBJECT, **kwargs)
        self.source = source
        self.connections = connections
        self.integration_id = integration_id
        self.attempts = attempts
        self.about = about
        self.asked_at = asked_at

    def execute(self, context: Context) -> Any:
        """Put the question about those of the rows that still wait for an answer; tell of it once."""
        asked = self._asked()
        context["integration"] = self.integration_id  # type: ignore[typeddict-unknown-key]
        with open_ledger(self.connections) as ledger:
            question = self._put(ledger, asked)
            if question is None:
                self._close(ledger, asked, context)
                raise AirflowSkipException("The rows were settled before anybody was asked")
        self.subject, self.body = question.subject, question.body
        if not question.is_news:
            self.notifiers = []
        try:
            return super().execute(context)
        except TaskAwaitingInput:
            with open_ledger(self.connections) as ledger:
                self._told(ledger, asked)
            raise
        except Exception:  # a notifier's, say: the next run puts the question, and tells of it
            with open_ledger(self.connections) as ledger:
                self._close(ledger, asked, context)
            raise

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Carry out the answer; the ledger keeps who gave it and when."""
        from kombo_provider.ledger import Actor, By

        asked = self._asked()
        context["integration"] = self.integration_id  # type: ignore[typeddict-unknown-key]
        answered = super().execute_complete(context, event)
        answer = answered["chosen_options"][0]
        # Nobody responded where the time was over: then Airflow answers with the default, which changes nothing.
        user = answered.get("responded_by_user") or {}
        who = user.get("name") or user.get("id")
        ids_written = str((answered.get("params_input") or {}).get(IDS_PARAM) or "")
        by = By(Actor.PERSON if who else Actor.POLICY, read_run(context).ref, str(who or "nobody answered in time"))
        changed = 0
        if who:
            changed = self._insist(lambda ledger: self._carry_out(ledger, answer, asked, by, ids_written, context))
        again = ASK_AGAIN_AFTER if who and answer == HeldReply.LEAVE else None
        self._insist(lambda ledger: self._close(ledger, asked, context, ask_again_after=again))
        self.log.info("%s, says %s: %d rows", answer, by.name, changed)
        return {"answer": answer, "rows": changed}

    def _insist(self, step: Callable[[Ledger], Made]) -> Made:
        """Do something in the ledger, also where that is away for a moment: Airflow hands an answer over only once."""
        for seconds in TRIES_AGAIN_IN_SECONDS:
            try:
                with open_ledger(self.connections) as ledger:
                    return step(ledger)
            except LedgerRefusedError:
                raise
            except LedgerError as exc:
                self.log.warning("%s. Trying again in %d s", exc, seconds)
                time.sleep(seconds)
        with open_ledger(self.connections) as ledger:
            return step(ledger)

    def _put(self, ledger: Ledger, asked: Asked) -> Question | None:
        from kombo_provider.doubts import held, questions

        if self.is_about_held:
            most = KomboHook(self.connections.kombo_conn_id).get_settings().max_in_flight
            return held.put(ledger, _selection(self.source, self.connections), asked, max_in_flight=most)
        return questions.put(ledger, self.source, asked)

    def _told(self, ledger: Ledger, asked: Asked) -> None:
        from kombo_provider.doubts import held, questions

        if self.is_about_held:
            held.told(ledger, _selection(self.source, self.connections), asked)
        else:
            questions.told(ledger, self.source, asked)

    def _carry_out(self, ledger: Ledger, answer: str, asked: Asked, by: By, ids_written: str, context: Context) -> int:
        from kombo_provider.doubts import held, questions

        if self.is_about_held:
            selection = _selection(self.source, self.connections)
            return held.carry_out(ledger, HeldReply(answer), selection, asked, by=by)
        try:
            return questions.carry_out(
                ledger,
                Reply(answer),
                self.source,
                asked,
                by=by,
                timeout=_timeout(self.connections),
                ask_again_after=ASK_AGAIN_AFTER,
                ids_written=ids_written,
            )
        except ReplyError:
            self._close(ledger, asked, context)
            raise

    def _close(
        self, ledger: Ledger, asked: Asked, context: Context, *, ask_again_after: timedelta | None = None
    ) -> None:
        from kombo_provider.doubts import questions

        questions.close(ledger, self.source, asked, _asked_by(context), ask_again_after=ask_again_after)

    def _asked(self) -> Asked:
        from kombo_provider.doubts.questions import Asked

        return Asked(self.integration_id, dict(self.attempts), self.about, self.asked_at)


def _ids_param() -> Param:
    said = f'With "{Reply.WERE_SENT}", where you see them: one row a line, applicant_id = id. May stay empty.'
    return Param("", type=["string", "null"], format="multiline", title="Ids in the ATS", description=said)


def _asked_by(context: Context) -> str:
    """Name the run that puts a question: only that one closes it."""
    run = read_run(context).ref
    return f"{run.dag_id}/{run.run_id}"


def _selection(source: str, connections: Connections) -> Selection:
    from kombo_provider.ledger.selection import Selection

    return Selection(source, connections.kombo_conn_id)


def _timeout(connections: Connections) -> timedelta:
    """Return for how long a request may still be executed after it was sent."""
    return timedelta(seconds=KomboHook(connections.kombo_conn_id).get_settings().timeout_seconds)
