"""Pulls all integrations of a connection, a few at a time; one that cannot be read keeps no other from it."""

from __future__ import annotations

import logging
import threading
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Connection

from kombo_provider.client.client import Model
from kombo_provider.errors import (
    AccountError,
    ApiError,
    ConfigurationError,
    KomboError,
    LedgerRefusedError,
    UnexpectedDataError,
)
from kombo_provider.ledger import Ledger, erasure, now, pulled, pulls
from kombo_provider.ledger.pulls import Pull
from kombo_provider.sync.lists import Reads
from kombo_provider.sync.pacing import TooLateError
from kombo_provider.sync.plan import LEARNED_AT_MOST, Wanted
from kombo_provider.sync.pull import ReplacedError, pull
from kombo_provider.sync.tracking import Tracks, track

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Integrations read at the same time: a slow one holds up a quarter of the fleet at most."""


class Client(Reads, Tracks, Protocol):
    """What a sync needs of a client (see kombo_provider.client.client.KomboClient)."""


class Late(Protocol):
    """Is shown every page, and settles what its records prove, when an integration has been read."""

    def see(self, integration_id: str, records: Sequence[dict[str, Any]]) -> None:
        """Take in a page."""

    def settle(self, integration_id: str) -> Counter[str]:
        """Settle; return how many of what."""


@dataclass(slots=True)
class Report:
    """What a sync did: counts over all pulls, codes of the integrations passed over, and those not begun."""

    counts: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    integrations: int = 0


class Fleet:
    """One sync of a connection; once `stop` is set, the pace that knows it (see SharedPace) begins no page any more."""

    def __init__(
        self,
        ledger: Ledger,
        client: Client,
        kombo_conn_id: str,
        wanted: Wanted,
        *,
        late: Late | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._ledger, self._client, self._conn_id = ledger, client, kombo_conn_id
        self._wanted, self._late, self._stop = wanted, late, stop or threading.Event()
        self._learned: dict[str, dict[str, list[str]]] = {}
        self._report = Report()
        self._lock = threading.Lock()
        self._is_over = threading.Event()

    def sync(self, models: Sequence[Model], also: Sequence[str] = ()) -> Report:
        """Pull the models of every integration that the ledger knows, and of those named beside; never half a page.

        Raises AccountError where Kombo refuses the API key, and the last ApiError where nothing at all could be read.
        """
        with self._ledger.transaction() as conn:
            erasure.keep_forgotten(conn)
        with self._ledger.transaction() as conn:
            self._keep_age(conn, models)
            known = pulls.integrations(conn, self._conn_id, models)
            for model in models:
                if model != "jobs":
                    # One more than are asked for by id: so many, and the pull reads everything instead.
                    self._learned[model] = pulled.learned(conn, self._conn_id, model, LEARNED_AT_MOST + 1)
        only_named = [name for name in also if name not in known]
        wanted = [*known, *only_named]
        self._report.integrations = len(wanted)
        errors = self._sync_all(wanted, models)
        # Of some integrations it is their own trouble, and the report names them; of all, nothing was done.
        if errors and len(errors) == len(wanted):
            raise errors[-1]
        return self._report

    def _sync_all(self, integration_ids: Sequence[str], models: Sequence[Model]) -> list[KomboError]:
        """Pull them, a few at a time; return what kept some from being read."""
        errors = []
        pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="kombo-sync")
        try:
            pulling = [pool.submit(self._sync_one, name, models) for name in integration_ids]
            for future in pulling:
                error = future.result()
                if error is not None:
                    errors.append(error)
        finally:
            # After an AccountError the other threads would go on asking with a key that is refused: they begin no
            # further page, and nobody waits for the one that they are reading.
            self._stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
        return errors

    def _sync_one(self, integration_id: str, models: Sequence[Model]) -> KomboError | None:
        """Pull one integration; return what kept it from being read."""
        if self._is_over.is_set():
            self._leave(integration_id)  # not begun: that would put it behind those that had their time
            return None
        counts: Counter[str] = Counter()
        failure = None
        try:
            with _described(integration_id):
                self._read(integration_id, models, counts)
        except TooLateError:
            self._leave(integration_id)
        except ReplacedError:
            # Both would store the same; the newer one goes on, since it alone may move the watermark.
            log.warning("%s: another run pulls it now, so this one leaves it", integration_id)
        except AccountError:
            raise  # an ApiError as well, but of every integration
        except (ApiError, ConfigurationError, LedgerRefusedError, UnexpectedDataError) as exc:
            failure = exc
            log.warning("%s is passed over: %s", integration_id, exc)
            with self._lock:
                self._report.failed[integration_id] = _code(exc)
        with self._lock:
            self._report.counts += counts
        return failure

    def _leave(self, integration_id: str) -> None:
        self._is_over.set()
        with self._lock:
            self._report.left.append(integration_id)

    def _read(self, integration_id: str, models: Sequence[Model], counts: Counter[str]) -> None:
        for model in models:
            counts += self._pull(integration_id, model)
        if self._late is not None:
            counts += self._late.settle(integration_id)
        if "applications" in models:
            counts += track(self._ledger, self._client, integration_id)

    def _pull(self, integration_id: str, model: Model) -> Counter[str]:
        with self._ledger.transaction() as conn:
            begun = pulls.begin(conn, self._conn_id, integration_id, model)
        learned = self._learned.get(model, {}).get(integration_id, [])
        see = None
        if self._late is not None and model != "jobs":
            see = self._late.see
        try:
            with _described(integration_id):
                return pull(self._ledger, self._client, begun, self._wanted, learned=learned, see=see)
        except TooLateError:
            log.warning(
                "%s: the read of its %s did not end in this run, a later one begins it anew", integration_id, model
            )
            raise
        except (ApiError, ConfigurationError, UnexpectedDataError) as exc:
            self._note(begun, exc)
            raise

    def _note(self, begun: Pull, exc: KomboError) -> None:
        log_url = None
        if isinstance(exc, ApiError):
            log_url = exc.log_url
        with self._ledger.transaction() as conn:
            pulls.fail(conn, begun, _code(exc), log_url)

    def _keep_age(self, conn: Connection, models: Sequence[Model]) -> None:
        """Empty what is too old, before Kombo is asked for anything: it may refuse every question."""
        personal_since = self._wanted.keep(now(conn)).personal_since
        concerned = [model for model in models if model != "jobs"]
        if personal_since is not None:
            concerned = ["applications", "candidates"]  # the age is that of the ledger, whichever of them is pulled
        for model in concerned:
            self._report.counts["emptied"] += pulled.empty_old(conn, model, self._conn_id, personal_since)


@contextmanager
def _described(integration_id: str) -> Iterator[None]:
    """Turn what nobody thought of into an error without a word of the records, which its own text might quote."""
    try:
        yield
    except (KomboError, TooLateError, ReplacedError):
        raise
    except Exception as exc:  # noqa: BLE001 - one integration's data must not end the sync of all others
        at = traceback.extract_tb(exc.__traceback__)[-1]
        raise UnexpectedDataError(
            f"Reading {integration_id} failed: {type(exc).__name__} in {at.name} ({at.filename.rpartition('/')[2]}, "
            f"line {at.lineno}). Its next sync tries again; please report this as a bug of the provider."
        ) from None


def _code(exc: KomboError) -> str:
    if not isinstance(exc, ApiError):
        return type(exc).__name__
    if exc.code:
        return exc.code
    if exc.http_status:
        return f"HTTP {exc.http_status}"
    return "no answer"
