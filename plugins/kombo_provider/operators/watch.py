"""The task of a watch: Airflow's notifiers and what only Airflow knows, for the room that judges and tells."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowRuntimeError, AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import timeout

from kombo_provider.errors import NotifierError
from kombo_provider.operators.connections import open_existing_ledger, warehouse_engine
from kombo_provider.operators.settings import WATCH_FIELD, WatchSettings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kombo_provider.ledger import RunRef
    from kombo_provider.watch.messages import Message
    from kombo_provider.watch.tell import Send

log = logging.getLogger(__name__)

NOTIFIER_SECONDS = 60
"""How long one notifier may take for one message."""
_ON = ("queued", "running", "restarting")


class KomboWatchOperator(BaseOperator):
    """Reads the ledger and tells each notifier of each change once; returns how many messages went out.

    Fails where a notifier failed: it is tried again by the next watch. Where there is no ledger yet, there is nothing
    to watch. `clock` reads the time from a ledger's connection, None: the ledger's own clock.
    """

    template_fields: Sequence[str] = ("kombo_conn_id", "ledger_conn_id", "ledger_schema", WATCH_FIELD)
    ui_color = "#fef7e0"
    clock: Callable[[Connection], datetime] | None = None

    def __init__(self, *, watch: WatchSettings, notifiers: Sequence[Any] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.watch = watch
        self.notifiers = notifiers
        self.kombo_conn_id = watch.connections.kombo_conn_id
        self.ledger_conn_id = watch.connections.ledger
        self.ledger_schema = watch.connections.ledger_schema
        self.watches = True

    def execute(self, context: Context) -> int:
        """Watch once."""
        from kombo_provider.ledger import now
        from kombo_provider.watch.watch import watch

        connections = self.watch.connections
        if not self._is_there():
            self.log.info("There is no ledger yet: no run has made one")
            return 0
        with open_existing_ledger(connections) as ledger:
            told = watch(
                ledger,
                connections.kombo_conn_id,
                self.watch.limits,
                airflow=AirflowSide(context.get("ti")),
                notifiers=self._senders(context),
                base_url=conf.get("api", "base_url", fallback=""),
                clock=self.clock or now,
            )
        if told.failed:
            said = "; ".join(f"{name}: {why}" for name, why in sorted(told.failed.items()))
            raise NotifierError(f"Not everybody was told. {said}. The next watch tells what is missing.")
        return told.messages

    def _is_there(self) -> bool:
        from kombo_provider.ledger import Ledger

        connections = self.watch.connections
        with warehouse_engine(connections.ledger) as engine:
            return Ledger(engine, schema=connections.ledger_schema).exists()

    def _senders(self, context: Context) -> dict[str, Send]:
        """Return what sends a message, by name: the task's log, and each notifier."""
        senders: dict[str, Send] = {"log": _log}
        for notifier in self.notifiers:
            kind = type(notifier).__name__
            number = sum(name.partition(" ")[0] == kind for name in senders) + 1
            senders[f"{kind} {number}"] = _sender(notifier, context)
        return senders


@dataclass(frozen=True, slots=True)
class Told:
    """What a notifier's templates see as `kombo`.

    `text` is escaped for where the notifier sends it; `html`, `slack` and `plain` are the same for one place each.
    """

    text: str
    subject: str
    html: str
    slack: str
    plain: str
    is_over: bool


def _sender(notifier: Any, context: Context, seconds: float = NOTIFIER_SECONDS) -> Send:
    def send(message: Message) -> None:
        given: dict[str, Any] = {**context, "kombo": _as_told(message, notifier)}
        try:
            # Rendering writes into a notifier, so a second message would render the first one's text as a template.
            mine = copy.deepcopy(notifier)
            with timeout(seconds):  # type: ignore[no-untyped-call]
                mine(given)
        except AirflowTaskTimeout:
            raise NotifierError(f"it took longer than {seconds:g} s") from None
        except Exception as exc:  # a notifier may raise anything; the cause has the words
            raise NotifierError(type(exc).__name__) from exc

    return send


def _as_told(message: Message, notifier: Any) -> Told:
    from kombo_provider.watch.outside import as_html, as_slack

    html, slack = as_html(message.text), as_slack(message.text)
    text = message.text
    if "html_content" in getattr(notifier, "template_fields", ()):
        text = html
    elif any("slack" in kind.__module__ for kind in type(notifier).__mro__):
        text = slack
    return Told(text, message.headline, html, slack, message.text, message.is_over)


def _log(message: Message) -> None:
    shown = " | ".join(message.text.splitlines())
    if message.is_over:
        log.info("%s", shown)
    else:
        log.warning("%s", shown)


class AirflowSide:
    """What Airflow says about runs and DAGs; None where it does not know them, or where a test runs without it."""

    def __init__(self, ti: Any) -> None:
        self._ti = ti

    def run_is_over(self, run: RunRef) -> bool | None:
        """Tell whether nothing of a run runs any more."""
        state = self._ask("get_dagrun_state", run.dag_id, run.run_id)
        return None if state is None else state not in _ON

    def is_paused(self, dag_id: str) -> bool | None:
        """Tell whether a DAG is paused."""
        dag = self._ask("get_dag", dag_id)
        return None if dag is None else bool(dag.is_paused)

    def is_gone(self, dag_id: str) -> bool:
        """Tell whether Airflow says that it has no such DAG; one whose file is missing it has until it is deleted."""
        ask = getattr(self._ti, "get_dag", None)
        if ask is None:
            return False
        try:
            ask(dag_id)
        except AirflowRuntimeError as exc:
            detail = exc.error.detail or {}
            return detail.get("status_code") == HTTPStatus.NOT_FOUND
        return False

    def _ask(self, what: str, *arguments: str) -> Any:
        ask = getattr(self._ti, what, None)
        if ask is None:
            return None
        try:
            return ask(*arguments)
        except AirflowRuntimeError:
            log.info("Airflow does not answer %s of %s", what, arguments[0])
            return None
