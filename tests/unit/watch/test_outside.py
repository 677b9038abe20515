"""Text from outside stays text, wherever a message goes."""

from __future__ import annotations

import unicodedata

import pytest

from kombo_provider.ledger import LaneState
from kombo_provider.watch.outside import LONGEST_TEXT, as_html, as_slack, neutral
from tests.unit.watch.conftest import Watched

NASTY = (
    "{{ conn.x.password }}",
    "{% raw %}{{ var.value.secret }}",
    "<!channel>",
    "<script>alert(1)</script>",
    "[click](https://evil.example.com)",
    "https://evil.example.com/a?b=c",
    "@everyone",
    "*bold* `code` |table|",
    "Subject\r\nBcc: all@example.com",
    "line\nline\u2028line\x1b[31mred",
    "\u202egnp.exe",
    "x" * 10_000,
    "ʇxǝʇ 文字 🙂 " * 1000,
)


@pytest.mark.parametrize("text", NASTY)
def test_a_text_from_outside_begins_nothing_in_any_channel(text: str) -> None:
    shown = neutral(text)
    assert len(shown) <= LONGEST_TEXT
    assert not set("<>{}[]`|*@\\").intersection(shown)
    assert "://" not in shown
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")]


def test_ids_and_codes_as_kombo_makes_them_are_shown_as_they_are() -> None:
    for text in ("greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js", "INTEGRATION.AUTHENTICATION_INVALID", "müller & söhne", "文字"):
        assert neutral(text) == text


def test_a_message_is_escaped_for_where_it_goes() -> None:
    text = "müller & söhne <b>\nPage: https://airflow.example.com/?a=1&b=2"
    assert as_html(text).count("<") == 1, "the line break"
    assert "&amp;" in as_html(text)
    assert as_slack(text) == "müller &amp; söhne &lt;b&gt;\nPage: https://airflow.example.com/?a=1&amp;b=2"


@pytest.mark.parametrize("code", NASTY)
def test_a_lane_with_any_code_and_id_is_told_in_lines_of_bounded_length(watched: Watched, code: str) -> None:
    watched.rows(code, "ready")
    watched.lane(code, LaneState.BLOCKED, code)
    watched.watch()
    (message,) = watched.inbox.messages
    lines = message.text.split("\n")
    assert len(lines) == 4
    assert len(message.headline) < 300
    watched.lane(code, LaneState.OPEN)
    watched.settle(code)
    watched.inbox.take()
    (over,) = watched.look()
    assert over == f"Over: {message.headline}"
