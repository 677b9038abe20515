"""The command line, and what a killed sandbox keeps."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from kombo_sandbox.testing import Sandbox, SandboxProcess
from tests.sandbox.wire_client import INTEGRATION, Api, application
from tests.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kombo_sandbox", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)


def test_every_answered_create_survives_sigkill_and_ids_go_on(tmp_path: Path) -> None:
    with SandboxProcess(state=tmp_path / "state", latency_seconds=0.01) as sandbox:
        answered: set[str] = set()

        def send(worker: int) -> None:
            api = Api(sandbox.url)
            for number in range(10_000):
                email = f"w{worker}-{number}"
                try:
                    if api.create(application(email)).status_code == 200:
                        answered.add(f"{email}@example.org")
                except requests.RequestException:
                    return

        workers = [threading.Thread(target=send, args=(worker,)) for worker in range(8)]
        for worker in workers:
            worker.start()
        while len(answered) < 100:
            time.sleep(0.005)
        sandbox.kill()
        for worker in workers:
            worker.join()

        sandbox.start()
        kept = {email: count for (_, _, email), count in sandbox.creates().items()}
        assert answered <= kept.keys()
        assert set(kept.values()) == {1}
        after = Api(sandbox.url).create(application("after")).json()["data"]
        assert after["remote_id"] == str(len(kept) + 1)


def test_a_restart_keeps_records_config_jobs_and_changes(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "state"
    jobs = {"remote:77": {"name": "Clerk", "status": "CLOSED"}}
    with Sandbox(state=state) as sandbox:
        sandbox.config(visibility="after_sync", per_integration={INTEGRATION: {"jobs": jobs}})
        api = Api(sandbox.url)
        made = api.create().json()["data"]
        sandbox.sync(INTEGRATION)
        sandbox.change(INTEGRATION, application_id=made["id"], outcome="HIRED")
        before = api.results("/ats/applications"), api.results("/ats/candidates"), api.results("/ats/jobs")
    with Sandbox(state=state) as sandbox:
        api = Api(sandbox.url)
        after = api.results("/ats/applications"), api.results("/ats/candidates"), api.results("/ats/jobs")
        assert [record["outcome"] for record in after[0]] == ["HIRED"]
        assert after[:2] == before[:2]
        assert [job["status"] for job in after[2]] == ["CLOSED", "OPEN"]
        assert sandbox.config()["visibility"] == "after_sync"


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Sandbox(state=state) as sandbox:
        Api(sandbox.url).create()
    with state.open("a") as file:
        file.write('{"event":"create","integra')
    with Sandbox(state=state) as sandbox:
        Api(sandbox.url).create(application("grace"))
    with Sandbox(state=state) as sandbox:
        assert len(sandbox.creates()) == 2


def test_a_foreign_file_is_refused_in_one_line(tmp_path: Path) -> None:
    state = tmp_path / "notes.txt"
    state.write_text("hello\n")
    done = run("--port", "0", "--state", str(state))
    assert done.returncode == 2
    assert "line 1: not a line of a sandbox's state" in done.stderr
    assert state.read_text() == "hello\n"


def test_two_servers_do_not_share_a_state_file(tmp_path: Path) -> None:
    with Sandbox(state=tmp_path / "state"):
        done = run("--port", "0", "--state", str(tmp_path / "state"))
    assert done.returncode == 2
    assert "in use by another sandbox" in done.stderr


def test_a_port_in_use_is_one_clear_line_and_exit_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--port", str(port))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"port {port} on 127.0.0.1 is in use" in done.stderr


def test_it_needs_nothing_but_the_standard_library() -> None:
    command = [sys.executable, "-S", "-m", "kombo_sandbox", "--help"]
    done = subprocess.run(
        command, cwd=ROOT / "plugins", capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_sandbox_in_this_process_says_why_it_does_not_start() -> None:
    with Sandbox() as running:
        port = int(running.url.removesuffix("/v1").rsplit(":", 1)[1])
        with pytest.raises(RuntimeError, match="did not start"), Sandbox(port=port):
            pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_at_once_and_cleanly_with_requests_in_flight(number: signal.Signals) -> None:
    with SandboxProcess(latency_seconds=2 * PATIENCE_SECONDS) as sandbox:
        failures: list[Exception] = []

        def send() -> None:
            try:
                Api(sandbox.url).create()
            except requests.RequestException as exc:
                failures.append(exc)

        client = threading.Thread(target=send)
        client.start()
        while not sandbox.stats(summary=True)["in_flight"]:
            time.sleep(0.01)
        assert sandbox.process is not None
        sandbox.process.send_signal(number)
        assert sandbox.process.wait(timeout=PATIENCE_SECONDS / 2) == 0, "it waited for what was in flight"
        client.join()
        assert len(failures) == 1


def test_it_stops_by_itself_when_nobody_asks() -> None:
    with SandboxProcess(max_idle_seconds=0.3) as sandbox:
        assert sandbox.process is not None
        assert sandbox.process.wait(timeout=PATIENCE_SECONDS) == 0


def test_the_process_takes_config_and_latency() -> None:
    with SandboxProcess(latency_seconds=0.2, visibility="never") as sandbox:
        assert sandbox.config()["visibility"] == "never"
        sandbox.reset()
        assert sandbox.config()["latency_seconds"] == 0.2
        assert Api(sandbox.url).create().elapsed.total_seconds() >= 0.2
