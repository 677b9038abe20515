"""Operators for one applicant: through the ledger like any row, so that trying again never sends twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException

from kombo_provider.errors import ConfigurationError, InDoubtError, KomboError, NotDeliveredError
from kombo_provider.hooks.kombo import KomboHook
from kombo_provider.operators.connections import open_ledger
from kombo_provider.operators.job_questions import question_finder
from kombo_provider.operators.links import remember_log_url
from kombo_provider.operators.sending import SendingOperator
from kombo_provider.operators.settings import LEDGER_FIELDS, Connections

if TYPE_CHECKING:
    from kombo_provider.client.settings import ConnectionSettings
    from kombo_provider.ledger import DeliveryKey, Endpoint, Ledger, RunRef, Status

_CORRECT = "Correct it, then clear the task."
_TO_DO_FOR_ONE_ROW = {
    "ready": "Nothing was sent now: clear the task once its lane is open, and neither snoozed nor drained.",
    "cancelled": "It was taken out, and is not sent.",
}


class _CreateOperator(SendingOperator):
    """Creates one application; returns the ids, also where an earlier try created it.

    `applicant_id` identifies the application within `source` and `integration_id`. `body` is Kombo's request body,
    without the job, or a function that is called with the task's context inside `execute` and returns it: a DAG run's
    params are stored and shown by Airflow, so an applicant's data has to be fetched there. Jinja in the strings of a
    body given as a dict is rendered inside `execute` too; neither is a template field. Raises NotDeliveredError where
    the applicant is invalid or refused, InDoubtError where an earlier request may have been executed: then nothing is
    sent.
    """

    template_fields: Sequence[str] = (*LEDGER_FIELDS, "applicant_id", "integration_id", "job_id")
    endpoint: ClassVar[Endpoint]

    def __init__(
        self,
        *,
        source: str,
        applicant_id: str,
        job_id: str,
        body: Mapping[str, Any] | Callable[[Context], Mapping[str, Any]],
        integration_id: str | None = None,
        kombo_conn_id: str = "kombo_default",
        warehouse_conn_id: str = "warehouse_default",
        ledger_conn_id: str | None = None,
        ledger_schema: str | None = None,
        attachment_roots: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.applicant_id = applicant_id
        self.job_id = job_id
        self.body = body
        self.integration_id = integration_id
        self.kombo_conn_id = kombo_conn_id
        self.warehouse_conn_id = warehouse_conn_id
        self.ledger_conn_id = ledger_conn_id or warehouse_conn_id
        self.ledger_schema = ledger_schema
        self.attachment_roots = attachment_roots

    def execute(self, context: Context) -> dict[str, str | None]:
        """Stage the applicant, send it if it was not sent before, return its ids."""
        from kombo_provider.ledger import RunRef, Status
        from kombo_provider.ledger.selection import Selection

        self._stop = threading.Event()
        run = RunRef(context["ti"].dag_id, context["dag_run"].run_id)
        hook = KomboHook(self.kombo_conn_id)
        with remember_log_url(self), open_ledger(self._connections()) as ledger:
            key = self._stage(ledger, context, run, hook.get_settings())
            if self._status(ledger, key) is Status.READY:
                selection = Selection(self.source, self.kombo_conn_id, (key.applicant_id,))
                self.send(
                    context,
                    ledger,
                    hook,
                    selection,
                    run,
                    [key.integration_id],
                    attachment_roots=self.attachment_roots,
                )
            return self._ids(ledger, key)

    def _connections(self) -> Connections:
        return Connections(
            kombo_conn_id=self.kombo_conn_id,
            warehouse_conn_id=self.warehouse_conn_id,
            ledger_conn_id=self.ledger_conn_id,
            ledger_schema=self.ledger_schema,
        )

    def _stage(self, ledger: Ledger, context: Context, run: RunRef, settings: ConnectionSettings) -> DeliveryKey:
        from kombo_provider.ledger.staging import Staging
        from kombo_provider.staging.mapping_options import MappingOptions
        from kombo_provider.staging.one import stage_one

        given = self.render_body(context)
        row = {"applicant_id": self.applicant_id, "job_id": self.job_id, "integration_id": self.integration_id}
        mapping = MappingOptions(
            default_integration_id=settings.integration_id,
            attachments_from_files=bool(self.attachment_roots),
            find_questions=question_finder(settings),
        )
        whom = Staging(self.source, self.kombo_conn_id, self.endpoint, run)
        return stage_one(ledger, whom, mapping, row | _as_columns(given))

    def render_body(self, context: Context) -> Mapping[str, Any]:
        """Return the body; an error of the function that makes it is said without its words, which may quote a person.

        What it raises to tell Airflow something, such as to skip the task, goes through.
        """
        from kombo_provider.staging.transform import class_of, kind_and_place, name_of

        body = self.body
        try:
            given = body(context) if callable(body) else self.render_template(dict(body), context)
        except (AirflowException, KomboError):
            raise
        except Exception as exc:  # noqa: BLE001 - the border to the user's code
            raise NotDeliveredError(
                f"Applicant {self.applicant_id}: the function {name_of(body)} that makes the body failed: "
                f"{kind_and_place(body, exc)}. Nothing was sent. Correct it, then clear the task."
            ) from None
        if not isinstance(given, Mapping):
            raise ConfigurationError(f"The function {name_of(body)} returned no body, but {class_of(given)}.")
        return given

    def _status(self, ledger: Ledger, key: DeliveryKey) -> Status | None:
        from kombo_provider.ledger import Status, history

        with ledger.transaction() as conn:
            row = history.find(conn, key)
        if row is None:
            return None
        return Status(row["status"])

    def _ids(self, ledger: Ledger, key: DeliveryKey) -> dict[str, str | None]:
        from kombo_provider.ledger import UNSETTLED, Status, history
        from kombo_provider.ledger.kombo_ids import ID_COLUMNS

        with ledger.transaction() as conn:
            row = history.find(conn, key)
        if row is None:
            raise NotDeliveredError(f"{_named(key)} is not in the ledger; run the task again.")
        if row["status"] == Status.DELIVERED:
            return {name: row[name] for name in ID_COLUMNS}
        self.kombo_log_url = row["log_url"]
        page = f" Log page: {row['log_url']}." if row["log_url"] else ""
        if row["status"] in UNSETTLED:
            raise InDoubtError(
                f"{_named(key)} may be at Kombo already: a request was sent, no answer proved what became of it.{page} "
                "Nothing was sent now. A kombo_resolve_dag of its source looks it up; else a person decides."
            )
        raise NotDeliveredError(
            f"{_named(key)} {_why_not(row)}.{page} {_TO_DO_FOR_ONE_ROW.get(row['status'], _CORRECT)}"
        )


class KomboCreateApplicationOperator(_CreateOperator):
    __doc__ = _CreateOperator.__doc__
    endpoint = "application"


class KomboCreateCandidateOperator(_CreateOperator):
    __doc__ = _CreateOperator.__doc__
    endpoint = "candidate"


def _as_columns(body: Mapping[str, Any]) -> dict[str, Any]:
    """Spread a request body over the mapping's columns: objects one level deep, the rest as it is."""
    columns: dict[str, Any] = {}
    for name, value in body.items():
        if name == "candidate" and isinstance(value, Mapping):
            columns |= {f"candidate__{field}": inner for field, inner in value.items()}
        else:
            columns[name] = value
    return columns


def _why_not(row: Mapping[str, Any]) -> str:
    said = f"is {row['status']}"
    problems = json.loads(row["problems"] or "[]")
    if problems:
        return f"{said}: " + "; ".join(f"{one['field']} {one['problem']}" for one in problems)
    if row["error_code"]:
        return f"{said}: {row['error_code']}"
    if row["http_status"]:  # a refusal that came from a gateway has no code of Kombo's
        return f"{said}: HTTP {row['http_status']}"
    return said


def _named(key: DeliveryKey) -> str:
    return f"Applicant {key.applicant_id} of {key.integration_id}"
