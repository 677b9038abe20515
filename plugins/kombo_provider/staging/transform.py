"""The user's own function between source and mapping, called for each chunk."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kombo_provider.errors import SourceError

if TYPE_CHECKING:
    import pandas as pd

_ALIAS = re.compile(r"[A-Za-z_]\w{0,127}", re.ASCII)

Transform = Callable[["pd.DataFrame"], "pd.DataFrame"]


def transformed(transform: Transform, raw: pd.DataFrame) -> pd.DataFrame:
    """Call the user's function; what it raises may quote a row, so only its kind and its place are repeated."""
    name = name_of(transform)
    try:
        frame = transform(raw)
    except Exception as exc:  # noqa: BLE001 - the border to the user's code
        raise SourceError(
            f"The transform {name} failed: {kind_and_place(transform, exc)}. "
            "Nothing was staged from here on. Correct it, or the SELECT, and run again."
        ) from None
    if not hasattr(frame, "columns"):
        raise SourceError(f"The transform {name} returned no DataFrame, but {class_of(frame)}: return the frame.")
    odd = sum(_ALIAS.fullmatch(str(column)) is None for column in set(frame.columns).difference(raw.columns))
    if odd:
        raise SourceError(
            f"The transform {name} returned {odd} columns of its own whose names cannot be aliases; they may be values "
            "of rows, as after a pivot, and are not repeated here. Name each by its path in Kombo's request body."
        )
    return frame


def name_of(function: object) -> str:
    """Return what a user's function is called."""
    return str(getattr(function, "__name__", type(function).__name__))


_MADE_BY_CODE = 1 << 9
"""Py_TPFLAGS_HEAPTYPE of CPython: a class that was made as code ran, by a `class` statement or by `type()`."""


def class_of(value: object) -> str:
    """Return the name of a value's class.

    A class that was made as the code ran may be named after a person: of such a one the name of its base.
    """
    for kind in type(value).__mro__:
        is_of_the_interpreter = not kind.__flags__ & _MADE_BY_CODE  # as NoneType, which no module names
        if is_of_the_interpreter or getattr(sys.modules.get(kind.__module__), kind.__name__, None) is kind:
            return str(kind.__name__)
    return "object"


def kind_and_place(function: object, exc: Exception) -> str:
    """Say what a user's function raised and where in its file, without its words: they may quote a person's data."""
    code = getattr(function, "__code__", None)
    frames = traceback.extract_tb(exc.__traceback__)
    place = next((f for f in reversed(frames) if code and f.filename == code.co_filename), frames[-1])
    return f"{class_of(exc)} in {Path(place.filename).name}, line {place.lineno}"
