"""What `make bench` measures: everybody sends the same rows, and the figures are those of what was run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import applicants, drt, duplicates, peers, staging, tables
from bench.bars import Bar
from bench.charts import line_chart
from bench.measuring import Contender, compare
from bench.ours import Pipeline
from bench.speed import sqlite_in
from kombo_sandbox.testing import Sandbox
from tests.conftest import ROOT

ROWS = applicants.rows(12)


def _ours(folder: Path) -> Callable[[str], None]:
    def send(url: str) -> None:
        pipeline = Pipeline(f"sqlite:///{folder / 'bench.db'}", ROWS, 3)
        pipeline.deliver(url, 5.0)
        assert pipeline.statuses() == {"delivered": len(ROWS)}
        pipeline.close()

    return send


@pytest.mark.parametrize("contender", ["drt", "ours", "requests_loop", "sdk_loop", "urllib3_loop"])
def test_each_contender_creates_every_applicant_once(tmp_path: Path, contender: str) -> None:
    with Sandbox() as sandbox:
        if contender == "drt":
            if not drt.is_installed():
                pytest.skip("make bench installs drt-core")
            drt.run(sandbox.url, ROWS)
        elif contender == "ours":
            _ours(tmp_path)(sandbox.url)
        else:
            assert getattr(peers, contender)(sandbox.url, ROWS, 3, 5.0) == 0
        created = sandbox.creates()
    emails = {row[applicants.COLUMNS.index("candidate__email_address")] for row in ROWS}
    assert {email for _, _, email in created} == emails
    assert set(created.values()) == {1}


def test_staging_twenty_thousand_rows_waits_for_nobody(tmp_path: Path) -> None:
    """These are more rows than SQLite's cache holds: reading and writing on two connections locks itself out."""
    figures = staging.measure(sqlite_in(tmp_path), 20_000, 1)
    assert len(figures) == 4
    assert all(figure.wall < 25 for figure in figures.values())


def test_contenders_take_turns() -> None:
    turns: list[str] = []

    def contender(name: str) -> Contender:
        return lambda: lambda: turns.append(name)

    figures = compare({name: contender(name) for name in ("a", "b")}, 3)
    assert turns == ["a", "b"] * 3
    assert figures.keys() == {"a", "b"}


def test_eight_in_a_hundred_answers_are_lost_by_faults_that_execute() -> None:
    assert sum(rule["rate"] for rule in duplicates.LOST_ANSWERS) == pytest.approx(0.08)
    executing = {"write_no_answer", "write_reset", "status_after_write", "truncated"}
    assert {rule["kind"] for rule in duplicates.LOST_ANSWERS} == executing


def test_a_chart_is_one_well_formed_picture_with_a_line_for_each_series() -> None:
    chart = line_chart("a < b", "rows", {"first": [(10, 1.0), (100, 2.0)], "second": [(10, 3.0)]}, reference=1.0)
    drawn = ElementTree.fromstring(chart)
    assert len(drawn.findall("{*}polyline")) == 2
    assert "a < b" in [text.text for text in drawn.findall("{*}text")]


def test_a_bar_holds_by_the_figure_that_the_table_shows() -> None:
    assert Bar("throughput", "SQLite", 0.98, None, 0.9751).holds
    assert not Bar("throughput", "SQLite", 0.98, None, 0.9749).holds
    assert Bar("cost", "SQLite", None, 1.1, 1.1049).holds
    assert not Bar("cost", "SQLite", None, 1.1, 1.106).holds


def test_figures_take_the_place_of_the_former_ones_in_the_document() -> None:
    document = f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n"
    once = tables.with_figures(document, "# Benchmarks\n\n![c](c.svg)\n\n## Part")
    assert "old" not in once
    assert "![c](../bench/results/c.svg)\n\n### Part" in once
    assert tables.with_figures(once, "# Benchmarks\n\n![c](c.svg)\n\n## Part") == once


def test_the_document_shows_the_figures_that_are_kept() -> None:
    kept = ROOT / "bench" / "results" / "bench.md"
    if not kept.exists():
        pytest.skip("no full run is kept")
    document = (ROOT / "docs" / "performance.md").read_text()
    assert tables.with_figures(document, kept.read_text()) == document
