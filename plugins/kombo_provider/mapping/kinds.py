"""The kinds of single values that Kombo's request bodies are made of (API reference §2.1, §4, §5).

A `Kind` stands in the annotations of `models`: pydantic runs its cleaner inside JSON values, `bodies` runs the
same cleaner on whole columns.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from kombo_provider.mapping.countries import COUNTRIES, INSTEAD
from kombo_provider.mapping.instants import date_text
from kombo_provider.mapping.json_text import (
    PLAIN_BASE64,
    PLAIN_EMAIL,
    PLAIN_FILE_NAME,
    PLAIN_MEDIA_TYPE,
    PLAIN_REFERENCE,
    PLAIN_URL,
    TIDY_TEXT,
    clean_answer,
    clean_text,
)
from kombo_provider.mapping.values import (
    DEFAULT_RULES,
    INVISIBLE,
    Cleaner,
    Glance,
    Json,
    Rules,
    check_characters,
    from_numpy,
    refuse,
    text_of,
    tidy,
    unchanged,
)

_ATOM = rf"""[^\x00-\x20\x7f-\xa0\s@<>()\[\],;:"\\.{INVISIBLE}]+"""
_LETTERS = rf"[^\x00-/:-@\[-`{{-\xa0\s{INVISIBLE}]+"  # and digits, of any script
_LABEL = rf"{_LETTERS}(?:-+{_LETTERS})*"
# No top-level domain begins with a digit or has one letter only.
_HOST = rf"(?:{_LABEL}\.)+(?![0-9]|.$){_LABEL}"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_HOST}")
# Nearly all addresses and URLs; the general patterns are far slower, for the sets in them reach beyond 16 bits.
_PLAIN_EMAIL = re.compile(PLAIN_EMAIL)
_LONGEST_EMAIL, _LONGEST_LABEL = 254, 63
_INVISIBLE = re.compile(f"[{INVISIBLE}]")
# No folder, no line break, and nothing that turns the direction of writing, which hides the ending.
_FILE_CHARACTER = r"[^/\\\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
_FILE_NAME = re.compile(rf"(?=[.\s]*[^.\s].*\.){_FILE_CHARACTER}+\.[A-Za-z0-9]{{1,10}}")
_TWO_CAPITALS = re.compile(r"[A-Z]{2}")
_NOT_IN_URLS = rf"""\s<>"{{}}|\\^`{INVISIBLE}"""
_URL_NAME = rf"[^/?#@:\[\]{_NOT_IN_URLS}]+"
_URL_USER = rf"[^/?#@\[\]{_NOT_IN_URLS}]+@"
_URL_END = rf"(?:{_URL_USER})?(?:\[[0-9A-Fa-f:.]+\]|{_URL_NAME})(?::[0-9]{{1,5}})?(?:[/?#][^{_NOT_IN_URLS}]*)?"
_URI = re.compile(rf"{PLAIN_URL}|[A-Za-z][A-Za-z0-9+.\-]*://{_URL_END}")
_HTTP_URI = re.compile(rf"{PLAIN_URL}|(?i:https?)://{_URL_END}")
_MEDIA_TYPE = re.compile(PLAIN_MEDIA_TYPE)
_LARGEST_NUMBER = 10**15  # whole numbers up to here survive every JSON reader
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})


@dataclass(frozen=True)
class Kind:
    """Marks an annotation: values of this field are cleaned by `clean`.

    `glance` cleans a whole column of tidy texts at once. A value inside JSON text that fits the schema `in_json` is
    clean already: pydantic keeps it as it is.
    """

    clean: Cleaner
    glance: Glance | None = None
    in_json: CoreSchema | None = field(default=None, compare=False)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic validate with the cleaner; the validation's context holds the `Rules`."""
        ours = core_schema.with_info_plain_validator_function(self._validate)
        if self.in_json is None:
            return ours
        either = core_schema.union_schema([self.in_json, ours], mode="left_to_right")
        return core_schema.json_or_python_schema(json_schema=either, python_schema=ours)

    def _validate(self, value: Any, info: ValidationInfo) -> Any:
        cleaned = self.clean(value, info.context or DEFAULT_RULES)
        if cleaned is None:
            raise refuse("is required")
        return cleaned


