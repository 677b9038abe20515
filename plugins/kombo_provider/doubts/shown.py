"""Doubts that show up in a pull are looked up: the pull is the occasion, the rules are those of the look-up."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kombo_provider.client.envelope import id_text
from kombo_provider.doubts.found import addresses_of, is_for_job, object_of, objects
from kombo_provider.doubts.resolve import LOOK_UPS_AT_MOST, Reads, look_up
from kombo_provider.ledger import Actor, By, DeliveryKey, Ledger, RunRef
from kombo_provider.ledger import doubts as doubt_store
from kombo_provider.ledger.doubts import Doubt


class Shown:
    """The deliveries of a connection whose application nobody knows yet, and those that a pull has shown.

    Safe to use from many threads, each with integrations of its own.
    """

    def __init__(self, ledger: Ledger, client: Reads, kombo_conn_id: str, run: RunRef) -> None:
        self._ledger, self._client, self._by = ledger, client, By(Actor.LOOK_UP, run)
        self._unsettled: defaultdict[str, list[Doubt]] = defaultdict(list)
        self._shown: defaultdict[str, set[DeliveryKey]] = defaultdict(set)
        self._lock = threading.Lock()
        with ledger.transaction() as conn:
            for source in doubt_store.sources_to_look_up(conn, kombo_conn_id):
                for doubt in doubt_store.to_look_up(conn, source, kombo_conn_id, LOOK_UPS_AT_MOST):
                    self._unsettled[doubt.key.integration_id].append(doubt)
        self._by_name = {name: _by_name(doubts) for name, doubts in self._unsettled.items()}

    def see(self, integration_id: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Take in one page of applications or candidates."""
        by_name = self._by_name.get(integration_id)
        if not by_name:
            return
        found = set()
        for candidate, application in _applications(records):
            for name in self._names(candidate):
                for doubt in by_name.get(name, ()):
                    if is_for_job(application, doubt.job_id):
                        found.add(doubt.key)
        # Pages of other integrations come on other threads, and may add a first entry at the same time.
        with self._lock:
            self._shown[integration_id] |= found

    def settle(self, integration_id: str) -> Counter[str]:
        """Look up what was shown; return what became of it."""
        shown = self._shown.pop(integration_id, set())
        unsettled = self._unsettled.get(integration_id, [])
        doubts = [doubt for doubt in unsettled if doubt.key in shown]
        return look_up(self._ledger, self._client, doubts, unsettled, self._by)

    def _names(self, candidate: Mapping[str, Any]) -> Iterator[str]:
        """Yield all that a doubt may know a candidate by: its id, an address, an address's digest."""
        candidate_id = id_text(candidate.get("id"))
        if candidate_id is not None:
            yield candidate_id
        for address in addresses_of(candidate):
            yield address
            digest = self._ledger.email_digest(address)
            if digest is not None:  # None in a ledger that keeps no digests
                yield digest


def _by_name(doubts: Sequence[Doubt]) -> dict[str, list[Doubt]]:
    found: defaultdict[str, list[Doubt]] = defaultdict(list)
    for doubt in doubts:
        if doubt.ids.kombo_application_id is not None:
            continue  # the sync itself fills in what is missing of an application that is known
        for name in _names_of(doubt):
            found[name].append(doubt)
    return dict(found)


def _names_of(doubt: Doubt) -> Iterator[str]:
    if doubt.ids.kombo_candidate_id is not None:
        yield doubt.ids.kombo_candidate_id
    elif doubt.email is not None:
        yield doubt.email.strip().lower()
    elif doubt.email_sha256 is not None:
        yield doubt.email_sha256


def _applications(
    records: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield (candidate, application) of records of either kind."""
    for record in records:
        if "applications" not in record:
            yield object_of(record.get("candidate")), record
            continue
        for application in objects(record.get("applications")):
            yield record, application
