"""Kombo over HTTP: one call, and what it did."""

from __future__ import annotations

from kombo_provider.client.client import KomboClient
from kombo_provider.client.outcome import CreatedIds, Outcome, OutcomeClass
from kombo_provider.client.settings import ConnectionSettings

__all__ = ["ConnectionSettings", "CreatedIds", "KomboClient", "Outcome", "OutcomeClass"]
