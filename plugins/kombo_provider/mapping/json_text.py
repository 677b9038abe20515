"""What pydantic itself recognises in JSON text as clean, so that most values need no cleaner of ours.

Each pattern takes only what the cleaner of its kind returns unchanged; all else goes to the cleaner.
"""

from __future__ import annotations

from typing import Final

from pydantic_core import CoreSchema, core_schema

_FIRST: Final = r"[\p{L}\p{N}--[\u{115f}\u{1160}\u{3164}\u{ffa0}]]"
"""A letter or digit that one can see: then the text is neither blank nor does it begin with a blank."""
_LAST: Final = r"[\p{L}\p{M}\p{N}\p{P}\p{S}]"

# Whole texts, without anchors. Those of addresses, URLs and media types mean the same to Python.
TIDY_TEXT: Final = rf"{_FIRST}(?:[\p{{L}}\p{{M}}\p{{N}}\p{{P}}\p{{S}} ]*{_LAST})?"
PLAIN_FILE_NAME: Final = rf"{_FIRST}[\p{{L}}\p{{M}}\p{{N}} ._()-]*\.[A-Za-z0-9]{{1,10}}"
PLAIN_EMAIL: Final = r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*\.)+[A-Za-z]{2,}"
PLAIN_URL: Final = r"https?://[A-Za-z0-9.-]+(?:[/?#][A-Za-z0-9/?#=&%_.~:,;@!$'()*+-]*)?"
PLAIN_MEDIA_TYPE: Final = r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+"
PLAIN_BASE64: Final = r"(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
PLAIN_REFERENCE: Final = r"[A-Za-z0-9_-]+"


def clean_text(pattern: str, longest: int | None = None) -> CoreSchema:
    """Return the schema of texts that match a whole pattern (of Rust's rules), of at most `longest` characters."""
    return core_schema.str_schema(pattern=f"^(?:{pattern})$", max_length=longest, strict=True)


def clean_answer(biggest: int) -> CoreSchema:
    """Return the schema of answers that are a tidy text, a whole number or a boolean."""
    number = core_schema.int_schema(gt=-biggest, lt=biggest, strict=True)
    return core_schema.union_schema(
        [core_schema.bool_schema(strict=True), number, clean_text(TIDY_TEXT)], mode="left_to_right"
    )
