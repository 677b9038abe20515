"""What README and docs/ list is what the code has: no more, no less, with the same defaults."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from include.demo import applicants
from kombo_provider import errors, pipeline
from kombo_provider.client.codes import CLASS_OF_CODE
from kombo_provider.client.settings import EXTRAS
from kombo_provider.doubts.replies import Reply
from kombo_provider.errors import KomboError
from kombo_provider.ledger import MOVES, Resolution, Status
from kombo_provider.ledger._sync_tables import FUNNEL_STAGES_VIEW, FUNNEL_VIEW
from kombo_provider.ledger._tables import APPLICANT_IDS_VIEW, deliveries, metadata
from kombo_provider.ledger.staging import COUNTERS
from kombo_provider.mapping.columns import META
from kombo_provider.mapping.fields import fields_of
from kombo_provider.mapping.models import Attachment
from kombo_provider.operators import metrics
from kombo_provider.operators.arguments import PushArguments, PushDagArguments
from kombo_provider.operators.retries import FAIL_AT_ONCE
from kombo_provider.operators.settings import Connections, PushSettings
from kombo_provider.provider_info import get_provider_info
from tests.conftest import ROOT
from tests.docs.markdown import DOCS, README, anchors, blocks, code_in, section, table, tables

DOC = {path.stem: path for path in DOCS}
FACTORIES = ("kombo_push_dag", "kombo_resolve_dag", "kombo_ask_dag", "kombo_sync_dag", "kombo_watch_dag")
DAGS_OWN = "dag_arguments"
REQUIRED = inspect.Parameter.empty


def documented(rows: list[dict[str, str]], head: str) -> list[str]:
    return [name for row in rows for name in code_in(row[head])]


def arguments_in(heading: str) -> dict[str, Any]:
    """Return the documented arguments with their defaults, evaluated."""
    rows = table(DOC["factory-arguments"], heading, "argument")
    return {code_in(row["argument"])[0]: default_in(row["default"]) for row in rows}


def default_in(cell: str) -> Any:
    return eval(code_in(cell)[0], {"timedelta": timedelta}) if code_in(cell) else REQUIRED


def arguments_of(factory: str) -> dict[str, Any]:
    """Return the arguments with their defaults; those of a push stand in its settings."""
    parameters = inspect.signature(getattr(pipeline, factory)).parameters
    own = {name: parameter.default for name, parameter in parameters.items() if name not in ("arguments", DAGS_OWN)}
    ours = {name: push_defaults()[name] for name in PushArguments.__annotations__} if "arguments" in parameters else {}
    return own | ours | ({f"**{DAGS_OWN}": REQUIRED} if factory.endswith("_dag") else {})


def push_defaults() -> dict[str, Any]:
    found = {}
    for field in [*fields(Connections), *fields(PushSettings)]:
        found[field.name] = REQUIRED if field.default is MISSING else field.default
    return found


def test_the_arguments_of_a_push_are_its_settings() -> None:
    inner = {"connections", "defined_in", "whole_dag"}
    assert set(PushArguments.__annotations__) == set(push_defaults()) - inner


def test_a_factory_takes_every_argument_of_the_dag() -> None:
    from airflow.sdk import DAG

    named = {"self", "dag_id", "schedule"}
    assert set(PushDagArguments.__annotations__) - set(PushArguments.__annotations__) == (
        set(inspect.signature(DAG.__init__).parameters) - named
    )


def test_the_readme_lists_the_targets_of_the_makefile() -> None:
    targets = re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    rows = tables(section(README, "## Commands"))[0]
    assert sorted(row["command"] for row in rows) == sorted([*(f"`make {t}`" for t in targets), "`docker compose up`"])


def test_the_readme_lists_the_commands_of_the_provider_with_their_arguments() -> None:
    from airflow.cli.cli_config import ActionCommand, GroupCommand

    from kombo_provider.cli import get_kombo_cli_commands

    (group,) = get_kombo_cli_commands()
    assert isinstance(group, GroupCommand)
    expected = []
    for command in group.subcommands:
        assert isinstance(command, ActionCommand)
        words = ["airflow kombo", command.name]
        for arg in command.args:
            if not arg.flags[0].startswith("-"):
                choices = arg.kwargs.get("choices")
                word = "|".join(choices) if choices else arg.flags[0].upper()
                words.append(f"[{word}]" if arg.kwargs.get("nargs") == "?" else word)
            elif arg.kwargs.get("required"):
                words += [arg.flags[0], "X"]
        expected.append(" ".join(words))
    rows = tables(section(README, "## Commands"))[1]
    assert sorted(documented(rows, "command")) == sorted(expected)


@pytest.mark.parametrize("factory", FACTORIES)
def test_each_argument_of_a_factory_is_documented_with_its_default(factory: str) -> None:
    assert arguments_in(f"## `{factory}`") == arguments_of(factory)


def test_the_task_group_takes_the_arguments_of_the_dag_but_for_those_named() -> None:
    dag, group = arguments_of("kombo_push_dag"), arguments_of("kombo_push")
    assert arguments_in("## `kombo_push`") == {name: group[name] for name in group.keys() - dag.keys()}
    text = section(DOC["factory-arguments"], "## `kombo_push`")
    missing = dag.keys() - group.keys() - {"**dag_arguments"}
    assert missing == {"dag_id", "schedule", "owner"}
    assert all(f"`{name}`" in text for name in missing)
    assert {name: dag[name] for name in dag.keys() & group.keys()} == {n: group[n] for n in dag.keys() & group.keys()}


def test_each_param_of_a_run_is_documented_with_its_default() -> None:
    from kombo_provider.operators.run_params import push_params

    rows = table(DOC["factory-arguments"], "## Params of a run", "param")
    params = {name: param.value for name, param in push_params().items()}
    assert {code_in(row["param"])[0]: default_in(row["default"]) for row in rows} == params
    named = section(DOC["airflow"], "## Trigger form").partition("(")[0]
    assert code_in(named) == list(params)


def test_each_window_is_documented() -> None:
    from kombo_provider.operators.run_params import WINDOWS

    text = section(DOC["factory-arguments"], "## Which rows a run takes")
    assert all(f"`{name}`" in text or f"`window={name}`" in text for name in WINDOWS)


@pytest.mark.parametrize("document", [README, DOC["ledger"]], ids=["README", "ledger"])
def test_each_status_is_documented(document: Path) -> None:
    assert documented(table(document, "## Statuses", "status"), "status") == [str(status) for status in Status]


def test_each_move_of_a_delivery_is_documented() -> None:
    rows = table(DOC["ledger"], "## Statuses", "from")
    assert {code_in(row["from"])[0]: frozenset(code_in(row["to"])) for row in rows} == MOVES


def test_each_count_of_a_run_is_documented() -> None:
    assert documented(table(DOC["ledger"], "## Counts of a run", "count"), "count") == list(COUNTERS)


def test_each_table_and_column_of_the_ledger_is_documented() -> None:
    named = documented(table(DOC["ledger"], "## Tables", "table or view"), "table or view")
    assert sorted(named) == sorted([*metadata.tables, APPLICANT_IDS_VIEW, FUNNEL_VIEW, FUNNEL_STAGES_VIEW])
    columns = documented(table(DOC["ledger"], "## `kombo_deliveries`", "column"), "column")
    assert sorted([*columns, "source", "integration_id", "applicant_id"]) == sorted(deliveries.c.keys())
    resolutions = next(
        row for row in table(DOC["ledger"], "## `kombo_deliveries`", "column") if "resolution" in row["column"]
    )
    assert code_in(resolutions["holds"]) == [str(resolution) for resolution in Resolution]


def classes() -> list[type[KomboError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, KomboError)]
    assert len(found) > 5
    return found


def test_each_error_class_is_documented() -> None:
    rows = table(DOC["operations"], "## Errors", "error")
    assert sorted(documented(rows, "error")) == sorted(error.__name__ for error in classes())


def test_the_documents_say_which_errors_airflow_does_not_retry() -> None:
    from airflow.sdk import RetryAction

    for row in table(DOC["operations"], "## Errors", "error"):
        error = getattr(errors, code_in(row["error"])[0])
        if row["again"] in ("yes", "no") and error is not errors.IncompleteRunError:  # report has no retries at all
            decision = FAIL_AT_ONCE.evaluate(error("what failed"), try_number=1, max_tries=3)
            assert (row["again"] == "no") == (decision.action is RetryAction.FAIL), row["error"]


def test_the_tree_drawn_in_errors_py_is_the_tree_of_its_classes() -> None:
    drawn: dict[str, str] = {}
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([│├└─ ]*)(\w+Error)\b", line)
        if found:
            depth = len(found.group(1)) // 4
            parents[depth:] = [found.group(2)]
            drawn[found.group(2)] = parents[depth - 1] if depth else "Exception"
    assert drawn == {error.__name__: error.__bases__[0].__name__ for error in classes()}


def test_each_code_of_kombo_is_documented_in_its_class() -> None:
    rows = table(DOC["operations"], "### Kombo's codes", "class")
    told = {code: code_in(row["class"])[0] for row in rows for code in code_in(row["codes"])}
    assert told == {code: outcome.value for code, outcome in CLASS_OF_CODE.items()}


def test_each_answer_about_rows_in_doubt_is_documented() -> None:
    rows = table(DOC["operations"], "## In doubt", "answer")
    assert [row["answer"] for row in rows] == [str(answer) for answer in Reply]


def test_each_meta_column_is_documented() -> None:
    meta = documented(table(DOC["source-select"], "## Meta columns", "column"), "column")
    assert sorted(meta) == sorted(META)


def test_the_documented_keys_of_an_attachment_are_its_fields() -> None:
    ways = documented(table(DOC["source-select"], "## Attachments", "key"), "key")
    assert {*ways, "name", "type", "content_type"} == set(fields_of(Attachment))


def test_the_readme_lists_the_fields_of_the_connection() -> None:
    (connection_type,) = get_provider_info()["connection-types"]
    fields = connection_type["conn-fields"]
    rows = [row for row in table(README, "## The Kombo connection", "field") if row["field"].startswith("extra ")]
    assert documented(rows, "field") == list(EXTRAS) == list(fields)
    for row, field in zip(rows, fields.values(), strict=True):
        assert (code_in(row["default"]) or ["None"]) == [str(field["schema"].get("default"))]


def test_each_method_of_the_hook_is_documented() -> None:
    from kombo_provider.hooks.kombo import KomboHook

    own = [n for n, value in vars(KomboHook).items() if inspect.isfunction(value) and not n.startswith("_")]
    assert sorted(documented(table(DOC["airflow"], "## KomboHook", "method"), "method")) == sorted(own)


def test_the_demo_is_as_large_as_the_readme_says() -> None:
    text = section(README, "## See it run")
    assert f"{applicants.COUNT} made-up applicants" in text
    assert applicants.COUNT // applicants.BAD_EVERY == 10
    assert "nine bad rows" in text
    assert "a tenth has no key" in text


def test_examples_with_the_same_source_name_the_same_ledger() -> None:
    written = [block.text for doc in (README, *DOCS) for block in blocks(doc.read_text()) if block.language == "python"]
    of_people = [text for text in written if 'source="crm.people"' in text]
    assert len(of_people) > 3
    assert [text for text in of_people if 'ledger_schema="kombo"' not in text] == []


@pytest.mark.parametrize("document", [README, *DOCS], ids=lambda path: path.stem)
def test_no_link_leads_nowhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_metrics() -> None:
    rows = table(DOC["monitoring"], "## Metrics", "metric")
    assert {code_in(row["metric"])[0]: tuple(code_in(row["tags"])) for row in rows} == metrics.TAGS
