"""docs/fields.md: it lists each field of the request with its type, and its examples pass and fail as it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from kombo_provider.mapping import kinds
from kombo_provider.mapping.fields import fields_of, is_list, kind_of, model_of
from kombo_provider.mapping.kinds import Kind
from kombo_provider.mapping.models import Application, Attachment, Body, File, Model, ScreeningAnswer
from kombo_provider.mapping.passthrough import JSON_OBJECT
from kombo_provider.mapping.values import DEFAULT_RULES, Rules
from tests.conftest import ROOT
from tests.docs.markdown import code_in, table

DOCUMENT = ROOT / "docs" / "fields.md"
FIELDS = {code_in(row["alias"])[0]: row for row in table(DOCUMENT, "## Fields", "alias")}
CHECKS = {row["type"]: row for row in table(DOCUMENT, "## Checks", "type")}
TYPES = {
    "text": kinds.TEXT,
    "phone": kinds.PHONE,
    "e-mail": kinds.EMAIL,
    "date": kinds.DATE,
    "reference": kinds.REFERENCE,
    "country": kinds.COUNTRY,
    "number": kinds.NUMBER,
    "boolean": kinds.FLAG,
    "URL": kinds.URL,
    "web URL": kinds.HTTP_URL,
    "media type": kinds.MEDIA_TYPE,
    "base64": kinds.BASE64,
    "file name": kinds.FILE_NAME,
    "path": kinds.FILE_PATH,
    "answer": kinds.ANSWER,
    "JSON object": JSON_OBJECT,
}
RULES = Rules(DEFAULT_RULES.zone, attachments_from_files=True)


def request_fields(model: type[Model], parent: str = "", joint: str = "__") -> Iterator[tuple[str, FieldInfo]]:
    for key, field in fields_of(model).items():
        alias = f"{parent}{joint}{key}" if parent else key
        yield alias, field
        inner = model_of(field)
        if inner is not None and inner is not File:
            below = (f"{alias}[]", ".") if is_list(field) else (alias, "__")
            yield from request_fields(inner, *below)


FOUND = dict([*request_fields(Application), *request_fields(Body)])


def type_of(field: FieldInfo) -> str:
    kind = kind_of(field)
    if kind is None:
        return "list" if is_list(field) else "object"
    return next((name for name, known in TYPES.items() if known is kind), "enumeration")


def accepted(kind: Kind, value: Any) -> bool:
    try:
        return kind.clean(value, RULES) is not None
    except ValueError:
        return False


def test_each_field_of_the_request_is_listed_with_its_type() -> None:
    assert {alias: row["type"] for alias, row in FIELDS.items()} == {a: type_of(f) for a, f in FOUND.items()}


def test_what_is_called_required_is_required() -> None:
    called = {alias for alias, row in FIELDS.items() if row["check"].startswith("required")}
    assert called == {alias for alias, field in FOUND.items() if field.is_required()}


@pytest.mark.parametrize("alias", [alias for alias, row in FIELDS.items() if row["type"] == "enumeration"])
def test_the_words_of_an_enumeration_are_the_ones_it_takes(alias: str) -> None:
    kind = kind_of(FOUND[alias])
    assert kind is not None
    with pytest.raises(ValueError, match="expected one of") as refused:
        kind.clean("nothing", RULES)
    assert str(refused.value) == f"expected one of {', '.join(code_in(FIELDS[alias]['check']))}"


def test_each_type_has_its_check() -> None:
    used = {row["type"] for row in FIELDS.values()} - {"object", "list"}
    assert CHECKS.keys() == used == {*TYPES, "enumeration"}


@pytest.mark.parametrize("name", TYPES)
def test_the_examples_pass_and_fail_as_the_document_says(name: str) -> None:
    good, bad = (code_in(CHECKS[name][head]) for head in ("such as", "not"))
    typed: dict[str, Any] = {"65000.5": 65000.5, "1.5": 1.5}
    assert good
    assert [value for value in good if not accepted(TYPES[name], typed.get(value, value))] == []
    assert [value for value in bad if accepted(TYPES[name], typed.get(value, value))] == []


def test_the_keys_of_an_attachment_are_told_apart_from_those_of_an_answers_file() -> None:
    assert set(fields_of(Attachment)) - set(fields_of(File)) == {"type", "path"}
    assert model_of(fields_of(ScreeningAnswer)["answer"]) is File
