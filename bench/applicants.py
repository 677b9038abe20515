"""The applicants that every contender sends: the same bodies, in the same order."""

from __future__ import annotations

from typing import Any

INTEGRATION = "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js"
JOB = "remote:1203"
SOURCE = "bench.people"
COLUMNS = [
    "applicant_id",
    "integration_id",
    "job_id",
    "candidate__first_name",
    "candidate__last_name",
    "candidate__email_address",
    "candidate__phone_number",
    "candidate__location__city",
    "candidate__location__country",
]


def rows(count: int) -> list[tuple[str, ...]]:
    """Return rows of the SELECT, as `COLUMNS` names them."""
    return [
        (str(number), INTEGRATION, JOB, "Zoë", f"Müller {number}", f"p{number}@example.com", "+49301", "Berlin", "DE")
        for number in range(count)
    ]


def body(row: tuple[str, ...]) -> dict[str, Any]:
    """Return the request body of a row."""
    _, _, _, first_name, last_name, email, phone, city, country = row
    return {
        "candidate": {
            "first_name": first_name,
            "last_name": last_name,
            "email_address": email,
            "phone_number": phone,
            "location": {"city": city, "country": country},
        }
    }
