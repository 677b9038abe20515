"""What is wrong with a row, in words of ours that never repeat a value (promise P7)."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from kombo_provider.mapping.fields import fields_of, model_of
from kombo_provider.mapping.models import Model

_HARMLESS_KEY = re.compile(r"[A-Za-z_][\w-]{0,63}", re.ASCII)
_MOST = 20  # problems told of one cell
_TEXTS = {
    "missing": "is required",
    "model_type": "expected an object",
    "model_attributes_type": "expected an object",
    "list_type": "expected a list",
}


class Problem(NamedTuple):
    """What is wrong with one field; `field` is a path, or its end below a column."""

    field: str
    problem: str


class UnusableError(ValueError):
    """A cell holds an object or list with one or more bad fields."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("unusable value")
        self.problems = problems


def problems_in(error: ValidationError, model: type[Model]) -> list[Problem]:
    """Return pydantic's findings in our words; its own texts may repeat the value, so none of them is used."""
    details = error.errors(include_url=False, include_input=False)
    told = [_problem(detail, model) for detail in details[:_MOST]]
    if len(details) > _MOST:
        told.append(Problem("", f"and {len(details) - _MOST} more problems"))
    return told


def _problem(detail: ErrorDetails, model: type[Model]) -> Problem:
    location = [step for step in detail["loc"] if not str(step).startswith("(")]  # tags of unions
    if detail["type"] == "kombo":
        return Problem(_suffix(location), detail["msg"])
    if detail["type"] == "extra_forbidden":
        return _unknown_key(location, model)
    return Problem(_suffix(location), _TEXTS.get(detail["type"], "is not what Kombo takes here"))


def _unknown_key(location: list[str | int], model: type[Model]) -> Problem:
    """Name a key that is nearly one of Kombo's words; any other may be data, so that only its place is named."""
    key, known = str(location[-1]), _keys_at(location[:-1], model)
    if not _HARMLESS_KEY.fullmatch(key) or not _is_nearly_a_word(key.lower()):
        return Problem(_suffix(location[:-1]), f"holds a key that Kombo does not know: it takes {', '.join(known)}")
    return Problem(_suffix(location), f"is no field of Kombo's{nearest(key, known)}")


def _is_nearly_a_word(key: str) -> bool:
    words = _words()
    begins_one = len(key) > 2 and any(word.startswith(key) for word in words)
    return begins_one or bool(get_close_matches(key, words, n=1, cutoff=0.75))


@cache
def _words() -> frozenset[str]:
    """Return the names of all fields of all objects that a request has."""
    kinds, found = [Model], set[str]()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found |= kind.model_fields.keys()
    return frozenset(found)


def _keys_at(location: list[str | int], model: type[Model]) -> list[str]:
    for step in location:
        if isinstance(step, str):
            model = model_of(fields_of(model)[step]) or model
    return list(fields_of(model))


def _suffix(location: list[str | int]) -> str:
    end = ""
    for step in location:
        if isinstance(step, int):
            end += f"[{step}]"
        elif "[" in end:
            end += f".{step}"  # below a list there are no aliases
        else:
            end += f"__{step}"
    return end


def nearest(name: str, known: list[str]) -> str:
    """Return " (did you mean …?)" with the most similar known name, or nothing."""
    same_end = [other for other in known if f"__{other}".endswith(f"__{name}") or name.endswith(f"__{other}")]
    longer = [other for other in known if other.startswith(name)]
    similar = same_end or longer or get_close_matches(name, known, n=1)
    return f" (did you mean {similar[0]}?)" if similar else ""
