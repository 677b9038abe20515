"""Rows of the source as tuples with the names of their columns: what is mapped, whether pandas had them or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas


class SourceRows(NamedTuple):
    """Rows with the columns of the SELECT, or of what a transform made of it; values are untouched Python objects."""

    columns: list[str]
    rows: Sequence[tuple[Any, ...]]
    stored: Sequence[bytes | None] = ()
    """The rows' bytes, where whoever read them has them; they depend on the values alone."""

    @classmethod
    def of_frame(cls, frame: pandas.DataFrame) -> SourceRows:
        """Return the rows of a frame, of whatever dtypes."""
        return cls([str(name) for name in frame.columns], list(frame.itertuples(index=False, name=None)))

    def some(self, numbers: Sequence[int]) -> SourceRows:
        """Return the rows with these numbers."""
        return SourceRows(self.columns, [self.rows[number] for number in numbers])
