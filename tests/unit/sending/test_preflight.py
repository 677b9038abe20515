"""Nothing is stopped that Kombo does not clearly refuse: what it does not tell is sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kombo_provider.errors import ApiError
from kombo_provider.ledger.waiting import Waiting
from kombo_provider.sending.attachment_limits import NOT_TOLD
from kombo_provider.sending.preflight import NOTHING_TOLD, LaneFacts, Preflight, refusal
from tests.waiting import PATIENCE_SECONDS

LANE = "greenhouse:a"
APPLICATION, CANDIDATE = ["application"], ["candidate"]


def action(name: str = "ats_create_application", **more: Any) -> dict[str, Any]:
    return {"write_actions": [{"id": name, "is_available": False, **more}]}


@pytest.mark.parametrize(
    ("integration", "code"),
    [
        ({"status": "INACTIVE"}, "INTEGRATION.INACTIVE"),
        ({"status": "ACTIVE", "setup_status": "INCOMPLETE"}, "INTEGRATION.SETUP_INCOMPLETE"),
        (action(scope_config_setting="DISABLED"), "INTEGRATION.ACTION_DISABLED"),
        (action(scope_config_setting="OPTIONAL", opted_out_by_customer=True), "INTEGRATION.ACTION_DISABLED"),
        (action(coverage_status="UNSUPPORTED"), "INTEGRATION.ACTION_NOT_AVAILABLE"),
        (action(coverage_status="NOT_IMPLEMENTED"), "INTEGRATION.ACTION_NOT_AVAILABLE"),
    ],
)
def test_what_kombo_clearly_refuses_has_kombos_code(integration: dict[str, Any], code: str) -> None:
    assert refusal(integration, APPLICATION) == code


@pytest.mark.parametrize(
    "integration",
    [
        {},
        {"status": "ACTIVE", "setup_status": "COMPLETED"},
        {"status": "ACTIVE", "setup_status": "FINAL_SYNC_PENDING"},
        {"status": "PAUSED_BY_SOMETHING_NEW", "setup_status": "NEW_TOO"},
        {"status": ["INACTIVE"], "setup_status": {"INCOMPLETE": 1}},
        {"write_actions": None},
        {"write_actions": "ats_create_application"},
        {"write_actions": ["ats_create_application", None, {"id": ["x"]}, {}]},
        action(),
        action(coverage_status="UNKNOWN"),
        action(coverage_status=["UNSUPPORTED"]),
        action(scope_config_setting="OPTIONAL"),
        action(is_available=True, scope_config_setting="DISABLED"),
        action("ats_create_candidate", scope_config_setting="DISABLED"),
    ],
)
def test_what_kombo_does_not_clearly_refuse_is_sent(integration: dict[str, Any]) -> None:
    assert refusal(integration, APPLICATION) is None


def test_the_action_of_the_rows_endpoint_counts_and_all_of_several_endpoints() -> None:
    refused = action("ats_create_candidate", scope_config_setting="DISABLED")
    assert refusal(refused, CANDIDATE) == "INTEGRATION.ACTION_DISABLED"
    assert refusal(refused, [*APPLICATION, *CANDIDATE]) is None


class Kombo:
    """Answers reads as a test says; keeps what was asked for."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {"status": "ACTIVE", "setup_status": "COMPLETED"}
        self.restrictions: dict[str, Any] = {}
        self.listed: list[dict[str, Any]] = []
        self.failing: set[str] = set()
        self.asked: list[str] = []
        self.now = 0.0
        self.seconds = 0.0
        self.meet: Callable[[], object] = lambda: None

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        self.meet()
        self.now += self.seconds
        if what in self.failing:
            raise ApiError(f"{what} failed")

    def integration(self, integration_id: str) -> dict[str, Any]:
        self._ask("integration")
        return self.said

    def attachment_restrictions(self, integration_id: str) -> dict[str, Any]:
        self._ask("restrictions")
        return self.restrictions

    def jobs(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        self._ask("jobs")
        yield from self.listed

    def working(self, lanes: int, within: float = 20.0) -> set[str]:
        preflight = Preflight(self, within=within, clock=lambda: self.now)
        return preflight.working({f"{LANE}{number}": Waiting(set(), {"application"}) for number in range(lanes)})

    def look(self, *job_ids: str, lanes: int = 1, within: float = 20.0) -> list[LaneFacts]:
        preflight = Preflight(self, within=within, clock=lambda: self.now)
        names = [f"{LANE}{number}" for number in range(lanes)]
        return list(preflight.look({name: Waiting(set(job_ids), {"application"}) for name in names}).values())


@pytest.fixture
def kombo() -> Kombo:
    return Kombo()


def test_a_healthy_lane_costs_three_reads_and_nothing_is_found(kombo: Kombo) -> None:
    assert kombo.look("J") == [NOTHING_TOLD]
    assert sorted(kombo.asked) == ["integration", "jobs", "restrictions"]


def test_without_rows_nothing_is_asked(kombo: Kombo) -> None:
    assert kombo.look(lanes=0) == []
    assert kombo.asked == []


@pytest.mark.parametrize("status", ["CLOSED", "ARCHIVED"])
def test_a_job_that_is_listed_as_closed_is_known_as_the_rows_name_it(kombo: Kombo, status: str) -> None:
    kombo.listed = [{"id": "J", "remote_id": "7", "status": status}, {"id": "K", "remote_id": "8", "status": "OPEN"}]
    (found,) = kombo.look("J", "remote:7", "K", "remote:9")
    assert found.closed_job_ids == {"J", "remote:7"}


@pytest.mark.parametrize("status", ["OPEN", "DRAFT", None, "SOMETHING_NEW", ["CLOSED"], 5])
def test_a_job_that_is_not_clearly_closed_is_sent_to(kombo: Kombo, status: Any) -> None:
    kombo.listed = [{"id": "J", "remote_id": "7", "status": status, "visibility": "INTERNAL"}]
    (found,) = kombo.look("J")
    assert found.closed_job_ids == frozenset()


def test_an_integration_that_may_be_refused_is_to_begin_with_one_request(kombo: Kombo) -> None:
    kombo.said = {"status": "INVALID"}
    (found,) = kombo.look("J")
    assert (found.refused_as, found.may_be_refused) == (None, True)


@pytest.mark.parametrize("failing", ["integration", "jobs", "restrictions"])
def test_a_read_that_fails_stops_nothing(kombo: Kombo, failing: str) -> None:
    kombo.failing = {failing}
    assert kombo.look("J") == [NOTHING_TOLD]


def test_no_read_begins_once_the_time_is_over(kombo: Kombo) -> None:
    kombo.seconds = 15.0
    found = kombo.look("J", lanes=20)
    assert found == [NOTHING_TOLD] * 20
    assert len(kombo.asked) <= 2 + 8, "two in time, and what eight threads had begun"


def test_what_the_integration_says_about_files_is_heeded(kombo: Kombo) -> None:
    kombo.restrictions = {"total_size_bytes": 5}
    (found,) = kombo.look("J")
    assert found.limits.total_bytes == 5
    kombo.restrictions = {}
    assert kombo.look("J")[0].limits is NOT_TOLD


def test_stopped_lanes_are_asked_for_beside_one_another(kombo: Kombo) -> None:
    all_there = threading.Barrier(5, timeout=PATIENCE_SECONDS)
    kombo.meet = all_there.wait
    assert len(kombo.working(lanes=5)) == 5


def test_a_stopped_lane_whose_check_does_not_come_in_time_stays_stopped(kombo: Kombo) -> None:
    kombo.seconds = 15.0
    assert len(kombo.working(lanes=20)) == len(kombo.asked) <= 2 + 8, "two in time, and what eight threads had begun"
    assert kombo.working(lanes=0) == set()


@pytest.mark.parametrize(
    "said", [{"status": "INVALID"}, {"status": "INACTIVE"}, {"setup_status": "INCOMPLETE"}, {"setup_status": "NEW"}]
)
def test_a_stopped_lane_that_kombo_does_not_call_healthy_stays_stopped(kombo: Kombo, said: dict[str, Any]) -> None:
    kombo.said = said
    assert kombo.working(lanes=1) == set()
    kombo.said = {}
    assert len(kombo.working(lanes=1)) == 1
    kombo.failing = {"integration"}
    assert kombo.working(lanes=1) == set()
