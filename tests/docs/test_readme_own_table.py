"""The README's ten minutes, as they stand: its shell, SQL and Python on PostgreSQL, with the sandbox as Kombo.

The provider is installed from a copy of this repository into an environment of its own, without plugins/ on any path,
and the warehouse's role has the rights of docs/ledger.md and no more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kombo_sandbox.testing import API_KEY, Sandbox
from tests.conftest import ROOT
from tests.docs.markdown import README, Block, blocks, section
from tests.docs.own_table import PEOPLE, RIGHTS, drop_roles
from tests.postgres import PostgresServer

OWN_TABLE = blocks(section(README, "## Your own table in ten minutes"))
NEEDED_FOR_AN_INSTALL = ("pyproject.toml", "README.md", "plugins/kombo_provider")


class Newcomer:
    """A folder with a clone of the repository, and a shell that keeps what was exported."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment

    def shell(self, script: str) -> str:
        """Run a block of the README; return what it printed."""
        kept = self.folder / "environment"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{script}\nenv -0 >{kept}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self.environment = dict(line.split("=", 1) for line in kept.read_text().split("\0") if line)
        return done.stdout + done.stderr

    def write(self, block: Block) -> None:
        """Save a block under the name in its first line."""
        assert block.file
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)


@pytest.fixture
def newcomer(tmp_path: Path, sandbox: Sandbox, postgres_server: PostgresServer, postgres_database: str) -> Newcomer:
    folder, programs = tmp_path / "clone", tmp_path / "venv" / "bin"
    folder.mkdir()
    for name in NEEDED_FOR_AN_INSTALL:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, folder / name)
    _airflow_without_the_provider(tmp_path / "venv")
    environment = {name: value for name, value in os.environ.items() if name not in _OF_THE_TEST_RUN}
    return Newcomer(
        folder,
        environment
        | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder / "no-plugins"),
            "PIP_NO_INDEX": "1",  # whatever the package needs is installed, or the test fails
            "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this switch the other way round: no isolation
            "KOMBO_API_KEY": API_KEY,
            "KOMBO_URL": sandbox.url,
            "WAREHOUSE_URL": f"postgres://kombo_airflow:change-me@127.0.0.1:{postgres_server.port}/{postgres_database}",
        },
    )


_OF_THE_TEST_RUN = ("PYTHONPATH", "VIRTUAL_ENV", "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST")


def _airflow_without_the_provider(venv: Path) -> None:
    """Make an environment that has what this one has, but neither its editable installs nor plugins/."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (own,) = venv.glob("lib/python*/site-packages")
    (own / "of_the_test_run.pth").write_text(sysconfig.get_path("purelib"))
    for program in ("pip", "airflow"):
        script = venv / "bin" / program
        script.write_text(f'#!/bin/sh\nexec "{venv}/bin/python" -m {program} "$@"\n')
        script.chmod(0o755)


@pytest.fixture
def warehouse_rows(postgres_server: PostgresServer, postgres_database: str) -> Iterator[Any]:
    def execute(sql: str) -> list[Any]:
        with psycopg.connect(postgres_server.dsn(postgres_database), autocommit=True) as connection:
            found: list[Any] = []
            for statement in filter(str.strip, sql.split(";\n")):
                cursor = connection.execute(statement)
                found.append(cursor.fetchall() if cursor.description else [])
            return found

    yield execute
    drop_roles(postgres_server, postgres_database)


def test_the_readme_takes_a_table_with_foreign_names_and_types_to_kombo(
    newcomer: Newcomer, warehouse_rows: Any, sandbox: Sandbox
) -> None:
    steps = iter(OWN_TABLE)

    create = next(steps)
    warehouse_rows(create.text)
    warehouse_rows(PEOPLE)

    newcomer.shell(next(steps).text)  # install
    where = newcomer.shell("""python -c 'import kombo_provider; print(kombo_provider.__file__)'""").strip()
    assert Path(where).is_relative_to(newcomer.folder.parent / "venv")

    newcomer.shell(next(steps).text)  # connections
    warehouse_rows(next(steps).text)  # a place for the ids
    warehouse_rows(RIGHTS[0])

    select, dag_file = next(steps), next(steps)
    newcomer.write(select)
    newcomer.write(dag_file)
    assert len(dag_file.text.splitlines()) <= 15

    preview = newcomer.shell(next(steps).text)
    assert '"first_name": "Zoë"' in preview
    assert '"country": "DE"' in preview
    assert '"amount": 61500.5' in preview
    assert "https://code.example.org/zoe" in preview
    assert "it enters the ledger and is sent" in preview
    assert not sandbox.creates()

    said = newcomer.shell(next(steps).text)  # the first run
    assert "zoe@example.com" not in said
    assert sorted(sandbox.creates().items()) == [
        (("greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js", "remote:1203", "zoe@example.com"), 1),
        (("workday:HWUTwvyx2wLoSUHphiWVrp28", "remote:77", "taro@example.org"), 1),
    ]

    statuses, problems, ids = warehouse_rows(next(steps).text)
    assert (statuses, problems) == ([("delivered", 2)], [])
    assert [row[0] for row in ids] == [4711, 4712]
    assert all(row[1] and row[2] for row in ids)
    changed = warehouse_rows("SELECT changed_at FROM kombo.kombo_deliveries WHERE applicant_id = '4711'")[0][0][0]
    assert changed == datetime(2026, 7, 1, 7, 30, tzinfo=UTC)  # Berlin's 9:30 in summer
    assert not list(steps)
