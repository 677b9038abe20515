"""Made-up applicants: the same seed and instant give the same rows, in many alphabets, some of them bad."""

from __future__ import annotations

import base64
import json
import random
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from faker import Faker

from include.demo.defects import DEFECTS

Row = dict[str, object]

SEED: Final = 20261
COUNT: Final = 500
SPREAD: Final = timedelta(hours=6)
"""The rows' `changed_at` lie in the last six hours."""

BAD_EVERY: Final = 50
"""One bad row in so many: 2 %."""

SECOND_JOB_EVERY: Final = 20
"""One row in so many is the former row's person, who applies for another job too."""

JOBS: Final = {
    "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js": (
        "7sWpGf2XkLr9TzQn4VbHyJ6c",
        "2HcRmB5tNqYx8KwDz7PjLf3v",
        "9LkVdT4hXpSb6MrGn2WqZy8f",
    ),
    "workday:HWUTwvyx2wLoSUHphiWVrp28": (
        "6QzNfK9jBwTm3XcRv5HsDp7g",
        "remote:JR-10482",
        "3VyLgP8dRkXn7ZtWq4BmHc2j",
        "8MbJwS5xTfQz2NhKd6RvGp9y",
    ),
    "personio:8Kd3WmZx5RtQpLv2NfYh7GcB": ("5GpXtN7kVrBz9LqHw3JmDs4f", "remote:2817364"),
}
"""Three customers' ATSs, and the jobs that are open in each: Kombo ids, or the ATS's own after `remote:`."""

COUNTRIES: Final = {
    "de_DE": "DE",
    "en_GB": "GB",
    "fr_FR": "FR",
    "pl_PL": "PL",
    "cs_CZ": "CZ",
    "es_ES": "ES",
    "sv_SE": "SE",
    "tr_TR": "TR",
    "vi_VN": "VN",
    "uk_UA": "UA",
    "bg_BG": "BG",
    "el_GR": "GR",
    "ja_JP": "JP",
    "ko_KR": "KR",
    "zh_CN": "CN",
    "ar_SA": "SA",
    "he_IL": "IL",
    "hi_IN": "IN",
    "th_TH": "TH",
    "ka_GE": "GE",
}
"""Faker's locales, each with its country: Latin with and without marks, Cyrillic, Greek, Arabic, Hebrew, …"""

SPELT_OUT: Final = str.maketrans({"ß": "ss", "ł": "l", "đ": "d", "ı": "i", "ø": "o", "æ": "ae"})
"""Latin letters that no decomposition turns into ASCII."""

NOTICE_QUESTION: Final = "4XkQmR7tLpVz2NwHb9JcDs6y"
VISA_QUESTION: Final = "8TzGnK3vRxWq5MfYd7LhPb2c"
YEARS_QUESTION: Final = "6HcBwS9jNtXp4QkZv2RmGf8d"


@dataclass(frozen=True)
class Person:
    """Who applies; one person may apply for two jobs."""

    fields: Row
    integration_id: str
    job_ids: tuple[str, ...]


