"""The applicants that every contender sends: the same bodies, in the same order."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from include.demo.applicants import BAD_EVERY, generate

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


def rows(count: int, lanes: int = 1) -> list[tuple[str, ...]]:
    """Return rows of the SELECT, as `COLUMNS` names them, for one integration or several in turn."""
    integrations = [INTEGRATION, *(f"{INTEGRATION}{number}" for number in range(1, lanes))]
    return [
        (
            str(number),
            integrations[number % lanes],
            JOB,
            "Zoë",
            f"Müller {number}",
            f"p{number}@example.com",
            "+49301",
            "Berlin",
            "DE",
        )
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


@cache
def _demo() -> list[dict[str, object]]:
    """Return the demo's rows without its bad ones, which a naive loop would stop at."""
    made = generate(datetime(2026, 11, 26, tzinfo=UTC))
    return [row for number, row in enumerate(made) if number % BAD_EVERY != BAD_EVERY // 2]


def demo_rows(count: int, first: int = 0) -> list[dict[str, object]]:
    """Return rows with the demo's columns, each with a key and an address of its own, from a number on."""
    rows = _demo()
    return [
        {
            **rows[number % len(rows)],
            "applicant_id": f"A-{number:08}",
            "candidate__email_address": f"p{number}.{rows[number % len(rows)]['candidate__email_address']}",
        }
        for number in range(first, first + count)
    ]
