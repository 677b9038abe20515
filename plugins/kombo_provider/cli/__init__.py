"""`airflow kombo …`: the commands' words and help; what they do is imported when one runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.cli.cli_config import ARG_VERBOSE, ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command

from kombo_provider.worker_shutdown import listen_in_worker


def _arg(flags: tuple[str, ...], **options: Any) -> Arg:
    return Arg(flags, **options)  # type: ignore[no-untyped-call]


_DAG_ID = _arg(("dag_id",), help="A DAG with a Kombo push")
_ANY_DAG = _arg(("dag_id",), nargs="?", default=None, help="A DAG; without one: every ledger that a DAG uses")
_OF_DAG = _arg(("--dag-id",), default=None, help="Only the ledger of this DAG")
_CONF = _arg(("--conf",), default=None, help="Params for the Jinja of the SELECT, as JSON, as a run gets them")
_OUTPUT = _arg(("--output", "-o"), choices=("table", "json", "csv"), default="table", help="How to print the list")


_COMMANDS = (
    ActionCommand(
        name="preview",
        help="Print the request body of one applicant and what would be done with it; sends nothing",
        func=lazy_load_command("kombo_provider.cli.commands.preview"),
        args=(
            _DAG_ID,
            _arg(("--applicant-id",), required=True, help="The row's applicant_id"),
            _CONF,
            ARG_VERBOSE,
        ),
    ),
    ActionCommand(
        name="explain",
        help="Say why an applicant was or was not sent, and what to do",
        func=lazy_load_command("kombo_provider.cli.commands.explain"),
        args=(_DAG_ID, _arg(("applicant_id",), help="The row's applicant_id"), _CONF, ARG_VERBOSE),
    ),
    ActionCommand(
        name="check",
        help="Say what the rows of a file would become, without a database; fails if one would not be sent",
        func=lazy_load_command("kombo_provider.cli.checking.check"),
        args=(
            _DAG_ID,
            _arg(("--rows",), required=True, help="Rows as the SELECT returns them: .json (typed) or .csv"),
            _arg(("--questions",), help="Screening questions by job_id, as GET /ats/jobs lists them: .json"),
            _arg(("--show-values",), action="store_true", help="Print the request bodies as well"),
            _OUTPUT,
            ARG_VERBOSE,
        ),
    ),
    ActionCommand(
        name="doctor",
        help="Check everything a run needs, without sending, and say what to do; fails if there is a problem",
        func=lazy_load_command("kombo_provider.cli.checking.doctor"),
        args=(_DAG_ID, _OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="plan",
        help="Say how many rows of an interval would be sent, to whom, and for how many hours; sends nothing",
        func=lazy_load_command("kombo_provider.cli.planning.plan"),
        args=(
            _DAG_ID,
            _arg(
                ("--from",), dest="from_date", type=datetime.fromisoformat, required=True, help="From this changed_at"
            ),
            _arg(("--to",), dest="to_date", type=datetime.fromisoformat, required=True, help="To this changed_at"),
            _CONF,
            _OUTPUT,
            ARG_VERBOSE,
        ),
    ),
    ActionCommand(
        name="drain",
        help="Stop new requests everywhere and wait until nothing is on the wire (before a deploy)",
        func=lazy_load_command("kombo_provider.cli.commands.drain"),
        args=(
            _ANY_DAG,
            _arg(("--timeout",), type=int, default=900, help="Seconds to wait at most, 900 by default"),
            ARG_VERBOSE,
        ),
    ),
    ActionCommand(
        name="resume",
        help="Allow new requests again after a drain",
        func=lazy_load_command("kombo_provider.cli.commands.resume"),
        args=(_ANY_DAG, ARG_VERBOSE),
    ),
    ActionCommand(
        name="forget",
        help="Empty one person's data in the ledger; the proof of delivery stays",
        func=lazy_load_command("kombo_provider.cli.commands.forget"),
        args=(
            _arg(("source",), nargs="?", default=None, help="The source's name, as in the DAG file"),
            _arg(("integration_id",), nargs="?", default=None, help="The integration of the delivery"),
            _arg(("applicant_id",), nargs="?", default=None, help="The delivery's applicant_id"),
            _arg(
                ("--email",),
                action="store_true",
                help="Ask for an e-mail address, or read it from standard input, and forget that person "
                "in every source and integration",
            ),
            _OF_DAG,
            ARG_VERBOSE,
        ),
    ),
    ActionCommand(
        name="failed",
        help="List what is not delivered, with field or code, never with a value",
        func=lazy_load_command("kombo_provider.cli.failures.failed"),
        args=(_DAG_ID, _OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="lanes",
        help="List the lanes with state, code and rows that wait; open, stop or snooze one",
        func=lazy_load_command("kombo_provider.cli.commands.lanes"),
        args=(
            _arg(
                ("action",),
                nargs="?",
                choices=("list", "open", "stop", "snooze"),
                default="list",
                help="What to do, list by default",
            ),
            _arg(("integration_id",), nargs="?", default=None, help="The lane's integration"),
            _OF_DAG,
            _arg(("--kombo-conn-id",), default=None, help="The lane's Kombo connection"),
            _arg(("--until",), type=datetime.fromisoformat, default=None, help="When a snooze ends (UTC)"),
            _arg(("--because",), default=None, help="The reason, kept with the lane's history"),
            _OUTPUT,
            ARG_VERBOSE,
        ),
    ),
)


def get_kombo_cli_commands() -> list[CLICommand]:
    """Return the command group, as Airflow's provider info names this function.

    Airflow asks for it in each process that an `airflow` command starts. In a Celery worker's main process this is the
    only code of a provider that runs before the children are forked, so it listens for the shutdown from here.
    """
    listen_in_worker()
    help_text = "Look into, stop and resume pushes of applicants to Kombo"
    return [GroupCommand(name="kombo", help=help_text, subcommands=list(_COMMANDS))]
