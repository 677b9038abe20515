"""Rows whose target has an application id that no delivery bears: held, counted and named, and for how long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger
from tests.unit.staging.test_stage import Source


@pytest.fixture
def source(database_url: str) -> Iterator[Source]:
    engine = create_engine(database_url, **ENGINE_OPTIONS)
    ledger = Ledger(create_engine(database_url, **ENGINE_OPTIONS))
    ledger.ensure()
    source = Source(engine, ledger)
    source.add(range(2), "ats:a")
    source.give_target()
    source.run("ALTER TABLE people ADD COLUMN sent TEXT")
    source.stage(run="first")
    yield source
    ledger.close()
    engine.dispose()


def test_rows_that_an_earlier_tool_sent_are_neither_counted_nor_named_as_held(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.add(range(10, 17), "ats:a")
    source.run("UPDATE people SET sent = 'true', kombo_application_id = 'app-' || id WHERE id >= 10")
    source.add(range(20, 21), "ats:a")
    source.has_id(20, "made-by-another-tool")

    report = source.stage(more="sent AS already_sent")

    assert (report.counts["imported"], report.counts["new"], report.counts["held"]) == (7, 0, 1)
    of_integration = {name: rows for (_, name), rows in report.by_integration.items() if rows}
    assert of_integration == {"already_known": 2, "imported": 7, "held": 1}
    assert "such as 20 of ats:a:" in caplog.text


def test_rows_that_an_earlier_tool_sent_hide_none_of_those_that_wait_for_approval(source: Source) -> None:
    source.add(range(10, 13), "ats:a")
    source.run("UPDATE people SET sent = 'true', kombo_application_id = 'app-' || id WHERE id >= 10")
    source.add(range(20, 25), "ats:a")
    counts = source.stage(more="sent AS already_sent").counts
    assert (counts["imported"], counts["new"], counts["held"]) == (3, 0, 5)
