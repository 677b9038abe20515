"""Kombo over HTTP: one call, and what it did."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kombo_provider.client.client import KomboClient
    from kombo_provider.client.outcome import CreatedIds, Outcome, OutcomeClass
    from kombo_provider.client.settings import ConnectionSettings

__all__ = ["ConnectionSettings", "CreatedIds", "KomboClient", "Outcome", "OutcomeClass"]

_HOMES = {
    "ConnectionSettings": "settings",
    "CreatedIds": "outcome",
    "KomboClient": "client",
    "Outcome": "outcome",
    "OutcomeClass": "outcome",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for only then: each task of a run reads the settings, and few of them need requests."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
