"""Objects and lists in one cell, native or as JSON text: parsed, tidied, validated by their model."""

from __future__ import annotations

import re
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from kombo_provider.mapping.fields import is_list, model_of
from kombo_provider.mapping.passthrough import parse_json
from kombo_provider.mapping.problems import UnusableError, problems_in
from kombo_provider.mapping.values import JsonText, Rules, from_numpy, is_missing, refuse, tidy

_MAYBE_EMPTY = re.compile(r'"\s*"|\{\s*\}|\[\s*\]')


class Structure:
    """Cleans cells that hold a whole object or list of a field; its text has its keys in the models' order."""

    def __init__(self, field: FieldInfo) -> None:
        model = model_of(field)
        if model is None:
            raise TypeError("a field has a kind or a model")
        self._model = model
        adapter: TypeAdapter[Any] = TypeAdapter(list[model] if is_list(field) else model)  # type: ignore[valid-type]
        # What the adapter wraps, called once for each cell: the wrapping would cost as much as a short list's checks.
        self._validator, self._serializer = adapter.validator, adapter.serializer
        self._expected = "expected an object"
        if is_list(field):
            self._expected = "expected a list"

    def clean(self, value: Any, rules: Rules) -> JsonText | None:
        """Return the cell's JSON text; raise UnusableError with a problem per bad field."""
        validated = self._quickly(value, rules)
        if validated is None:
            validated = self._thoroughly(value, rules)
        if validated is None:
            return None
        return JsonText(self._serializer.to_json(validated, by_alias=True, exclude_unset=True).decode())

    def _quickly(self, value: Any, rules: Rules) -> Any:
        """Return the validated value of JSON text that is right as it stands, None where that is not sure."""
        if type(value) is not str or "null" in value or _MAYBE_EMPTY.search(value):
            return None
        try:
            return self._validator.validate_json(value, context=rules)
        except ValidationError:
            return None

    def _thoroughly(self, value: Any, rules: Rules) -> Any:
        """Return the validated value without its absent parts, None where nothing is left of it."""
        shaped = shape(self._parsed(value))
        if shaped is None:
            return None
        try:
            return self._validator.validate_python(shaped, context=rules)
        except ValidationError as exc:
            raise UnusableError(problems_in(exc, self._model)) from None

    def _parsed(self, value: Any) -> Any:
        value = from_numpy(value)
        if isinstance(value, str):
            text = tidy(value)
            if not text:
                return None
            value = parse_json(text)
        if value is None or isinstance(value, dict | list | tuple):
            return value
        raise refuse(f"{self._expected}, native or as JSON text")


def shape(value: Any) -> Any:
    """Return the value without its absent parts, text tidied; None where nothing is left of it.

    Absent are null, NaN, blank text, and objects and lists that hold nothing else.
    """
    value = from_numpy(value)
    if isinstance(value, str):
        return tidy(value) or None
    if isinstance(value, dict):
        shaped = [(str(key), shape(item)) for key, item in value.items()]
        return {key: part for key, part in shaped if part is not None} or None
    if isinstance(value, list | tuple):
        parts = map(shape, value)
        return [part for part in parts if part is not None] or None
    if is_missing(value):
        return None
    return value
