"""The user's own function between source and mapping, called for each chunk."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kombo_provider.errors import SourceError

if TYPE_CHECKING:
    import pandas as pd

Transform = Callable[["pd.DataFrame"], "pd.DataFrame"]


def transformed(transform: Transform, raw: pd.DataFrame) -> pd.DataFrame:
    """Call the user's function; what it raises may quote a row, so only its kind and its place are repeated."""
    name = getattr(transform, "__name__", type(transform).__name__)
    code = getattr(transform, "__code__", None)
    try:
        frame = transform(raw)
    except Exception as exc:  # noqa: BLE001 - the border to the user's code
        frames = traceback.extract_tb(exc.__traceback__)
        place = next((f for f in reversed(frames) if code and f.filename == code.co_filename), frames[-1])
        raise SourceError(
            f"The transform {name} failed: {type(exc).__name__} in {Path(place.filename).name}, line {place.lineno}. "
            "Nothing was staged from here on. Correct it, or the SELECT, and run again."
        ) from None
    if not hasattr(frame, "columns"):
        raise SourceError(f"The transform {name} returned no DataFrame, but {type(frame).__name__}: return the frame.")
    return frame
