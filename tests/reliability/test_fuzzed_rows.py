"""Whatever stands in a row: staging does not raise, each row ends ready or invalid, and Kombo takes each ready body.

`make fuzz` plays 10,000 rows on each database and demands that every field was often right and often wrong.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pandas
import pytest
from kombo import models as sdk
from sqlalchemy import Engine, create_engine, text

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import DeliveryKey, Endpoint, Ledger, RunRef
from kombo_provider.ledger.claims import Intent
from kombo_provider.ledger.staging import Staging
from kombo_provider.mapping.fields import alias_of, walk
from kombo_provider.mapping.models import Application, Body
from kombo_provider.sending.request import build_body
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Plan, Window
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.stager import MappingOptions, Stager
from kombo_sandbox.validation import check_application_body, check_candidate_body
from tests.reliability.fuzzed_rows import LAYOUTS, Row, made_rows

ROWS = int(os.environ.get("FUZZ_ROWS", "900"))
"""On each database; make fuzz sets it."""

LONG_RUN = 10_000
ENDPOINTS: dict[str, Endpoint] = {"in parts": "application", "in objects": "candidate", "as a whole": "application"}
SDK = {
    "application": sdk.PostAtsJobsJobIDApplicationsRequestBody.model_validate,
    "candidate": sdk.PostAtsCandidatesRequestBody.model_validate,
}
SANDBOX: dict[str, Callable[..., None]] = {"application": check_application_body, "candidate": check_candidate_body}
ALIASES = {alias_of(path) for model in (Application, Body) for path, _ in walk(model)}


def storable(value: Any) -> bool:
    """Say whether both databases can hold the value in a column of text."""
    return type(value) is str and "\0" not in value and not re.search("[\ud800-\udfff]", value)


class Fuzz:
    """A database with a source table and a ledger."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = create_engine(url, **ENGINE_OPTIONS)
        self.ledger = Ledger(create_engine(url, **ENGINE_OPTIONS))
        self.ledger.ensure()

    def stage(self, layout: str, rows: list[Row]) -> Counter[str]:
        """Stage the rows: text comes from a table, values of other types from a transform."""
        table, names = layout.replace(" ", "_"), list(LAYOUTS[layout])
        columns = ", ".join(f"{name} TEXT" for name in ("applicant_id", *names))
        stored = [{name: value if storable(value) else None for name, value in row.items()} for row in rows]
        with self.engine.begin() as conn:
            conn.execute(text(f"CREATE TABLE {table} ({columns})"))
            values = ", ".join(f":{name}" for name in ("applicant_id", *names))
            numbered = [{"applicant_id": str(number), **row} for number, row in enumerate(stored)]
            conn.execute(text(f"INSERT INTO {table} VALUES ({values})"), numbered)

        def with_wild_values(frame: pandas.DataFrame) -> pandas.DataFrame:
            cells = [
                [
                    cell if storable(rows[number][name]) else rows[number][name]
                    for name, cell in zip(names, found, strict=True)
                ]
                for number, found in zip(
                    map(int, frame["applicant_id"]), frame[names].itertuples(index=False), strict=True
                )
            ]
            return pandas.DataFrame(cells, columns=names, dtype=object).assign(applicant_id=frame["applicant_id"])

        stager = Stager(
            self.ledger,
            Staging(layout, "kombo", ENDPOINTS[layout], RunRef("fuzz", "now")),
            MappingOptions("lever:one", attachments_from_files=True, transform=with_wild_values),
        )
        reader = SourceReader(self.engine, f"SELECT * FROM {table}", where="fuzz")
        stager.run(reader, Plan(Window()), Narrowing(), started_at=datetime(3000, 1, 1, tzinfo=UTC))
        return stager.counts

    def deliveries(self, layout: str) -> list[Any]:
        with self.engine.connect() as conn:
            select = "SELECT applicant_id, status, payload, problems FROM kombo_deliveries WHERE source = :source"
            return list(conn.execute(text(select), {"source": layout}))


@pytest.fixture
def fuzz(database_url: str) -> Iterator[Fuzz]:
    found = Fuzz(database_url)
    yield found
    found.engine.dispose()
    found.ledger.close()


def aliases_in(body: Any, parent: str = "", joint: str = "__") -> Iterator[str]:
    """Yield the alias of each field that a body has, those in lists behind []."""
    for key, value in body.items():
        alias = f"{parent}{joint}{key}" if parent else key
        yield alias
        if alias == "remote_fields" or alias.endswith("answer"):
            continue
        if isinstance(value, dict):
            yield from aliases_in(value, alias)
        elif isinstance(value, list):
            for item in value:
                yield from aliases_in(item, f"{alias}[]", ".")


def refusals(endpoint: Endpoint, payload: str) -> list[str]:
    """Return why the SDK's models or the sandbox refuse what would be sent."""
    intent = Intent(DeliveryKey("s", "i", "a"), 1, endpoint, "job", payload, '"path":' in payload, 0, False)
    body = json.loads(build_body(intent, lambda _: b"%PDF-1.7"))
    found = []
    for name, accept in (
        ("SDK", SDK[endpoint]),
        ("sandbox", lambda given: SANDBOX[endpoint](given, refuse_unknown=True)),
    ):
        try:
            accept(body)
        except Exception as exc:  # noqa: BLE001 - told with the row
            found.append(f"{name}: {exc}")
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK marks `source` so
@pytest.mark.timeout(3600)
def test_every_row_ends_ready_or_invalid_and_every_ready_body_is_accepted(
    fuzz: Fuzz, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses: Counter[str] = Counter()
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for number, layout in enumerate(LAYOUTS):
        rows = made_rows(layout, ROWS // len(LAYOUTS) + 1, number)
        counts = fuzz.stage(layout, rows)
        assert counts["extracted"] == len(rows) == sum(counts.values()) - counts["extracted"]
        deliveries = fuzz.deliveries(layout)
        assert len(deliveries) == len(rows)
        for applicant_id, status, payload, problems in deliveries:
            row = rows[int(applicant_id)]
            statuses[status] += 1
            if status == "cancelled" and "withdrawn" in row:  # a wild value may mean true
                continue
            assert status in ("ready", "invalid"), row
            assert (payload is None) == (status == "invalid"), row
            if status == "ready":
                assert refusals(ENDPOINTS[layout], payload) == [], row
                body = json.loads(payload)
                right.update({"job_id"} | {a.removeprefix("application__") for a in aliases_in(body)})
                continue
            reasons = {problem["field"]: problem["problem"] for problem in json.loads(problems)}
            assert reasons, row
            assert all(reasons.values()), row
            wrong.update(
                {part for field in reasons for part in (field.partition("[")[0], re.sub(r"\[\d+\]", "[]", field))}
            )
    total = sum(statuses.values())
    rarest = {
        name: min((counter[alias], alias) for alias in ALIASES)
        for name, counter in (("right", right), ("wrong", wrong))
    }
    with capsys.disabled():
        print(f"\n{total} rows on {database_url.partition(':')[0]}: {dict(statuses)}; rarest {rarest}")
    assert statuses["ready"] >= total / 2
    assert {alias for alias in ALIASES if not right[alias]} == set()
    if total >= LONG_RUN:
        assert [alias for alias in sorted(ALIASES) if right[alias] < 100] == []
        assert [alias for alias in sorted(ALIASES) if wrong[alias] < 100] == []
