"""The keys that one extract has staged already, in eight bytes each: an extract may have millions of rows."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Hashable, Set
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Hashes = npt.NDArray[np.int64]


class SeenKeys:
    """Says whether a key may have been seen: never wrongly no, and hardly ever wrongly yes.

    Hashes stand in sorted runs, each longer than the next, so that a million keys are a handful of runs.
    """

    def __init__(self) -> None:
        self._unsorted = array("q")
        self._runs: list[Hashes] = []

    def may_hold(self, keys: Collection[Hashable]) -> list[bool]:
        """Tell for each key whether it may have been added before."""
        self._sort()
        if not self._runs:
            # Most extracts are one chunk or none: those need not load numpy, which takes a tenth of a second.
            return [False] * len(keys)
        import numpy as np

        hashes = np.fromiter(map(hash, keys), dtype=np.int64, count=len(keys))
        found = np.zeros(len(hashes), dtype=bool)
        for run in self._runs:
            places = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            found |= run[places] == hashes
        return [bool(hit) for hit in found]

    def add(self, keys: Collection[Hashable]) -> None:
        """Remember keys."""
        self._unsorted.extend(map(hash, keys))

    def add_new(self, keys: Set[Hashable]) -> int:
        """Remember those of the keys that were not added before; return how many they are."""
        new = [key for key, held in zip(keys, self.may_hold(keys), strict=True) if not held]
        self.add(new)
        return len(new)

    def _sort(self) -> None:
        """Make what was added since the last question a run, merged with those that are no longer."""
        if not self._unsorted:
            return
        import numpy as np

        run = np.sort(np.array(self._unsorted, dtype=np.int64))
        self._unsorted = array("q")
        while self._runs and len(self._runs[-1]) <= len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)
