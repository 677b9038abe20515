"""The demo's one error: what failed and where to look."""

from __future__ import annotations


class DemoError(Exception):
    """Ends the demo; its text is all that the user sees."""
