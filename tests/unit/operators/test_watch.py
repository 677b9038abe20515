"""What a watch hands to Airflow's notifiers, and which arguments it refuses when the file is parsed."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from kombo_provider.errors import ConfigurationError, NotifierError
from kombo_provider.ledger import RunRef
from kombo_provider.operators.watch import AirflowSide, KomboWatchOperator, _sender
from kombo_provider.pipeline import kombo_watch_dag
from kombo_provider.watch.messages import Message

NASTY = "{{ 7 * 7 }} <!channel> <b>"


class Noted(BaseNotifier):
    """Notes what its template became."""

    template_fields: Sequence[str] = ("text",)

    def __init__(self, text: str, notes: list[str]) -> None:
        super().__init__()
        self.text = text
        self.hidden = _Kept(notes)

    def notify(self, context: Any) -> None:
        self.hidden.notes.append(self.text)


class _Kept:
    """A list that every copy of its notifier shares."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes

    def __deepcopy__(self, memo: Any) -> _Kept:
        return self


class Mails(Noted):
    """As a notifier for mails in HTML."""

    template_fields: Sequence[str] = ("text", "html_content")
    html_content = ""


def send(notifier: Any, *texts: str) -> None:
    task: Any = kombo_watch_dag(dag_id="w", notifiers=[notifier]).get_task("watch")
    context: Any = {"dag": task.dag}
    *_, sender = task._senders(context).values()
    for text in texts:
        sender(Message(text, False, []))


def test_a_second_message_is_no_template_even_where_the_first_looks_like_one() -> None:
    notes: list[str] = []
    send(Noted("{{ kombo.text }}", notes), NASTY, "second " + NASTY)
    assert notes == [NASTY, "second " + NASTY]


def test_a_notifier_that_cannot_be_copied_fails_alone() -> None:
    notifier = Noted("{{ kombo.text }}", [])
    notifier.lock = threading.Lock()  # type: ignore[attr-defined]
    with pytest.raises(NotifierError, match="TypeError"):
        send(notifier, "text")


def test_a_text_is_escaped_for_where_its_notifier_sends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    send(Mails("{{ kombo.text }}", notes), NASTY)
    monkeypatch.setattr(Noted, "__module__", "airflow.providers.slack.notifications.slack")
    send(Noted("{{ kombo.text }}", notes), NASTY)
    assert notes == ["{{ 7 * 7 }} &lt;!channel&gt; &lt;b&gt;"] * 2


def test_a_notifier_gets_the_message_in_every_form() -> None:
    notes: list[str] = []
    given = "{{ kombo.subject }}|{{ kombo.html }}|{{ kombo.slack }}|{{ kombo.plain }}|{{ kombo.is_over }}"
    send(Noted(given, notes), "a & b\nc")
    assert notes == ["a & b|a &amp; b<br>c|a &amp; b\nc|a & b\nc|False"]


def test_two_notifiers_of_a_kind_are_told_apart() -> None:
    task: Any = kombo_watch_dag(dag_id="w", notifiers=[Noted("", []), Mails("", []), Noted("", [])]).get_task("watch")
    assert list(task._senders({})) == ["log", "Noted 1", "Mails 1", "Noted 2"]


def test_a_notifier_that_hangs_is_given_up_after_a_while() -> None:
    def hang(_context: Any) -> None:
        time.sleep(300)

    began = time.monotonic()
    context: Any = {}
    with pytest.raises(NotifierError, match="took longer"):
        _sender(hang, context, seconds=0.2)(Message("text", False, []))
    assert time.monotonic() - began < 150


def test_an_error_of_a_notifier_is_told_by_its_class_alone() -> None:
    def fail(_context: Any) -> None:
        raise OSError("password pa55word was refused")

    with pytest.raises(NotifierError) as raised:
        send(fail, "text")
    assert str(raised.value) == "OSError"


@pytest.mark.parametrize(
    ("detail", "gone"), [({"status_code": 404}, True), ({"status_code": 500}, False), ({}, False), (None, False)]
)
def test_a_dag_is_gone_only_where_airflow_says_that_there_is_none(detail: dict[str, Any] | None, gone: bool) -> None:
    def refuse(_dag_id: str) -> None:
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail))

    assert AirflowSide(SimpleNamespace(get_dag=refuse)).is_gone("d") is gone
    assert AirflowSide(SimpleNamespace(get_dag=lambda _: SimpleNamespace())).is_gone("d") is False
    assert AirflowSide(None).is_gone("d") is False


def test_what_airflow_does_not_know_is_neither_over_nor_paused() -> None:
    class NotFoundError(AirflowRuntimeError):
        def __init__(self) -> None:
            Exception.__init__(self, "not found")

    def refuse(*_arguments: str) -> None:
        raise NotFoundError

    side = AirflowSide(SimpleNamespace(get_dagrun_state=refuse, get_dag=refuse))
    assert side.run_is_over(RunRef("d", "r")) is None
    assert side.is_paused("d") is None
    known = AirflowSide(
        SimpleNamespace(get_dagrun_state=lambda *_: "running", get_dag=lambda _: SimpleNamespace(is_paused=True))
    )
    assert known.run_is_over(RunRef("d", "r")) is False
    assert known.is_paused("d") is True


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("doubts_after", -timedelta(1)),
        ("freshness", 3),
        ("late_after", "1h"),
        ("max_refused_share", 5),
        ("min_refused", -1),
        ("notifiers", "mail"),
        ("notifiers", [1]),
        ("notifiers", Noted("", [])),
        ("paused_for", None),
        ("unreported_after", 0),
        ("volume_factor", 1),
        ("volume_factor", float("nan")),
        ("volume_factor", True),
        ("volume_min", 2.5),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Noted) else str(value),
)
def test_an_argument_that_cannot_be_meant_is_refused_when_the_file_is_parsed(argument: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(argument)):
        kombo_watch_dag(dag_id="w", **{argument: value})


def test_an_argument_that_nobody_knows_is_refused() -> None:
    with pytest.raises(TypeError, match="freshnes"):
        kombo_watch_dag(dag_id="w", freshnes=timedelta(hours=1))


def test_the_next_watch_is_the_next_try_unless_the_dag_says_otherwise() -> None:
    assert kombo_watch_dag(dag_id="w").get_task("watch").retries == 0
    assert kombo_watch_dag(dag_id="w", default_args={"retries": 2}).get_task("watch").retries == 2
    assert isinstance(kombo_watch_dag(dag_id="w").get_task("watch"), KomboWatchOperator)


def test_a_notifier_that_cannot_be_copied_is_one_that_failed_and_keeps_no_other_from_being_told() -> None:
    uncopyable: Any = Noted("x", [])
    uncopyable.client = threading.Lock()
    with pytest.raises(NotifierError, match="TypeError"):
        send(uncopyable, "text")
