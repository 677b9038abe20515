"""The wheel: what somebody gets who installs the package beside Airflow and writes a DAG of a dozen lines."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from kombo_sandbox.testing import API_KEY, Sandbox
from tests.conftest import ROOT

NEEDED_FOR_A_BUILD = ("pyproject.toml", "README.md", "plugins")
DAG_FILE = '''"""Airflow DAG: people of a small agency into Kombo."""

from kombo_provider.pipeline import kombo_push_dag

dag = kombo_push_dag(
    dag_id="push_people",
    source="agency.people",
    extract_sql="people.sql",
    write_back_table="people",
    write_back_key="id",
    schedule="@daily",
)
'''
SELECT = """
SELECT id AS applicant_id, 'remote:' || vacancy AS job_id, given_name AS candidate__first_name,
       family_name AS candidate__last_name, mail AS candidate__email_address
FROM people
"""
TABLE = """
CREATE TABLE people (
    id INTEGER PRIMARY KEY, vacancy INTEGER, given_name TEXT, family_name TEXT, mail TEXT,
    kombo_application_id TEXT, kombo_application_remote_id TEXT, kombo_candidate_id TEXT,
    kombo_candidate_remote_id TEXT, kombo_delivered_at TIMESTAMP
);
INSERT INTO people (id, vacancy, given_name, family_name, mail) VALUES
    (1, 7, 'Ada', 'Byron', 'ada@example.com'), (2, 7, 'Zoë', 'Łukasz', 'zoe@example.com');
"""
USERS_TEST = """
pytest_plugins = ["kombo_provider.testing"]

def test_a_fault_and_the_books(kombo_sandbox):
    from kombo_provider.client import KomboClient
    from kombo_provider.errors import KomboError

    kombo_sandbox.fault("html", status=403, count=1, match={"path": "*"})
    client = KomboClient(api_key=kombo_sandbox.api_key, base_url=kombo_sandbox.url)
    try:
        client.check_api_key()
    except KomboError:
        pass
    else:
        raise AssertionError("the fault did not strike")
    assert client.check_api_key()
    assert kombo_sandbox.stats()["faults_used"] == {"html": 1}
    assert kombo_sandbox.creates() == kombo_sandbox.duplicates() == {}
"""
# With Airflow's defaults: a DAG folder that is searched for files that may hold a DAG.
RUN = """
from airflow.utils.db import initdb
from airflow.dag_processing.dagbag import DagBag
from airflow.providers_manager import ProvidersManager
import json, kombo_provider
initdb()
bag = DagBag(collect_dags=True)
assert not bag.import_errors, bag.import_errors
run = bag.dags["push_people"].test()
[form] = [hook for name, hook in ProvidersManager().hooks.items() if name == "kombo"]
found = {"state": str(run.state), "package": kombo_provider.__file__, "connection_type": form.hook_name}
print("FOUND " + json.dumps(found))
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with Airflow and the wheel, and nothing of the checkout."""

    folder: Path
    variables: dict[str, str]

    def run(self, *arguments: str) -> str:
        """Run its Python; return what it printed."""
        python = str(self.folder / "bin" / "python")
        done = subprocess.run(
            (python, *arguments), cwd=self.folder, env=self.variables, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: a build leaves files beside its sources."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in NEEDED_FOR_A_BUILD:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(ROOT / name, source)
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(out), str(source))
    [built] = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("warehouse") / "people.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(TABLE)
    return path


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def environment(
    tmp_path_factory: pytest.TempPathFactory, wheel: Path, warehouse: Path, sandbox: Sandbox
) -> Environment:
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", str(folder)), check=True)
    pip("--python", str(folder / "bin" / "python"), "install", "--no-deps", "--no-index", str(wheel))
    [site_packages] = folder.glob("lib/python*/site-packages")
    # A path in a .pth file is searched, but its own .pth files are not read: the editable install stays out.
    (site_packages / "airflow.pth").write_text(sysconfig.get_path("purelib") + "\n")
    home = tmp_path_factory.mktemp("home")
    dags = home / "dags"
    dags.mkdir()
    (dags / "push_people.py").write_text(DAG_FILE)
    (dags / "people.sql").write_text(SELECT)
    kombo = {"conn_type": "kombo", "host": sandbox.url, "password": API_KEY}
    extra = {"integration_id": "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_KOMBO_DEFAULT": json.dumps(kombo | {"extra": extra}),
        "AIRFLOW_CONN_WAREHOUSE_DEFAULT": json.dumps({"conn_type": "sqlite", "host": str(warehouse)}),
    }
    return Environment(folder, kept | own)


def pip(*arguments: str) -> None:
    command = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_the_wheel_holds_both_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    packages = [ROOT / "plugins" / name for name in ("kombo_provider", "kombo_sandbox")]
    modules = {path for package in packages for path in package.rglob("*.py")}
    markers = {package / "py.typed" for package in packages}

    page = {path for path in (ROOT / "plugins" / "kombo_provider" / "ui" / "static").iterdir() if path.is_file()}

    assert held == {str(path.relative_to(ROOT / "plugins")) for path in modules | markers | page}


def test_a_dag_of_a_dozen_lines_delivers_from_the_installed_wheel(
    environment: Environment, warehouse: Path, sandbox: Sandbox
) -> None:
    assert len(DAG_FILE.splitlines()) <= 15

    line = next(line for line in environment.run("-c", RUN).splitlines() if line.startswith("FOUND "))

    found = json.loads(line.removeprefix("FOUND "))
    assert (found["state"], found["connection_type"]) == ("success", "Kombo")
    assert Path(found["package"]).is_relative_to(environment.folder)
    with closing(sqlite3.connect(warehouse)) as database:
        written = database.execute("SELECT count(*) FROM people WHERE kombo_application_id IS NOT NULL").fetchone()
    assert (written, sum(sandbox.creates().values())) == ((2,), 2)


def test_airflow_lists_the_provider_of_the_wheel(environment: Environment) -> None:
    providers = environment.run("-m", "airflow", "providers", "list", "--output", "plain")

    assert "airflow-provider-kombo" in providers


def test_the_wheel_brings_a_sandbox_for_the_tests_of_users(environment: Environment, tmp_path: Path) -> None:
    test_file = tmp_path / "test_users_own.py"
    test_file.write_text(USERS_TEST)

    said = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(test_file))

    assert "1 passed" in said
