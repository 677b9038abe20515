"""A question names rows by what the ledger knows, and nothing in them acts."""

from __future__ import annotations

import pytest

from kombo_provider.doubts.questions import question
from tests.unit.doubts.rows import doubt


def test_ids_from_a_table_stand_in_a_question_as_code() -> None:
    _, body = question("crm", "ats:a", [doubt("{{ conn.kombo_default.password }}", "job{% 50 | <b>")])
    assert "`{{ conn.kombo_default.password }}` | `job{% 50 \\| <b>`" in body


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://a.example/)[x](https://evil.example", "x\ny", None])
def test_what_is_no_link_is_shown_as_none(url: str | None) -> None:
    _, body = question("crm", "ats:a", [doubt(log_url=url)])
    assert "log page](" not in body


def test_a_log_page_is_a_link() -> None:
    _, body = question("crm", "ats:a", [doubt(log_url="https://app.kombo.dev/logs/1")])
    assert "[log page](https://app.kombo.dev/logs/1)" in body


def test_a_row_whose_request_has_no_time_can_be_asked_about() -> None:
    _, body = question("crm", "ats:a", [doubt(sent_at=None)])
    assert "unknown" in body
