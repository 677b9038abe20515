"""The PostgreSQL of the tests starts wherever the clone lies."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import packaged_programs, reachable_programs, unprivileged


@pytest.fixture
def reachable_home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="kombo-postgres-"))
    yield home
    shutil.rmtree(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another user")
def test_programs_below_a_folder_that_only_root_may_enter_run_for_another_user(
    tmp_path: Path, reachable_home: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    original = packaged_programs()
    for folder in (original, original.with_name(f"{original.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, closed / folder.name, symlinks=True)
    as_user = unprivileged(reachable_home)

    programs = reachable_programs(closed / original.name, reachable_home, as_user)

    for program in ("initdb", "pg_ctl", "postgres"):
        done = subprocess.run((programs / program, "--version"), cwd="/", capture_output=True, text=True, **as_user)
        assert done.returncode == 0, done.stderr
