"""A source in both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine

from kombo_provider.database import ENGINE_OPTIONS


@pytest.fixture
def source(database_url: str) -> Iterator[Engine]:
    """An empty database, once SQLite and once PostgreSQL."""
    engine = create_engine(database_url, **ENGINE_OPTIONS)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    """An empty PostgreSQL database."""
    engine = create_engine(postgres_url, **ENGINE_OPTIONS)
    yield engine
    engine.dispose()