def generate(now: datetime, *, seed: int = SEED, count: int = COUNT) -> list[Row]:
    """Return `count` rows, one per application, changed within SPREAD before `now` (UTC)."""
    chance = random.Random(seed)
    voices = {locale: _voice(locale, seed) for locale in COUNTRIES}
    rows: list[Row] = []
    person = _person(chance, voices, 0)
    for number in range(count):
        second = number % SECOND_JOB_EVERY == SECOND_JOB_EVERY - 1
        if not second:
            person = _person(chance, voices, number)
        row = {
            "applicant_id": f"A-{10_001 + number}",
            "integration_id": person.integration_id,
            "job_id": person.job_ids[1 if second else 0],
            "changed_at": _instant(now - SPREAD * ((count - number - chance.random()) / count)),
            **person.fields,
            "screening_question_answers": _answers(chance),
            "attachments": _attachments(chance, person),
        }
        if number % BAD_EVERY == BAD_EVERY // 2:
            DEFECTS[number // BAD_EVERY % len(DEFECTS)].spoil(row)
        rows.append(row)
    return rows


def _voice(locale: str, seed: int) -> Faker:
    voice = Faker(locale)
    voice.seed_instance(seed)
    return voice


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def _person(chance: random.Random, voices: dict[str, Faker], number: int) -> Person:
    locale = chance.choice(list(COUNTRIES))
    voice, country = voices[locale], COUNTRIES[locale]
    female = chance.random() < 0.5
    # Many languages give a woman another family name than a man.
    if female:
        gender, first, last = "FEMALE", voice.first_name_female(), voice.last_name_female()
    else:
        gender, first, last = "MALE", voice.first_name_male(), voice.last_name_male()
    email = f"{_mailbox(first, last, voices['en_GB'])}.{number + 1}@example.{chance.choice(('com', 'org', 'net'))}"
    integration_id = chance.choice(list(JOBS))
    job_ids = tuple(chance.sample(JOBS[integration_id], k=2))
    fields: Row = {
        "candidate__first_name": first,
        "candidate__last_name": last,
        "candidate__email_address": email,
        "candidate__phone_number": voice.phone_number() if chance.random() < 0.8 else None,
        "candidate__company": voice.company() if chance.random() < 0.6 else None,
        "candidate__title": voice.job() if chance.random() < 0.6 else None,
        "candidate__gender": chance.choice((gender, "OTHER", None, None)),
        "candidate__availability_date": _availability(chance),
        "candidate__location__country": country,
        "candidate__location__city": voice.city(),
        "candidate__location__zip_code": voice.postcode(),
        "candidate__location__street_1": voice.street_address() if chance.random() < 0.5 else None,
        **_salary(chance),
        "candidate__social_links": _links(chance, email),
        **_consent(country),
    }
    return Person(fields, integration_id, job_ids)


def _mailbox(first: str, last: str, english: Faker) -> str:
    """Return the name in ASCII, or an English user name where the alphabet leaves nothing."""
    marked = f"{first}.{last}".lower().translate(SPELT_OUT)
    bare = unicodedata.normalize("NFKD", marked).encode("ascii", "ignore").decode()
    letters = "".join(c for c in bare if c.isalnum() or c == ".").strip(".")
    if len(letters) > 4 and ".." not in letters:
        return letters
    return english.user_name()


def _availability(chance: random.Random) -> str | None:
    if chance.random() < 0.5:
        return None
    return f"2027-{chance.randint(1, 12):02d}-{chance.choice((1, 15)):02d}"


def _salary(chance: random.Random) -> Row:
    if chance.random() < 0.5:
        amount, period = None, None
    elif chance.random() < 0.7:
        amount, period = chance.randrange(28_000, 120_000, 500), "YEAR"
    else:
        amount, period = chance.randrange(2_400, 9_000, 50), "MONTH"
    return {"candidate__salary_expectations__amount": amount, "candidate__salary_expectations__period": period}


def _links(chance: random.Random, email: str) -> str | None:
    if chance.random() < 0.5:
        return None
    handle = email.split("@")[0]
    hosts = chance.sample(
        ("https://social.example.com/in", "https://code.example.org", "https://folio.example.net"), k=2
    )
    return _json([{"url": f"{host}/{handle}"} for host in hosts[: chance.randint(1, 2)]])


def _consent(country: str) -> Row:
    """Consent is asked for where the law wants it recorded."""
    if country not in {"CZ", "PL"}:
        return {"gdpr_consent__given": None, "gdpr_consent__expires_at": None}
    return {"gdpr_consent__given": 1, "gdpr_consent__expires_at": "2028-12-31"}


def _answers(chance: random.Random) -> str | None:
    if chance.random() < 0.75:
        return None
    return _json(
        [
            {"question_id": NOTICE_QUESTION, "answer": chance.choice(("Four weeks", "Ab sofort", "1 mois"))},
            {"question_id": VISA_QUESTION, "answer": chance.random() < 0.9},
            {"question_id": YEARS_QUESTION, "answer": chance.randint(0, 25)},
        ]
    )


def _attachments(chance: random.Random, person: Person) -> str | None:
    if chance.random() < 0.6:
        return None
    name = f"{person.fields['candidate__first_name']} {person.fields['candidate__last_name']}"
    files = [_file(f"CV {name}.txt", "CV", f"{name}\n\nCurriculum vitae\n")]
    if chance.random() < 0.3:
        files.append(_file("Cover letter.txt", "COVER_LETTER", f"Dear team,\n\nI apply.\n\n{name}\n"))
    return _json(files)


def _file(name: str, kind: str, text: str) -> Row:
    data = base64.b64encode(text.encode()).decode("ascii")
    return {"name": name, "type": kind, "content_type": "text/plain", "data": data}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
