"""A person is told what to do in every status."""

from __future__ import annotations

from kombo_provider.ledger import Status
from kombo_provider.operators.descriptions import WHAT_TO_DO


def test_every_status_says_what_to_do() -> None:
    assert set(WHAT_TO_DO) == {str(status) for status in Status}