def text(value: Any, _rules: Rules) -> str | None:
    """Return tidied text; integers and UUIDs as their exact text."""
    if type(value) is str and (stripped := value.strip()).isascii() and stripped.isprintable():  # nearly all text
        return stripped or None
    cleaned = tidy(value if type(value) is str else text_of(value))
    check_characters(cleaned)
    return cleaned or None


def matching(pattern: re.Pattern[str], problem: str) -> Cleaner:
    """Return a cleaner for text that matches the whole pattern."""

    def clean(value: Any, rules: Rules) -> str | None:
        cleaned = text(value, rules)
        if cleaned is not None and not pattern.fullmatch(cleaned):
            raise refuse(problem)
        return cleaned

    return clean


def one_of(*names: str) -> Kind:
    """Return the kind of an enumeration, spelled as Kombo spells it."""
    clean = cached(matching(re.compile("|".join(names)), f"expected one of {', '.join(names)}"))
    return Kind(clean, in_json=clean_text("|".join(names)))


def cached(clean: Cleaner) -> Cleaner:
    """Return the cleaner with a small memory for text that repeats from row to row."""
    remembered = lru_cache(maxsize=1024)(clean)
    return lambda value, rules: remembered(value, rules) if type(value) is str else clean(value, rules)


def email(value: Any, rules: Rules) -> str | None:
    """Return one e-mail address: dotted atoms, and a host whose last label is no number (RFC 5321, 5322)."""
    cleaned = text(value, rules)
    if cleaned is None or (len(cleaned) <= _LONGEST_LABEL and _PLAIN_EMAIL.fullmatch(cleaned)):
        return cleaned
    if _EMAIL.fullmatch(cleaned) and _is_short(cleaned):
        return cleaned
    if _INVISIBLE.search(cleaned):
        raise refuse("holds an invisible character (such as a zero-width space): remove it in the source")
    raise refuse("expected one e-mail address, such as name@example.com")


def plain_emails(texts: list[str], _rules: Rules) -> list[str] | None:
    """Return the addresses where all of them are plain ones."""
    short = max(map(len, texts), default=0) <= _LONGEST_LABEL
    return texts if short and all(map(_PLAIN_EMAIL.fullmatch, texts)) else None


def _is_short(address: str) -> bool:
    if len(address) <= _LONGEST_LABEL:
        return True
    return len(address) <= _LONGEST_EMAIL and max(map(len, address.partition("@")[2].split("."))) <= _LONGEST_LABEL


def country(value: Any, rules: Rules) -> str | None:
    """Return the code of a country, as ISO 3166-1 lists it."""
    cleaned = text(value, rules)
    if cleaned is None or cleaned in COUNTRIES:
        return cleaned
    if cleaned in INSTEAD:
        raise refuse(f"expected {INSTEAD[cleaned]}, which is the country's code in ISO 3166-1")
    if cleaned.upper() in COUNTRIES or not _TWO_CAPITALS.fullmatch(cleaned):
        raise refuse("expected two capital letters (ISO 3166-1 alpha-2), such as DE")
    raise refuse("is no country of ISO 3166-1: expected its two letters there, such as DE")


_DOTS: Final = frozenset({".", ".."})
_NO_REFERENCES: Final = _DOTS | {"remote:"}


def reference(value: Any, rules: Rules) -> str | None:
    """Return a Kombo id, or `remote:` and the ATS's own id."""
    cleaned = text(value, rules)
    if cleaned is not None and cleaned.startswith("remote:") and not cleaned.removeprefix("remote:").strip():
        raise refuse("expected an id of the ATS after remote:")
    if cleaned in _DOTS:
        raise refuse("is no id: it would change the request's path")
    return cleaned


def references(texts: list[str], _rules: Rules) -> list[str] | None:
    """Return the references where none of them lacks its id."""
    return texts if _NO_REFERENCES.isdisjoint(texts) else None


