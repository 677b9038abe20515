"""Three lanes with twenty rows each, or one row with a file, before a sandbox that answers at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kombo_provider.ledger._tables import deliveries
from kombo_sandbox.testing import Sandbox
from tests.reliability.three_lanes import INTEGRATIONS, ThreeLanes, sqlite_in


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[ThreeLanes]:
    with Sandbox(latency_seconds=0.1) as sandbox:
        desk = ThreeLanes(sandbox, sqlite_in(tmp_path))
        with desk.ledger.transaction() as conn:
            conn.execute(deliveries.delete().where(deliveries.c.applicant_id.in_([str(n) for n in range(20, 60)])))
        yield desk


@pytest.fixture
def one_with_file(desk: ThreeLanes) -> ThreeLanes:
    """One row is left, whose attachment is a file."""
    payload = '{"candidate":{"email_address":"a@example.com","first_name":"A","last_name":"B"}'
    attachment = ',"attachments":[{"name":"cv.pdf","type":"CV","content_type":"application/pdf","path":"s3://b/cv"}]}'
    with desk.ledger.transaction() as conn:
        conn.execute(deliveries.delete().where(deliveries.c.applicant_id != "0"))
        conn.execute(deliveries.delete().where(deliveries.c.integration_id != INTEGRATIONS[0]))
        conn.execute(deliveries.update().values(payload=payload + attachment, has_files=1))
    return desk
