"""Finds a user's pipelines and looks into their ledgers, or changes something there for a person."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from airflow.configuration import conf
from fastapi import HTTPException
from sqlalchemy import Connection

from kombo_provider.deployment import KnownPipelines, Pipeline
from kombo_provider.errors import ConfigurationError
from kombo_provider.ledger import now, overview, past_days, watched
from kombo_provider.ledger.past_days import Day
from kombo_provider.operators.connections import change_ledger, read_ledger
from kombo_provider.ui.access import may_look, may_trigger
from kombo_provider.ui.bounded import BoundedWork

T = TypeVar("T")
# A day of a large fleet takes seconds to sum up, and a request has five in all (see BoundedWork).
_SUM_UP_SECONDS = 0.4


@dataclass(slots=True)
class Desk:
    """What every request needs: the pipelines, and threads that may wait for a ledger."""

    known: KnownPipelines
    work: BoundedWork
    # As long as the process lives: what runs left behind on a day that is over does not change any more.
    _closed_days: dict[tuple[object, ...], dict[datetime, Day | None]] = field(default_factory=dict)

    def fleets(self, user: Any) -> list[tuple[Pipeline, list[str]]]:
        """Return each source once, with the DAGs that work on it, as far as the user may look at them.

        The first of a source's DAGs that pushes stands for it.
        """
        found: dict[tuple[object, ...], list[Pipeline]] = {}
        for one in self.known.all():
            if may_look(user, one.dag_id):
                place = one.source, one.kombo_conn_id, one.ledger_conn_id, one.ledger_schema or ""
                found.setdefault(place, []).append(one)
        fleets = []
        for _, same in sorted(found.items()):
            pushing = [one for one in same if one.pushes] or same
            dag_ids = sorted({one.dag_id for one in same})
            fleets.append((pushing[0], dag_ids))
        return fleets

    def pipeline(self, user: Any, dag_id: str, source: str) -> Pipeline:
        """Return a DAG's pipeline; raises 403 without the right on that DAG, 404 where it has no such source."""
        if not may_look(user, dag_id):
            raise HTTPException(403, "You may not see this DAG's runs.")
        for one in self.known.all():
            if (one.dag_id, one.source) == (dag_id, source):
                return one
        raise HTTPException(404, f"No DAG {dag_id} with this source is known to Airflow.")

    async def read(self, pipeline: Pipeline, look: Callable[[Connection], T]) -> T:
        """Look into the pipeline's ledger."""

        def reading() -> T:
            with read_ledger(pipeline.connections, _page_connection(pipeline)) as ledger, ledger.transaction() as conn:
                return look(conn)

        return await self.work.run((pipeline.ledger_conn_id, pipeline.ledger_schema), reading)

    def days(self, conn: Connection, pipeline: Pipeline) -> tuple[list[Day], bool]:
        """Return the source's last 30 days, and whether these are all: what is missing comes with the next question.

        Days before today are over, so each is summed up once; how many at a time, the clock decides.
        """
        today, source = past_days.today(now(conn)), pipeline.source
        known = self._closed_days.setdefault((pipeline.ledger_conn_id, pipeline.ledger_schema, source), {})
        found = [past_days.day(conn, source, today)]
        complete = True
        until = time.monotonic() + _SUM_UP_SECONDS
        for back in range(1, past_days.DAYS_SHOWN):
            begins = today - timedelta(days=back)
            if begins not in known and time.monotonic() < until:
                known[begins] = past_days.day(conn, source, begins)
            if begins in known:
                found.append(known[begins])
            else:
                complete = False
        return [day for day in found if day is not None], complete

    async def change(self, pipeline: Pipeline, act: Callable[[Connection], T]) -> T:
        """Change something in the pipeline's ledger, in one transaction."""

        def changing() -> T:
            with change_ledger(pipeline.connections) as ledger, ledger.transaction() as conn:
                return act(conn)

        # Threads of their own: a person who stops a lane does not wait behind those who only look.
        return await self.work.run((pipeline.ledger_conn_id, pipeline.ledger_schema, "changes"), changing)

    def users_of_lane(self, conn: Connection, pipeline: Pipeline, integration_id: str) -> set[str]:
        """Return the DAGs whose sources have rows on the lane: who acts on it acts on all of them.

        Rows of a source that no DAG has any more are nobody's: they are not sent, and keep nobody from the lane.
        """
        # Of whatever ledger connection: two may lead to one database, so the rows tell who uses it, and not the names.
        # The Kombo connection's name is a part of the lane's key.
        sending = [one for one in self.known.all() if one.kombo_conn_id == pipeline.kombo_conn_id]
        sources = overview.sources_on(conn, integration_id, {one.source for one in sending})
        users = {pipeline.dag_id}  # also before its source has a row there: somebody may stop a lane beforehand
        for one in sending:
            if one.source in sources:
                users.add(one.dag_id)
        return users | self._unread_users(conn, pipeline.kombo_conn_id, integration_id)

    def _unread_users(self, conn: Connection, kombo_conn_id: str, integration_id: str) -> set[str]:
        """Return those of the DAGs which cannot be read that ran for a source with rows on the lane."""
        unread = self.known.unread()
        if not unread:
            return set()
        sources = overview.sources_on(conn, integration_id, watched.sources_of(conn))
        return {dag_id for dag_id in unread if overview.ran_for(conn, dag_id, sources, kombo_conn_id)}

    def refuse_unless_may_act(self, user: Any, dag_ids: set[str]) -> None:
        """Raise 403 unless the user may trigger all of them."""
        if not may_trigger(user, sorted(dag_ids)):
            raise HTTPException(403, "To act on a lane you need the right to trigger every DAG that sends on it.")


def _page_connection(pipeline: Pipeline) -> str | None:
    """Return the connection that the configuration gives the page for this ledger, None for the DAG's own."""
    stated = conf.get("kombo", "page_connections", fallback="") or "{}"
    try:
        found = json.loads(stated).get(pipeline.ledger_conn_id)
    except (ValueError, AttributeError):
        raise ConfigurationError(
            "The setting page_connections of section kombo is no JSON object of connection ids."
        ) from None
    if not found:
        return None
    return str(found)
