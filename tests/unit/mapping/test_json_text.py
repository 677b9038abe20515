"""What pydantic takes from JSON text by itself is what the cleaner of its kind returns unchanged."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import CoreSchema, SchemaValidator, ValidationError

from kombo_provider.mapping import kinds
from kombo_provider.mapping.kinds import Kind
from kombo_provider.mapping.values import DEFAULT_RULES

KINDS = {
    "answer": kinds.ANSWER,
    "base64": kinds.BASE64,
    "e-mail": kinds.EMAIL,
    "file name": kinds.FILE_NAME,
    "http url": kinds.HTTP_URL,
    "media type": kinds.MEDIA_TYPE,
    "one of": kinds.one_of("CV", "OTHER"),
    "phone": kinds.PHONE,
    "reference": kinds.REFERENCE,
    "text": kinds.TEXT,
    "url": kinds.URL,
}
TAKEN = {
    "answer": "Four weeks",
    "base64": "QUJDRA==",
    "e-mail": "zoe.m@example.com",
    "file name": "CV Zoë (1).pdf",
    "http url": "https://example.com/a?b=c",
    "media type": "text/plain",
    "one of": "CV",
    "phone": "030 123-4",
    "reference": "3VyLgP8dRkXn7ZtWq4BmHc2j",
    "text": "Zoë Müller",
    "url": "https://example.com",
}
ODD = ["", " a", "a ", "a\n", "\u3164", "\u2800", "a\u0000", "remote:", "a@b", "cv.", "/cv.pdf", "CV\n", "a\u202eb.pdf"]
ODD += ["QR==", "QUI=", "Q==="]
PIECES = st.lists(st.sampled_from([*ODD, *TAKEN.values(), "@", ".", "remote:", "x" * 70]), max_size=3).map("".join)


def _schema(kind: Kind) -> CoreSchema:
    assert kind.in_json is not None
    return kind.in_json


VALIDATORS = {name: SchemaValidator(_schema(kind)) for name, kind in KINDS.items()}


@pytest.mark.parametrize("name", sorted(KINDS))
@given(value=PIECES | st.text(max_size=6))
@example(value="")
def test_what_is_taken_is_what_the_cleaner_keeps(name: str, value: str) -> None:
    try:
        taken = VALIDATORS[name].validate_python(value)
    except ValidationError:
        return
    assert taken == KINDS[name].clean(value, DEFAULT_RULES) == value


@pytest.mark.parametrize("name", sorted(KINDS))
def test_common_values_are_taken(name: str) -> None:
    assert VALIDATORS[name].validate_python(TAKEN[name]) == TAKEN[name]


@given(value=st.integers() | st.booleans())
def test_a_number_or_a_flag_is_taken_as_the_cleaner_keeps_it(value: int) -> None:
    try:
        taken = VALIDATORS["answer"].validate_python(value)
    except ValidationError:
        return
    assert taken == kinds.ANSWER.clean(value, DEFAULT_RULES)
    assert type(taken) is type(value)
