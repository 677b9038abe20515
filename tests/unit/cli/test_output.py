"""Nothing that is printed makes a terminal do anything, nor a command fail."""

from __future__ import annotations

import json

import pytest

from kombo_provider.cli.output import json_lines, printable, rendered

ODD = "a\x1b[2Jb\x9b2Jc\u202ed\u2028e\ud800f\x00"


@pytest.mark.parametrize("output", ["table", "json", "csv"])
def test_a_cell_holds_no_character_that_a_terminal_acts_on(output: str) -> None:
    printed = rendered([{"name": ODD}], ["name"], output)
    assert [char for char in printed if char != "\n" and not char.isprintable()] == []
    printed.encode()


def test_a_line_can_be_printed_whatever_it_holds() -> None:
    assert printable(ODD).isprintable()


def test_a_body_is_printed_readable_and_is_still_the_same_json() -> None:
    body = {"remote_fields": {"greenhouse": {ODD: [ODD, "Zoë"]}}}
    printed = json_lines(body)
    assert json.loads(printed) == body
    assert "Zoë" in printed
    assert [char for char in printed if char != "\n" and not char.isprintable()] == []
