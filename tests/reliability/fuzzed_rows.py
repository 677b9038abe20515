"""Rows of all kinds, made by Hypothesis: each cell is right, wrong, absent or wild; most rows have few wrong ones."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.reliability.fuzzed_values import (
    ABSENT,
    ANSWERS,
    ATTACHMENTS,
    EMAILS,
    GDPR,
    LINKS,
    LOCATION,
    PHONES,
    REMOTE_FIELDS,
    SALARY,
    SOURCE,
    SOURCED_BY,
    TEXT,
    UNTEXT,
    WILD,
    Values,
    amount,
    cells,
    country,
    day,
    email,
    enumeration,
    flag,
    moment,
    not_a_country,
    not_a_day,
    not_a_flag,
    not_an_amount,
    not_email,
    not_remote,
    objects,
    one_wrong,
    phone,
    remote,
)

Row = dict[str, Any]

PERSON = {
    "first_name": TEXT,
    "last_name": TEXT,
    "email_address": (email, not_email),
    "additional_email_addresses": EMAILS,
    "phone_number": (phone, UNTEXT),
    "additional_phone_numbers": PHONES,
    "company": TEXT,
    "title": TEXT,
    "gender": enumeration("MALE", "FEMALE", "OTHER"),
    "availability_date": (day | moment, not_a_day),
    "social_links": LINKS,
}
NAMES = ("first_name", "last_name", "email_address")
META = {
    "job_id": (remote, not_remote),
    "stage_id": TEXT,
    "changed_at": (moment, not_a_day),
    "withdrawn": (st.sampled_from([False, None, 0]), not_a_flag),
}
LISTS = {
    "attachments": cells(ATTACHMENTS),
    "screening_question_answers": cells(ANSWERS),
    "remote_fields": REMOTE_FIELDS,
}
WHOLE = {"gdpr_consent": GDPR, "source": SOURCE, "sourced_by": SOURCED_BY}
LAYOUTS: dict[str, dict[str, tuple[Values, Values]]] = {
    "in parts": {
        **META,
        **{f"candidate__{name}": cells(found) for name, found in PERSON.items()},
        **{f"candidate__location__{name}": TEXT for name in ("city", "state", "zip_code", "street_1")},
        "candidate__location__country": (country, not_a_country),
        "candidate__salary_expectations__amount": (amount, not_an_amount),
        "candidate__salary_expectations__period": enumeration("MONTH", "YEAR"),
        **LISTS,
        "gdpr_consent__given": (flag, not_a_flag),
        "gdpr_consent__expires_at": (day | moment, not_a_day),
        "source__id": TEXT,
        "source__name": TEXT,
        "source__unified_key": TEXT,
        "sourced_by__user_id": (remote, not_remote),
    },
    "in objects": {
        **META,
        **{f"candidate__{name}": cells(found) for name, found in PERSON.items()},
        "candidate__location": objects(LOCATION),
        "candidate__salary_expectations": objects(SALARY),
        **LISTS,
        **{name: objects(found) for name, found in WHOLE.items()},
    },
    "as a whole": {
        **META,
        "candidate": objects(one_wrong({**PERSON, "location": LOCATION, "salary_expectations": SALARY}, NAMES)),
        **LISTS,
        **{name: objects(found) for name, found in WHOLE.items()},
    },
}
"""The columns of three SELECTs, each with its right and its wrong values: together they name every field."""

NEEDED = {
    "job_id",
    "candidate",
    "candidate__location__country",
    "candidate__salary_expectations__amount",
    "candidate__salary_expectations__period",
    *(f"candidate__{name}" for name in NAMES),
}


@st.composite
def rows(draw: st.DrawFn, layout: str) -> Row:
    """One row: nearly six of ten are right, the others have up to nine cells that are not."""
    columns, chance = LAYOUTS[layout], draw(st.randoms(use_true_random=True))
    wrong = set(chance.sample(sorted(columns), chance.randint(1, 9))) if chance.random() < 0.42 else set()
    wild = chance.random() < 0.1
    row: Row = {}
    for alias, (right, bad) in columns.items():
        if alias in wrong:
            row[alias] = draw(WILD if wild else bad)
        elif alias in NEEDED or chance.random() < 0.5:
            row[alias] = draw(right)
        else:
            row[alias] = draw(ABSENT)
    return row


def made_rows(layout: str, count: int, number: int) -> list[Row]:
    """Return so many rows; the same for the same `number`."""
    made: list[Row] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(rows(layout))
    def collect(row: Row) -> None:
        made.append(row)

    collect()
    return made[:count]
