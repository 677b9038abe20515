"""The ledger's tables, as the newest migration leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    and_,
    literal_column,
    not_,
    or_,
    tuple_,
)
from sqlalchemy.types import TypeDecorator

from kombo_provider.ledger.kombo_ids import ID_COLUMNS
from kombo_provider.ledger.status import REFUSED, RETRYABLE_CODES_AT_MOST, UNFINISHED, UNSETTLED, DeliveryKey, Status

EVERYWHERE = ""
"""Integration id (or connection id) of the `kombo_lanes` rows that hold for all lanes of a connection (or of all).

No row of a source can bear it: an empty id is no id.
"""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant: timestamptz, on SQLite the text `YYYY-MM-DD HH:MM:SS.ffffff`."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - signature
        if value is None:
            return None
        if value.tzinfo is None:  # SQLite's text
            return value.replace(tzinfo=UTC)
        return value.astimezone(UTC)  # PostgreSQL answers in the time zone of the session


metadata = MetaData()

deliveries = Table(
    "kombo_deliveries",
    metadata,
    Column("source", Text, primary_key=True),
    Column("integration_id", Text, primary_key=True),
    Column("applicant_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("kombo_conn_id", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("job_id", Text),
    Column("payload", Text),
    Column("payload_sha256", Text, nullable=False),
    Column("row_digest", Text),
    Column("has_files", SmallInteger, nullable=False, server_default="0"),
    Column("problems", Text),
    *(Column(name, Text) for name in ID_COLUMNS),
    Column("resolution", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("retryable_codes", Integer, nullable=False, server_default="0"),
    Column("ordered_resend", SmallInteger, nullable=False, server_default="0"),
    Column("priority", SmallInteger, nullable=False, server_default="0"),
    Column("hold", Text),
    Column("not_before", UtcDateTime),
    Column("http_status", Integer),
    Column("error_code", Text),
    Column("error_title", Text),
    Column("error_message", Text),
    Column("log_url", Text),
    Column("warnings", Text),
    Column("changed_at", UtcDateTime),
    Column("staged_at", UtcDateTime, nullable=False),
    Column("first_sent_at", UtcDateTime),
    Column("sent_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("written_back_at", UtcDateTime),
    Column("missed_by", Text),
    Column("email_sha256", Text),
    Column("looked_up_at", UtcDateTime),
    Column("ask_after", UtcDateTime),
    Column("asked_at", UtcDateTime),
    Column("dag_id", Text),
    Column("run_id", Text),
)

KEY_COLUMNS = (deliveries.c.source, deliveries.c.integration_id, deliveries.c.applicant_id)
KEY = tuple_(*KEY_COLUMNS)

EMPTIED = {"payload": None, "error_title": None, "error_message": None, "warnings": None}
"""Columns that may hold personal data, emptied when nobody needs it any more."""


def is_key(key: DeliveryKey) -> ColumnElement[bool]:
    """Return the condition that a delivery has this key."""
    return and_(*(column == value for column, value in zip(KEY_COLUMNS, key, strict=True)))


def is_of(source: str) -> ColumnElement[bool]:
    """Return the condition that a delivery is one of the source, so put that no index is searched for it.

    SQLite would go through all rows of the source rather than through the few of a partial index.
    """
    return deliveries.c.source.concat("") == source


def sql_list(statuses: Sequence[Status]) -> str:
    """Return the list in SQL, for the condition of a partial index."""
    quoted = [f"'{status}'" for status in statuses]
    return f"({', '.join(quoted)})"


def _is_one_of(statuses: Sequence[Status]) -> ColumnElement[bool]:
    return deliveries.c.status.in_([literal_column(f"'{status}'") for status in statuses])


IS_READY = deliveries.c.status == literal_column("'ready'")
IS_CLAIMABLE = and_(
    IS_READY,
    deliveries.c.hold.is_(None),
    or_(deliveries.c.retryable_codes < RETRYABLE_CODES_AT_MOST, deliveries.c.ordered_resend == 1),
)
"""Every condition for sending that lies in the row itself; when it is due, and whose lane it is, comes on top."""
IS_UNSETTLED = _is_one_of(UNSETTLED)
IS_REFUSED = _is_one_of(REFUSED)
IS_IN_DOUBT = and_(IS_UNSETTLED, deliveries.c.status == literal_column("'in_doubt'"))  # the index is on both statuses
IS_BY_PERSON = deliveries.c.resolution == literal_column("'human'")
IS_TO_WRITE_BACK = and_(deliveries.c.status == literal_column("'delivered'"), deliveries.c.written_back_at.is_(None))
LACKS_AN_ID = and_(
    deliveries.c.status == literal_column("'delivered'"), or_(*(deliveries.c[name].is_(None) for name in ID_COLUMNS))
)
HOLDS_PERSONAL_DATA = and_(
    not_(_is_one_of(UNFINISHED)),
    or_(*(deliveries.c[name].is_not(None) for name in EMPTIED)),
)
"""What the partial indexes of `_indexes` cover, spelled out: with a bound parameter neither database could use them."""

delivery_events = Table(
    "kombo_delivery_events",
    metadata,
    Column("event_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("integration_id", Text, nullable=False),
    Column("applicant_id", Text, nullable=False),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("dag_id", Text),
    Column("run_id", Text),
    Column("actor", Text),
    Column("actor_name", Text),
    Column("error_code", Text),
    Column("http_status", Integer),
    Column("duration_ms", Integer),
)
Index("kombo_delivery_events_run", delivery_events.c.run_id, delivery_events.c.dag_id)
Index(
    "kombo_delivery_events_key",
    delivery_events.c.source,
    delivery_events.c.integration_id,
    delivery_events.c.applicant_id,
)

lanes = Table(
    "kombo_lanes",
    metadata,
    Column("kombo_conn_id", Text, primary_key=True),
    Column("integration_id", Text, primary_key=True),
    Column("environment_id", Text),
    Column("state", Text, nullable=False, server_default="open"),
    Column("code", Text),
    Column("log_url", Text),
    Column("since", UtcDateTime),
    Column("paused_until", UtcDateTime),
    Column("pauses", Integer, nullable=False, server_default="0"),
    Column("snoozed_until", UtcDateTime),
    Column("snoozed_code", Text),
    Column("snoozed_by", Text),
    Column("snooze_reason", Text),
    Column("cap_seen", Integer),
    Column("lease_holder", Text),
    Column("lease_epoch", BigInteger, nullable=False, server_default="0"),
    Column("lease_expires_at", UtcDateTime),
    Column("wanted_by", Text),
    Column("wanted_source", Text),
    Column("wanted_until", UtcDateTime),
    Column("turn_holder", Text),
    Column("turn_source", Text),
    Column("turn_ends_at", UtcDateTime),
)

sources = Table(
    "kombo_sources",
    metadata,
    Column("source", Text, primary_key=True),
    Column("watermark", UtcDateTime),
    Column("floor", UtcDateTime),
    Column("swept_at", UtcDateTime),
)

lane_events = Table(
    "kombo_lane_events",
    metadata,
    Column("event_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("kombo_conn_id", Text, nullable=False),
    Column("integration_id", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("action", Text, nullable=False),
    Column("code", Text),
    Column("until", UtcDateTime),
    Column("reason", Text),
    Column("actor", Text, nullable=False),
    Column("actor_name", Text),
)
Index("kombo_lane_events_lane", lane_events.c.kombo_conn_id, lane_events.c.integration_id)

ledger_version = Table("kombo_ledger_version", metadata, Column("version", Integer, nullable=False))

APPLICANT_IDS_VIEW = "kombo_applicant_ids"
APPLICANT_IDS_SELECT = """
SELECT source, integration_id, applicant_id,
       {ids},
       finished_at AS delivered_at
FROM {deliveries}
WHERE status = 'delivered'
"""
