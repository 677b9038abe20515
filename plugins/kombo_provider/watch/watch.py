"""One watch: look, judge, write down what changed, tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Connection

from kombo_provider.ledger import Ledger, now
from kombo_provider.watch import facts
from kombo_provider.watch.changes import write_down
from kombo_provider.watch.conditions import Judgement, judge_lanes
from kombo_provider.watch.limits import Limits
from kombo_provider.watch.messages import Writer
from kombo_provider.watch.pipelines import Airflow, judge_pipelines
from kombo_provider.watch.tell import Send, Teller, Told


def watch(
    ledger: Ledger,
    kombo_conn_id: str,
    limits: Limits,
    *,
    airflow: Airflow,
    notifiers: Mapping[str, Send],
    base_url: str = "",
    clock: Callable[[Connection], datetime] = now,
) -> Told:
    """Look at everything that is sent under a connection once, and tell each notifier of what changed.

    Nothing is told twice to one that took it, nor by two watches at once. Raises LedgerError where the ledger cannot be
    used: then nobody is told of anything, and the next watch does it.
    """
    with ledger.transaction() as conn:
        at = clock(conn)
        seen = facts.read(conn, kombo_conn_id, limits, at)
    judgement = Judgement()
    judge_pipelines(seen, limits, airflow, judgement)
    judge_lanes(seen, limits, judgement)
    with ledger.transaction() as conn:
        write_down(conn, kombo_conn_id, judgement, at, Writer(seen, base_url).text_of)
    return Teller(ledger, kombo_conn_id, notifiers, at).tell()
