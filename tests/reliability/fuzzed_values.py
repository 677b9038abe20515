"""Right and wrong values of each kind of field, as a table or a transform gives them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy
import pandas
from hypothesis import strategies as st

Values = st.SearchStrategy[Any]

INJECTED = [
    "Robert'); DROP TABLE kombo_deliveries;--",
    '"; DELETE FROM applicants; --',
    '{"$gt": ""}',
    '","first_name":"x","',
    '\\u0000\\"}]',
    "{{ conn.kombo_default.password }}",
    "%s %(x)s :x ? $1 {0}",
    "=HYPERLINK(1)",
    "</script>",
    "\r\nX-Injected: 1",
]
SPOKEN = [
    "Zoë",
    "Jürgen Groß",
    "Σωκράτης",
    "Нина",
    "محمد\u200cرضا",
    "한글",
    "陈伟",
    "👩\u200d🔬",
    "e\u0301",
    "Ã¼ber",
    "O'Neil",
    "a\tb\nc",
]
UNTEXT = st.sampled_from(
    [b"\xff\xfe", 1.5, True, math.nan * 1j, ["a"], {"a": 1}, "x\ud800", numpy.float64(2.5), Decimal("0.5")]
)
ABSENT = st.sampled_from([None, math.nan, pandas.NaT, pandas.NA, "", " \n", Decimal("NaN"), "\u200b"])
WILD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(max_size=20)
    | st.binary(max_size=8)
    | st.datetimes()
    | st.uuids()
    | st.just(Decimal("sNaN"))
    | st.just(10**400)
    | st.timedeltas(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)

words = st.sampled_from([*SPOKEN, *INJECTED]) | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
text = words.map(lambda found: f"A{found}") | st.sampled_from([4711, UUID(int=7), Decimal(12), numpy.int64(3)])
email = st.sampled_from(
    ["ada@example.com", "o'neil+x@mail.example.museum", "ü@müller.de", " b@x.org ", "a@b-c.example"]
)
not_email = st.sampled_from(["a..b@x.org", ".a@x.org", "a@-b.org", "a@b.123", "ada", "Ada <a@b.org>", "a\u200b@b.org"])
day = st.dates(date(1900, 1, 1)) | st.sampled_from(["2026-02-28", "2026-02-28 10:00+02", "2026-02-28T10:00:00.5Z"])
moment = st.datetimes(
    datetime(1900, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2999, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=-11))]),
)
not_a_day = st.sampled_from(["2026-02-30", "28.02.2026", "yesterday", 20260228, "0000-00-00", "2026-02-28T25:00:00Z"])
amount = (
    st.integers(0, 10**9)
    | st.decimals(0, 10**9, allow_nan=False, places=2)
    | st.floats(0, 1e9)
    | st.just(numpy.int64(5))
)
not_an_amount = st.sampled_from(["65.000,00", "1e3", True, math.inf, Decimal("-Infinity"), 10**16, "NaN", [1], "'; --"])
flag = st.sampled_from([True, False, 1, 0, "yes", "F", numpy.bool_(True)])
not_a_flag = st.sampled_from(["maybe", 2, "ja", [True], 0.5])
country = st.sampled_from(["DE", "GB", "GR", "XK", "US"])
not_a_country = st.sampled_from(["UK", "EL", "XX", "de", "DEU", "Germany", 49])
url = st.sampled_from(["https://example.com/a?b[]=1#c", "HTTP://ü.example/ä", "http://[::1]:80/"])
not_a_url = st.sampled_from(["example.com", "http://[::1", "https://a:b/", "https://a b", 7.5])
remote = st.sampled_from(["remote:4711", "8x3YKRDcuRnwShdh96ShBNn1", 42, "remote:a/b?c#d e"])
not_remote = st.sampled_from(["remote:", "remote:  ", 4.5])


def enumeration(*names: str) -> tuple[Values, Values]:
    return st.sampled_from(names), st.sampled_from([names[0].lower(), "OTHERS", f"{names[0]},", 1.5, "=1+1"])


def given_as_json(values: Values) -> Values:
    """Objects and lists come natively or as JSON text."""
    return st.tuples(values, st.booleans()).map(lambda found: _dumped(found[0]) if found[1] else found[0])


def _dumped(value: Any) -> Any:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return value


def one_wrong(fields: Mapping[str, tuple[Values, Values]], needed: tuple[str, ...]) -> tuple[Values, Values]:
    """Objects of right fields, and objects with one that is wrong, missing or unknown."""
    right = st.fixed_dictionaries(
        {name: fields[name][0] for name in needed},
        optional={name: found[0] for name, found in fields.items() if name not in needed},
    )
    wrong = [st.tuples(right, found[1]).map(_replaced(name)) for name, found in fields.items()]
    wrong += [right.map(_without(name)) for name in needed]
    wrong.append(right.map(lambda found: {**found, "unknown_key": 1}))
    return right, st.one_of(wrong)


def either(one: Values, other: Values) -> Values:
    """Draw from one or the other, as often."""
    return st.booleans().flatmap(lambda first: one if first else other)


def objects(item: tuple[Values, Values]) -> tuple[Values, Values]:
    return given_as_json(item[0]), given_as_json(either(item[1], st.sampled_from([7, "{", "no object", [1]])))


def _replaced(name: str) -> Any:
    return lambda pair: {**pair[0], name: pair[1]}


def _without(name: str) -> Any:
    return lambda found: {key: value for key, value in found.items() if key != name} | {"unknown_key": 1}


def listed(item: tuple[Values, Values]) -> tuple[Values, Values]:
    right = st.lists(item[0], min_size=1, max_size=2)
    wrong = st.tuples(right, item[1]).map(lambda found: [*found[0], found[1]])
    return right, either(wrong, st.sampled_from([7, "[", "no list", '{"a": 1', [[1]]]))


def cells(found: tuple[Values, Values]) -> tuple[Values, Values]:
    """What is a list or an object comes natively or as JSON text; everything else as it is."""
    return found[0].flatmap(_as_cell), found[1].flatmap(_as_cell)


def _as_cell(value: Any) -> Values:
    return given_as_json(st.just(value)) if isinstance(value, list | dict) else st.just(value)


TEXT = text, UNTEXT
CONTACT = enumeration("PERSONAL", "WORK", "OTHER")
phone = st.sampled_from(["+1-541-754-3010", "n/a", 4930901820])
LOCATION = one_wrong(
    {"country": (country, not_a_country), "city": TEXT, "state": TEXT, "zip_code": TEXT, "street_1": TEXT}, ("country",)
)
SALARY = one_wrong({"amount": (amount, not_an_amount), "period": enumeration("MONTH", "YEAR")}, ("amount", "period"))
EMAILS = listed(one_wrong({"email_address": (email, not_email), "type": CONTACT}, ("email_address", "type")))
PHONES = listed(one_wrong({"phone_number": (phone, UNTEXT), "type": CONTACT}, ("phone_number", "type")))
LINKS = listed(one_wrong({"url": (url, not_a_url)}, ("url",)))
NAME = st.sampled_from(["cv.pdf", "Lebenslauf Zoë.docx", "a'b.txt"]), st.sampled_from(["cv", "a/cv.pdf", "cv\n.pdf"])
MEDIA = st.just("application/pdf"), st.sampled_from(["pdf", "text/plain; charset=utf-8"])
DATA = (
    st.sampled_from(["JVBERi0xLjc=", "AA=="]),
    st.sampled_from(["AAA", "A-_A", "AAAA\nAAAA", "data:a/b;base64,AAAA", "AAAA'", ""]),
)
WEB = st.just("https://files.example.com/cv.pdf?s=a%2Fb"), st.sampled_from(["s3://b/cv.pdf", "/cv.pdf"])
PATH = st.just("s3://applicants/cv.pdf"), UNTEXT
KIND = enumeration("CV", "COVER_LETTER", "OTHER")


def file(**fields: tuple[Values, Values]) -> tuple[Values, Values]:
    """Files by each of their sources, with the other fields given."""
    ways = [
        one_wrong({"name": NAME, "content_type": MEDIA, way: found, **fields}, ("name", way, *fields))
        for way, found in (("data", DATA), ("data_url", WEB))
    ]
    if fields:
        ways.append(one_wrong({"name": NAME, "path": PATH, **fields}, ("name", "path", *fields)))
    return st.one_of([right for right, _ in ways]), st.one_of([wrong for _, wrong in ways])


ATTACHMENTS = listed(file(type=KIND))
ANSWER_FILE = file()
PLAIN = st.booleans() | amount | text | st.lists(st.just("option"), min_size=1, max_size=2) | day
ANSWERS = listed(
    one_wrong(
        {
            "question_id": TEXT,
            "answer": (PLAIN | ANSWER_FILE[0], st.sampled_from([b"x", math.inf, "x\ud800"]) | ANSWER_FILE[1]),
        },
        ("question_id", "answer"),
    )
)
REMOTE_FIELDS = (
    given_as_json(st.sampled_from([{"lever": {"candidate": {"a": [1, None, "x"]}}}, {"newats": {}}])),
    st.sampled_from(["[1]", "{", 5, '{"a": NaN}', {"a": 10**400}]),
)
GDPR = one_wrong({"given": (flag, not_a_flag), "expires_at": (day | moment, not_a_day)}, ())
SOURCE = one_wrong({"id": TEXT, "name": TEXT, "unified_key": TEXT}, ())
SOURCED_BY = one_wrong({"user_id": (remote, not_remote)}, ("user_id",))
