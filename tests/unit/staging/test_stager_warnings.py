"""What is odd but sent is told once in a run, as a number of rows, without a value."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger, RunRef
from kombo_provider.ledger.staging import Staging
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Plan, Window
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.stager import MappingOptions, Stager

SELECT = """
SELECT id AS applicant_id, 'lever:one' AS integration_id, 'job' AS job_id, 'Ada' AS candidate__first_name,
       'Doe' AS candidate__last_name, 'a@b.co' AS candidate__email_address, phone AS candidate__phone_number,
       'Agency' AS source__name
FROM (SELECT 1 AS id, 'secret phone' AS phone UNION SELECT 2, 'secret too' UNION SELECT 3, '+49 30 901820')
"""


def test_odd_numbers_and_a_deprecated_field_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    ledger = Ledger(create_engine(f"sqlite:///{tmp_path}/ledger.db", **ENGINE_OPTIONS))
    ledger.ensure()
    stager = Stager(ledger, Staging("crm", "kombo", "application", RunRef("push", "now")), MappingOptions())
    reader = SourceReader(create_engine("sqlite://"), SELECT, where="test.sql")
    stager.count_unknown(reader, datetime(2030, 1, 1, tzinfo=UTC))
    stager.run(reader, Plan(Window()), Narrowing(), started_at=datetime.now(UTC))
    assert stager.counts["new"] == 3
    said = [record.getMessage() for record in caplog.records]
    assert [line.partition(" is an odd")[0] for line in said if "odd" in line] == ["2 rows: candidate__phone_number"]
    assert len([line for line in said if "source__name" in line]) == 1
    assert "secret" not in caplog.text
