"""Five in a hundred creates are executed and never answered: all end settled, none twice, none lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from kombo_provider.doubts.replies import Reply
from kombo_sandbox.testing import Sandbox
from tests.e2e.test_in_doubt import INTEGRATION, JOB, OneSource

ROWS = 200
LOST = [f"p{number}@example.com" for number in range(0, ROWS, 20)]


@pytest.fixture(params=["application", "candidate"])
def desk(sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest) -> OneSource:
    desk = OneSource(sandbox, tmp_path, request.param)
    desk.stage(*((str(number), JOB, f"p{number}@example.com") for number in range(ROWS)))
    return desk


@pytest.mark.parametrize("visibility", ["at_once", "after_sync"])
def test_what_kombo_shows_is_delivered_by_look_up(desk: OneSource, visibility: str) -> None:
    desk.sandbox.config(visibility=visibility)
    with desk.losing(*LOST):
        desk.deliver()
    assert Counter(desk.statuses().values()) == {"delivered": ROWS - len(LOST), "in_doubt": len(LOST)}
    desk.sandbox.sync(INTEGRATION)
    assert desk.resolve() == {"delivered": len(LOST)}
    assert Counter(desk.statuses().values()) == {"delivered": ROWS}
    assert Counter(desk.sandbox.creates().values()) == {1: ROWS}


def test_what_kombo_never_shows_is_settled_by_a_persons_answers_with_one_create_each(desk: OneSource) -> None:
    desk.sandbox.config(visibility_of_lost="never", refuse_duplicates=True)
    with desk.losing(*LOST):
        desk.deliver()
    assert desk.resolve() == {"still in doubt": len(LOST)}
    lost = [applicant for applicant, status in desk.statuses().items() if status == "in_doubt"]
    assert desk.answer(Reply.SEND_AGAIN, *lost[:5]) == 5
    assert desk.answer(Reply.KEEP_LOOKING, *lost[5:]) == 5
    desk.let_time_pass()
    desk.deliver()
    assert desk.answer(Reply.WERE_SENT, *lost[5:]) == 5
    assert Counter(desk.statuses().values()) == {"delivered": ROWS}
    assert Counter(desk.sandbox.creates().values()) == {1: ROWS}
