"""Metrics arrive where Airflow sends its own, with tags and without, and none has a tag without end."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk._shared.observability.metrics import stats as airflow_stats
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk._shared.observability.metrics.statsd_logger import get_statsd_logger
from statsd import StatsClient

from kombo_provider.operators import metrics


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(10)
        yield listening
    airflow_stats.initialize(factory=NoStatsLogger, export_legacy_names=True)


def _lines(server: socket.socket, *, tagged: bool) -> list[str]:
    """Say everything there is to say, and return what arrived."""
    port = server.getsockname()[1]
    where: dict[str, Any] = {"stats_class": StatsClient, "host": "127.0.0.1", "port": port, "prefix": "af"}
    logger: Any = get_statsd_logger(**where, influxdb_tags_enabled=tagged, statsd_influxdb_enabled=tagged)
    airflow_stats.initialize(factory=lambda: logger, export_legacy_names=True)
    metrics.count_rows("dag:a,b=ü", {"delivered": 3, "rejected": 0, "ready": 5, "no such": 1})
    metrics.times_requests("dag")(1.5)
    metrics.gauge_what_stands("dag", in_doubt=2, lanes_stopped=1)
    return [server.recv(1024).decode() for _ in range(4)]


def test_without_tags_each_metric_has_its_plain_name(server: socket.socket) -> None:
    assert _lines(server, tagged=False) == [
        "af.kombo.rows:3|c",
        "af.kombo.request_duration:1500.000000|ms",
        "af.kombo.in_doubt:2|g",
        "af.kombo.lanes_stopped:1|g",
    ]


def test_with_tags_no_character_of_an_id_costs_the_metric(server: socket.socket) -> None:
    assert _lines(server, tagged=True) == [
        "af.kombo.rows,dag_id=dag_a_b__,status=delivered:3|c",
        "af.kombo.request_duration,dag_id=dag:1500.000000|ms",
        "af.kombo.in_doubt,dag_id=dag:2|g",
        "af.kombo.lanes_stopped,dag_id=dag:1|g",
    ]


def test_where_metrics_are_off_nothing_is_sent() -> None:
    airflow_stats.initialize(factory=NoStatsLogger, export_legacy_names=True)
    metrics.count_rows("dag", {"delivered": 3})
    metrics.times_requests("dag")(1.5)
    metrics.gauge_what_stands("dag", in_doubt=2, lanes_stopped=1)
