"""The fixture of a table of applicants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger
from tests.unit.staging.people import Source


@pytest.fixture
def source(database_url: str) -> Iterator[Source]:
    engine = create_engine(database_url, **ENGINE_OPTIONS)
    ledger = Ledger(create_engine(database_url, **ENGINE_OPTIONS))
    ledger.ensure()
    yield Source(engine, ledger)
    ledger.close()
    engine.dispose()