def number(value: Any, _rules: Rules) -> int | float | None:
    """Return a finite number; one without a fraction as an integer."""
    value = from_numpy(value)
    if isinstance(value, str) and not tidy(value):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise refuse("expected a number: cast the column to a numeric type in the SELECT")
    if not -_LARGEST_NUMBER < value < _LARGEST_NUMBER:
        raise refuse("expected a number between -10^15 and 10^15")
    return int(value) if value == int(value) else float(value)


def flag(value: Any, _rules: Rules) -> bool | None:
    """Return true or false, of a boolean, 0 and 1, or their usual spellings (SQLite has no booleans)."""
    value = from_numpy(value)
    word = tidy(value).lower() if isinstance(value, str) else value
    if word == "":
        return None
    if isinstance(word, str | int | float | Decimal):
        if word in _TRUE or word == 1:
            return True
        if word in _FALSE or word == 0:
            return False
    raise refuse("expected true or false")


def base64_data(value: Any, rules: Rules) -> str | None:
    """Return the base64 text of a file."""
    cleaned = text(value, rules)
    if cleaned is not None:
        try:
            binascii.a2b_base64(cleaned, strict_mode=True)
        except ValueError:
            raise refuse(_base64_problem(cleaned)) from None
    return cleaned


def _base64_problem(data: str) -> str:
    if data.startswith("data:"):
        return "expected base64 alone: cut off what stands before it (data:…;base64,)"
    if any(blank in data for blank in "\r\n\t "):
        return "expected base64 without line breaks and blanks: remove them in the SELECT"
    if "-" in data or "_" in data:
        return "expected base64 in its usual alphabet: it is in the URL's, with - for + and _ for /"
    if len(data.rstrip("=")) % 4 and len(data) % 4:
        return "expected base64 with its padding (= up to a multiple of four characters)"
    return "expected base64"


def file_path(value: Any, rules: Rules) -> str | None:
    """Return the path of an attachment's file, where the pipeline reads files at all."""
    if not rules.attachments_from_files:
        raise refuse("files are not read for this pipeline: set attachment_roots to allow it")
    return text(value, rules)


def answer(value: Any, rules: Rules) -> Json:
    """Return the answer to any screening question but a file's (API reference §5)."""
    value = from_numpy(value)
    if isinstance(value, list):
        return [text(item, rules) for item in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return number(value, rules)
    return date_text(value, rules) if isinstance(value, date) else text(value, rules)


TEXT = Kind(text, unchanged, clean_text(TIDY_TEXT))
PHONE = Kind(lambda value, rules: text(value, rules), unchanged, clean_text(TIDY_TEXT))
"""A text of its own kind, so that `plans` knows where odd numbers may stand."""
EMAIL = Kind(email, plain_emails, clean_text(PLAIN_EMAIL, _LONGEST_LABEL))
COUNTRY = Kind(cached(country))
URL = Kind(matching(_URI, "expected an absolute URL, such as https://example.com/page"), in_json=clean_text(PLAIN_URL))
HTTP_URL = Kind(matching(_HTTP_URI, "expected an absolute http(s) URL"), in_json=clean_text(PLAIN_URL))
MEDIA_TYPE = Kind(
    matching(_MEDIA_TYPE, "expected a media type without parameters, such as application/pdf"),
    in_json=clean_text(PLAIN_MEDIA_TYPE),
)
DATE = Kind(cached(date_text))
REFERENCE = Kind(reference, references, clean_text(PLAIN_REFERENCE))
NUMBER = Kind(number)
FLAG = Kind(flag)
BASE64 = Kind(base64_data, in_json=clean_text(PLAIN_BASE64))
FILE_PATH = Kind(file_path)
FILE_NAME = Kind(
    matching(_FILE_NAME, "expected a file's name with an ending, such as cv.pdf, and no folder or line break"),
    in_json=clean_text(PLAIN_FILE_NAME),
)
ANSWER = Kind(answer, in_json=clean_answer(_LARGEST_NUMBER))
