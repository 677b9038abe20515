"""What the page lists of a lane: the rows that stand so, and no others."""

from __future__ import annotations

import pytest

from kombo_provider.ledger import lane_view
from kombo_provider.ledger.lane_view import RowsOf
from tests.unit.ledger.book import INVALID, VALID, Book

LANE = ("crm.applicants", "kombo_default", "greenhouse:a")
STANDING: dict[RowsOf, list[str]] = {
    "waiting": ["1", "2"],
    "held": ["3"],
    "invalid": ["4"],
    "in_doubt": ["5"],
    "sending": ["6"],
    "rejected": ["7"],
}


@pytest.mark.parametrize("what", sorted(STANDING))
def test_each_list_of_a_lane_holds_the_rows_that_stand_so(book: Book, what: RowsOf) -> None:
    ready = [VALID.but(applicant_id=str(number)) for number in (1, 2, 3, 5, 6, 7)]
    book.stage(*ready, INVALID.but(applicant_id="4"), VALID.but(applicant_id="8", integration_id="lever:b"))
    book.set("3", hold="approval")
    book.set("5", status="in_doubt")
    book.set("6", status="sending")
    book.set("7", status="rejected", error_code="ATS.JOB_CLOSED", http_status=400)
    code, http_status = ("ATS.JOB_CLOSED", 400) if what == "rejected" else (None, None)
    with book.ledger.transaction() as conn:
        found = lane_view.rows(conn, LANE, what, code=code, http_status=http_status)
    assert [row["applicant_id"] for row in found] == STANDING[what]
