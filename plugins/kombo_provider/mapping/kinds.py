"""The kinds of single values that Kombo's request bodies are made of (API reference §2.1, §4, §5).

A `Kind` stands in the annotations of `models`: pydantic runs its cleaner inside JSON values, `bodies` runs the
same cleaner on whole columns.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from kombo_provider.mapping.instants import date_text
from kombo_provider.mapping.values import (
    DEFAULT_RULES,
    Cleaner,
    Json,
    Rules,
    check_characters,
    from_numpy,
    refuse,
    text_of,
    tidy,
)

_EMAIL = re.compile(r"""[^\s@<>()\[\],;:"\\]+@[^\s@<>()\[\],;:"\\.]+(\.[^\s@<>()\[\],;:"\\.]+)+""")
_COUNTRY = re.compile(r"[A-Z]{2}")
_URI = re.compile(r"""[A-Za-z][A-Za-z0-9+.\-]*://[^\s/?#<>"{}|\\^`]+[^\s<>"{}|\\^`]*""")
_HTTP_URI = re.compile(r"""(?i:https?)://[^\s/?#<>"{}|\\^`]+[^\s<>"{}|\\^`]*""")
_MEDIA_TYPE = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_LARGEST_NUMBER = 10**15  # whole numbers up to here survive every JSON reader
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})


@dataclass(frozen=True)
class Kind:
    """Marks an annotation: values of this field are cleaned by `clean`."""

    clean: Cleaner

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic validate with the cleaner; the validation's context holds the `Rules`."""
        return core_schema.with_info_plain_validator_function(self._validate)

    def _validate(self, value: Any, info: ValidationInfo) -> Any:
        cleaned = self.clean(value, info.context or DEFAULT_RULES)
        if cleaned is None:
            raise refuse("is required")
        return cleaned


def text(value: Any, _rules: Rules) -> str | None:
    """Return tidied text; integers and UUIDs as their exact text."""
    if type(value) is str and (stripped := value.strip()).isprintable():  # nearly all text
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
    return Kind(cached(matching(re.compile("|".join(names)), f"expected one of {', '.join(names)}")))


def cached(clean: Cleaner) -> Cleaner:
    """Return the cleaner with a small memory for text that repeats from row to row."""
    remembered = lru_cache(maxsize=1024)(clean)
    return lambda value, rules: remembered(value, rules) if type(value) is str else clean(value, rules)


def reference(value: Any, rules: Rules) -> str | None:
    """Return a Kombo id, or `remote:` and the ATS's own id."""
    cleaned = text(value, rules)
    if cleaned is not None and cleaned.startswith("remote:") and not cleaned.removeprefix("remote:").strip():
        raise refuse("expected an id of the ATS after remote:")
    return cleaned


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
            raise refuse("expected base64, padded and without line breaks") from None
    return cleaned


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


TEXT = Kind(text)
EMAIL = Kind(matching(_EMAIL, "expected one e-mail address, such as name@example.com"))
COUNTRY = Kind(cached(matching(_COUNTRY, "expected two capital letters (ISO 3166-1 alpha-2), such as DE")))
URL = Kind(matching(_URI, "expected an absolute URL, such as https://example.com/page"))
HTTP_URL = Kind(matching(_HTTP_URI, "expected an absolute http(s) URL"))
MEDIA_TYPE = Kind(matching(_MEDIA_TYPE, "expected a media type without parameters, such as application/pdf"))
DATE = Kind(cached(date_text))
REFERENCE = Kind(reference)
NUMBER = Kind(number)
FLAG = Kind(flag)
BASE64 = Kind(base64_data)
FILE_PATH = Kind(file_path)
ANSWER = Kind(answer)
