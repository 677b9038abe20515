"""A question names rows by what the ledger knows, and nothing in them acts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kombo_provider.doubts.questions import question
from kombo_provider.ledger import DeliveryKey, Doubt, Status


def doubt(applicant_id: str = "1", job_id: str = "job", log_url: str | None = None) -> Doubt:
    """A row in doubt."""
    nothing = dict.fromkeys(
        (
            *("payload", "email_sha256", "first_sent_at", "error_code", "looked_up_at"),
            *("kombo_application_id", "kombo_application_remote_id"),
            *("kombo_candidate_id", "kombo_candidate_remote_id"),
        )
    )
    return Doubt(
        key=DeliveryKey("crm", "ats:a", applicant_id),
        status=Status.IN_DOUBT,
        attempts=1,
        job_id=job_id,
        sent_at=datetime(2026, 11, 26, tzinfo=UTC),
        log_url=log_url,
        **nothing,
    )


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
    row = doubt()
    _, body = question("crm", "ats:a", [Doubt(**{**_fields(row), "sent_at": None})])
    assert "unknown" in body


def _fields(row: Doubt) -> dict[str, object]:
    return {name: getattr(row, name) for name in Doubt.__dataclass_fields__}
