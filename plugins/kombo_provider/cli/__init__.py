"""`airflow kombo …`: the commands' words and help; what they do is imported when one runs."""

from __future__ import annotations

from typing import Any

from airflow.cli.cli_config import ARG_VERBOSE, ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command


def _arg(flags: tuple[str, ...], **options: Any) -> Arg:
    return Arg(flags, **options)  # type: ignore[no-untyped-call]


_DAG_ID = _arg(("dag_id",), help="A DAG with a Kombo push")
_CONNECTIONS = (
    _arg(("--warehouse-conn-id",), default="warehouse_default", help="Connection whose database holds the ledger"),
    _arg(("--ledger-conn-id",), default=None, help="Connection of the ledger, if it is not in the warehouse"),
    _arg(("--ledger-schema",), default=None, help="Schema of the ledger, if it has one of its own"),
)


def get_kombo_cli_commands() -> list[CLICommand]:
    """Return the command group, as Airflow's provider info names this function."""
    return [
        GroupCommand(
            name="kombo",
            help="Look into, stop and resume pushes of applicants to Kombo",
            subcommands=[
                ActionCommand(
                    name="preview",
                    help="Print the request body of one applicant and what would be done with it; sends nothing",
                    func=lazy_load_command("kombo_provider.cli.commands.preview"),
                    args=(
                        _DAG_ID,
                        _arg(("--applicant-id",), required=True, help="The row's applicant_id"),
                        ARG_VERBOSE,
                    ),
                ),
                ActionCommand(
                    name="explain",
                    help="Say why an applicant was or was not sent, and what to do",
                    func=lazy_load_command("kombo_provider.cli.commands.explain"),
                    args=(_DAG_ID, _arg(("applicant_id",), help="The row's applicant_id"), ARG_VERBOSE),
                ),
                ActionCommand(
                    name="drain",
                    help="Stop new requests everywhere and wait until nothing is on the wire (before a deploy)",
                    func=lazy_load_command("kombo_provider.cli.commands.drain"),
                    args=(
                        *_CONNECTIONS,
                        _arg(("--timeout",), type=int, default=900, help="Seconds to wait at most, 900 by default"),
                        ARG_VERBOSE,
                    ),
                ),
                ActionCommand(
                    name="resume",
                    help="Allow new requests again after a drain",
                    func=lazy_load_command("kombo_provider.cli.commands.resume"),
                    args=(*_CONNECTIONS, ARG_VERBOSE),
                ),
                ActionCommand(
                    name="forget",
                    help="Empty one person's data in the ledger; the proof of delivery stays",
                    func=lazy_load_command("kombo_provider.cli.commands.forget"),
                    args=(
                        _arg(("source",), help="The source's name, as in the DAG file"),
                        _arg(("integration_id",), help="The integration of the delivery"),
                        _arg(("applicant_id",), help="The delivery's applicant_id"),
                        *_CONNECTIONS,
                        ARG_VERBOSE,
                    ),
                ),
            ],
        )
    ]
