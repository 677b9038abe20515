"""One answer to a screening question: checked and converted by the question's type (API reference §5)."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any, Final

from kombo_provider.mapping.content_types import accepts
from kombo_provider.mapping.instants import date_text
from kombo_provider.mapping.kinds import URL, email, flag, number, text
from kombo_provider.mapping.questions import Question
from kombo_provider.mapping.values import Json, Rules, refuse

_NUMBER = re.compile(r"[+-]?[0-9]{1,16}(\.[0-9]{1,16})?")


def _text(value: Any, question: Question, rules: Rules) -> Json:
    if isinstance(value, bool | float | list | dict):
        raise refuse("expected text")
    told = text(value, rules)
    longest = question.limit("max_length")
    if told is not None and longest is not None and len(told) > longest > 0:
        raise refuse(f"expected text of at most {longest:g} characters")
    shown_as = question.form.get("display_type")
    if shown_as == "EMAIL":
        return email(told, rules)
    return URL.clean(told, rules) if shown_as == "URL" else told


def _number(value: Any, question: Question, rules: Rules) -> Json:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse("expected a number, such as 5 or 5.5")
    told = number(value, rules)
    least, most = question.limit("min"), question.limit("max")
    if least is not None and told is not None and told < least:
        raise refuse(f"expected a number of at least {least:g}")
    if most is not None and told is not None and told > most:
        raise refuse(f"expected a number of at most {most:g}")
    return told


def _boolean(value: Any, _question: Question, rules: Rules) -> Json:
    return flag(_single(value, "true or false"), rules)


def _date(value: Any, _question: Question, rules: Rules) -> Json:
    return date_text(_single(value, "a date"), rules)


def _choice(value: Any, question: Question, rules: Rules) -> Json:
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    return _option(_single(value, "one option"), question, rules)


def _choices(value: Any, question: Question, rules: Rules) -> Json:
    several = value if isinstance(value, list) else [_single(value, "a list of options")]
    return list(dict.fromkeys(_option(one, question, rules) for one in several))


def _single(value: Any, expected: str) -> Any:
    if isinstance(value, list | dict):
        raise refuse(f"expected {expected}")
    return value


def _option(value: Any, question: Question, rules: Rules) -> str:
    """Return the id of an option that is named by its id, or by a name that no other option has."""
    if isinstance(value, bool | float | dict | list):
        raise refuse("expected the id or the name of an option")
    told = text(value, rules) or ""
    if question.options is None or told in (option for option, _ in question.options):
        return told
    named = [option for option, name in question.options if name == told]
    if not named:
        raise refuse("is neither the id nor the name of an option of the question")
    if len(named) > 1:
        raise refuse("is the name of several options of the question: answer with the option's id")
    return named[0]


def _file(value: Any, question: Question, _rules: Rules) -> Json:
    if not isinstance(value, dict):
        raise refuse("expected a file: an object with name and one of data and data_url")
    most, data = question.limit("max_file_size_bytes"), value.get("data")
    if most is not None and isinstance(data, str) and size_of_base64(data) > most > 0:
        raise refuse(f"expected a file of at most {most:.0f} bytes")
    if not accepts(question.form.get("accepted_mime_types"), value.get("content_type")):
        raise refuse("is a file of a content_type that the question does not take")
    return value


def size_of_base64(data: str) -> int:
    """Return how many bytes a valid base64 text stands for."""
    return len(data) // 4 * 3 - data[-2:].count("=")


SETTLE: Final = MappingProxyType(
    {
        "TEXT": _text,
        "NUMBER": _number,
        "BOOLEAN": _boolean,
        "DATE": _date,
        "SINGLE_SELECT": _choice,
        "MULTI_SELECT": _choices,
        "FILE": _file,
    }
)
"""By the question's type. To other types Kombo submits no answer."""
