"""A source in every kind of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine

from kombo_provider.database import ENGINE_OPTIONS


@pytest.fixture
def source(warehouse_url: str) -> Iterator[Engine]:
    """An empty database, once of each kind."""
    engine = create_engine(warehouse_url, **ENGINE_OPTIONS)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    """An empty PostgreSQL database."""
    engine = create_engine(postgres_url, **ENGINE_OPTIONS)
    yield engine
    engine.dispose()
