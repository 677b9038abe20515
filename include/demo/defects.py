"""What is wrong with the demo's bad rows: one kind of mistake each, as warehouses really hold them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

BROKEN_LINES: Final = '[{"name": "cv.txt", "type": "CV", "data": "Q3VycmljdWx1\\nbSB2aXRhZQ=="}]'


@dataclass(frozen=True)
class Defect:
    """One mistake: the columns it overwrites."""

    name: str
    values: dict[str, object] = field(default_factory=dict)

    def spoil(self, row: dict[str, object]) -> None:
        """Put the mistake into `row`."""
        row.update(self.values)


DEFECTS: Final = (
    Defect("missing last name", {"candidate__last_name": None}),
    Defect("broken e-mail", {"candidate__email_address": "first.last.example.org"}),
    Defect("country in lower case", {"candidate__location__country": "de"}),
    Defect("unknown enum value", {"candidate__gender": "FEMININE"}),
    Defect(
        "salary without period",
        {"candidate__salary_expectations__amount": 54_000, "candidate__salary_expectations__period": None},
    ),
    Defect("missing job", {"job_id": None}),
    Defect("missing key", {"applicant_id": None}),
    Defect("attachment with line breaks in its base64", {"attachments": BROKEN_LINES}),
    Defect("date in another order", {"candidate__availability_date": "31.12.2026"}),
    Defect("truncated JSON", {"candidate__social_links": '[{"url": "https://social.example.com/in'}),
)
