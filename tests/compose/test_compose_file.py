"""What docker-compose.yaml promises without being brought up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
EXAMPLE = dict(
    line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if re.match("[A-Z]", line)
)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_limits_and_bounded_logs_and_gains_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_that_stays_says_whether_it_is_healthy(name: str) -> None:
    assert "healthcheck" in SERVICES[name] or SERVICES[name]["restart"] == "on-failure:3"


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"postgres"}))  # whose image steps down by itself
def test_no_service_runs_as_root(name: str) -> None:
    assert str(SERVICES[name]["user"]) not in ("", "0", "root")


def test_ports_are_published_on_the_machine_itself_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_a_secret_has_no_default_and_a_missing_one_stops_with_a_message() -> None:
    secrets = [name for name, value in EXAMPLE.items() if not value]
    assert len(secrets) == 6
    for name in secrets:
        used = re.findall(rf"\$\{{{name}([^}}]*)\}}", TEXT)
        assert any(text.startswith(":?") for text in used), f"nothing stops without {name}"
        assert not any(text.startswith(":-") for text in used), f"{name} has a default"


def test_the_first_hourly_run_takes_every_row_of_the_demo(postgres_url: str) -> None:
    _, _, statements = (ROOT / "docker/warehouse.sql").read_text().partition("\\connect warehouse\n")
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as conn:
        conn.execute(statements.encode())
        taken = conn.execute("SELECT count(*) FROM applicants WHERE changed_at < now() - interval '1 hour'").fetchone()
    assert taken == (300,)
