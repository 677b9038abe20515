"""Text from outside in a question stays text."""

from __future__ import annotations

import pytest

from kombo_provider.doubts import markdown

HOSTILE = [
    "{{ conn.kombo_default.password }}",
    "job{% 50",
    "![x](https://evil.example/pixel)",
    "[click](javascript:alert(1))",
    "https://evil.example",
    "<img src=x onerror=alert(1)>",
    "`code` and ``more``",
    "`",
    "a|b",
    "a\nb\r\n\n# heading",
    "\x1b[31mred",
    "\u202eright to left",
    "",
    "   ",
    "x" * 5_000,
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_becomes_one_line_of_inline_code(value: str) -> None:
    shown = markdown.text(value)
    fence = shown[: len(shown) - len(shown.lstrip("`"))]

    assert fence
    assert shown.endswith(fence)
    assert fence not in shown[len(fence) : -len(fence)]
    assert shown.isprintable()
    assert "|" not in shown.replace("\\|", "")
    assert len(shown) < 2 * markdown.LONGEST_TEXT
