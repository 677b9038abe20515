"""For the tests of those who use this provider.

`pytest_plugins = ["kombo_provider.testing"]` in the outermost `conftest.py` gives the fixture `kombo_sandbox`;
`map_rows` tells what rows of a fixture would become.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kombo_provider.testing.fixtures import KomboSandbox, kombo_sandbox

if TYPE_CHECKING:
    from kombo_provider.testing.rows import map_rows

__all__ = ["KomboSandbox", "kombo_sandbox", "map_rows"]


def __getattr__(name: str) -> Any:
    """Import `map_rows` when it is asked for: it brings Airflow along, which a test may want to set up first."""
    if name == "map_rows":
        from kombo_provider.testing.rows import map_rows

        return map_rows
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
