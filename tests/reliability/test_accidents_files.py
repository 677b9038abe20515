"""Files of a row that are slow, never open, or change while they are read."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from sqlalchemy import func, select

from kombo_provider.ledger._tables import deliveries
from tests.reliability.three_lanes import INTEGRATIONS, PATIENT, ThreeLanes


def test_a_file_too_slow_for_an_intent_is_read_once_and_sent_with_the_next(
    one_with_file: ThreeLanes,
) -> None:
    reads = []

    def slow(url: str) -> bytes:
        reads.append(url)
        time.sleep(0.4)
        return b"%PDF"

    assert one_with_file.deliver(read_file=slow, tuning=replace(PATIENT, begin_within=0.2)).problems == []
    assert len(reads) == 1
    assert one_with_file.statuses(INTEGRATIONS[0]) == {"delivered": 1}


def test_a_file_that_never_opens_costs_its_own_row_and_the_others_are_sent(desk: ThreeLanes) -> None:
    attachment = ',"attachments":[{"name":"cv.pdf","type":"CV","content_type":"application/pdf","path":"s3://b/cv"}]}'
    with desk.ledger.transaction() as conn:
        of_file = (deliveries.c.integration_id == INTEGRATIONS[0], deliveries.c.applicant_id.in_(["0", "5"]))
        longer = func.substr(deliveries.c.payload, 1, func.length(deliveries.c.payload) - 1) + attachment
        conn.execute(deliveries.update().where(*of_file).values(payload=longer, has_files=1))
    released = threading.Event()

    def hanging(_: str) -> bytes:
        released.wait()
        return b""

    report = desk.deliver(read_file=hanging, tuning=replace(PATIENT, read_files_within=0.3))
    released.set()
    assert report.problems == []
    assert desk.statuses(INTEGRATIONS[0]) == {"delivered": 18, "invalid": 2}
    with desk.ledger.transaction() as conn:
        problems = conn.scalar(select(deliveries.c.problems).where(*of_file).limit(1))
    assert problems == ('[{"field": "attachments[0].path", "problem": "the file could not be read within 0.3 s"}]')


def test_a_row_staged_again_while_its_file_was_late_is_sent_as_it_is_now(
    one_with_file: ThreeLanes,
) -> None:
    reads = []

    def slow_once(url: str) -> bytes:
        reads.append(url)
        if len(reads) == 1:
            time.sleep(0.4)
            with one_with_file.ledger.transaction() as conn:
                changed = func.replace(deliveries.c.payload, "a@example.com", "b@example.com")
                conn.execute(deliveries.update().values(payload=changed))
        return b"%PDF"

    assert one_with_file.deliver(read_file=slow_once, tuning=replace(PATIENT, begin_within=0.2)).problems == []
    assert [email for _, _, email in one_with_file.sandbox.creates()] == ["b@example.com"]
