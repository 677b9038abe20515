"""A sync killed by SIGKILL at any page and run again leaves what a full pull does, and what the official SDK reads."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from kombo import Kombo as OfficialClient
from sqlalchemy import delete, select

from kombo_provider.ledger import Ledger
from kombo_provider.ledger._sync_tables import applications, candidates, syncs
from kombo_sandbox.records import kombo_id
from kombo_sandbox.testing import API_KEY, SandboxProcess
from tests.reliability import synced
from tests.reliability.rounds import KILLED, ended

EACH = 2 * synced.PAGE + 40
LANES = synced.integrations(2)
PULLS = len(LANES) * len(synced.MODELS)
PAGES = 3 * PULLS
Tables = dict[str, dict[tuple[str, str], dict[str, Any]]]
_FORKS = multiprocessing.get_context("forkserver")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sandbox") / "state"
    synced.write_state(path, LANES, EACH)
    return path


@pytest.fixture
def sandbox(state: Path, tmp_path: Path) -> Iterator[SandboxProcess]:
    own = tmp_path / "state"
    own.write_bytes(state.read_bytes())
    with SandboxProcess(state=own) as sandbox:
        yield sandbox


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    ledger = synced.open_ledger(database_url)
    synced.bear(ledger, LANES, EACH)
    yield ledger
    ledger.close()


def official(sandbox: SandboxProcess) -> Tables:
    """Return what the official SDK reads, page after page, as rows of the ledger's tables."""
    read: Tables = {applications.name: {}, candidates.name: {}}
    for lane in LANES:
        client = OfficialClient(api_key=API_KEY, integration_id=lane, server_url=sandbox.url)
        page: Any = client.ats.get_applications(page_size=synced.PAGE, include_deleted=True)
        while page is not None:
            read[applications.name] |= {(lane, made.id): _application(made) for made in page.result.data.results}
            page = page.next()
        page = client.ats.get_candidates(page_size=synced.PAGE, include_deleted=True)
        while page is not None:
            read[candidates.name] |= {(lane, person.id): _times(person) for person in page.result.data.results}
            page = page.next()
    return read


def _application(made: Any) -> dict[str, Any]:
    return _times(made) | {
        "candidate_id": made.candidate_id,
        "candidate_remote_id": made.candidate.remote_id,
        "job_id": made.job_id,
        "job_remote_id": made.job.remote_id,
        "job_name": made.job.name,
        "current_stage_id": made.current_stage_id,
        "current_stage_remote_id": made.current_stage.remote_id,
        "current_stage_name": made.current_stage.name,
        "outcome": str(getattr(made.outcome, "value", made.outcome)),
        "rejected_at": made.rejected_at,
        "hired_at": made.remote_updated_at if getattr(made.outcome, "value", made.outcome) == "HIRED" else None,
    }


def _times(record: Any) -> dict[str, Any]:
    names = ("remote_id", "changed_at", "remote_created_at", "remote_updated_at", "remote_deleted_at")
    return {name: getattr(record, name) for name in names}


def stored(ledger: Ledger, like: Tables) -> Tables:
    """Return the ledger's tables, in the columns that the SDK's records have."""
    found: Tables = {}
    with ledger.transaction() as conn:
        for table in (applications, candidates):
            columns = next(iter(like[table.name].values()))
            rows = conn.execute(select(table)).mappings()
            found[table.name] = {
                (row["integration_id"], row["id"]): {name: row[name] for name in columns} for row in rows
            }
    return found


def watermarks(ledger: Ledger) -> set[datetime]:
    """Return when the pulls began that ended."""
    with ledger.transaction() as conn:
        return set(conn.scalars(select(syncs.c.watermark).where(syncs.c.watermark.is_not(None))))


def forget_all(ledger: Ledger) -> None:
    with ledger.transaction() as conn:
        for table in (applications, candidates, syncs):
            conn.execute(delete(table))


def kill(database_url: str, sandbox: SandboxProcess, point: str, count: int) -> None:
    process = _FORKS.Process(target=synced.killed_sync, args=(database_url, sandbox.url, point, count))
    process.start()
    assert ended(process) == KILLED, (point, count)


def change(sandbox: SandboxProcess) -> None:
    """Let the ATS hire, decline, delete and reopen on every page."""
    for lane in LANES:
        for number in range(3, EACH, 60):
            ids = [kombo_id(lane, str(number + more)) for more in range(4)]
            sandbox.change(lane, application_id=ids[0], outcome="HIRED")
            sandbox.change(lane, application_id=ids[1], outcome="DECLINED")
            sandbox.change(lane, application_id=ids[2], deleted=True)
            sandbox.change(lane, application_id=ids[3], outcome="DECLINED")
            sandbox.change(lane, application_id=ids[3], outcome="PENDING")


def test_a_full_pull_killed_anywhere_and_run_again_equals_a_full_pull_and_what_the_official_sdk_reads(
    ledger: Ledger, database_url: str, sandbox: SandboxProcess
) -> None:
    change(sandbox)
    read = official(sandbox)
    assert len(read[applications.name]) == len(read[candidates.name]) == len(LANES) * EACH
    synced.sync(ledger, sandbox.url)
    assert stored(ledger, read) == read
    for point, count in synced.kills():
        forget_all(ledger)
        kill(database_url, sandbox, point, count)
        assert len(watermarks(ledger)) < PULLS, (point, count)
        synced.sync(ledger, sandbox.url)
        assert stored(ledger, read) == read, (point, count)


def test_a_pull_of_changes_killed_anywhere_loses_none_of_them(
    ledger: Ledger, database_url: str, sandbox: SandboxProcess
) -> None:
    synced.sync(ledger, sandbox.url)
    before = watermarks(ledger)
    assert len(before) == PULLS
    change(sandbox)
    read = official(sandbox)
    for point, count in (("asked for", 2), ("read, nothing stored", 3), ("stored, before commit", 1)):
        kill(database_url, sandbox, point, count)
        assert watermarks(ledger) & before, (point, count)
    counts = synced.sync(ledger, sandbox.url)
    assert counts.get("full", 0) == 0
    assert stored(ledger, read) == read


def test_a_full_pull_asks_no_page_twice(ledger: Ledger, sandbox: SandboxProcess) -> None:
    before = sandbox.stats(summary=True)["requests_total"]
    synced.sync(ledger, sandbox.url)
    assert sandbox.stats(summary=True)["requests_total"] - before == PAGES
