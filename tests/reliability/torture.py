"""The long run: many rounds of kills and faults on both databases, each checked by the sandbox's own counts.

`make torture ROUNDS=500 SEED=1`. Prints what it did and writes it to bench/results/torture.json.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from include.sandbox.testing import Sandbox
from tests.postgres import PostgresServer
from tests.reliability.points import POINTS
from tests.reliability.proxy import Proxy
from tests.reliability.rounds import ROOT, Round

APPLICANTS = 210
ON_THE_WIRE = 10
NOT_WHILE_SENDING = ("staged, before commit", "ids in the target, before the ledger knows")
RESULTS = ROOT / "bench" / "results" / "torture.json"


@dataclass
class Figures:
    """What came out of the rounds so far."""

    rounds: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    on_the_wire: list[int] = field(default_factory=list)
    by_database: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    cut_connections: int = 0
    complaints: list[str] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        self.rounds += other.rounds
        for name in ("kills", "by_database", "statuses"):
            getattr(self, name).update(getattr(other, name))
        self.on_the_wire += other.on_the_wire
        self.cut_connections += other.cut_connections
        self.complaints += other.complaints

    def share_with_many(self) -> float:
        many = sum(count >= ON_THE_WIRE for count in self.on_the_wire)
        return many / max(1, len(self.on_the_wire))


def play(number: int, seed: int, postgres: PostgresServer) -> Figures:
    """Play one round: faults by chance, a kill or two, a plain re-run, the checks."""
    chance = random.Random(f"{seed}/{number}")
    figures = Figures(rounds=1)
    with _database(number, postgres) as (kind, url), Sandbox(latency_seconds=[0.2, 0.6]) as sandbox:
        figures.by_database[kind] += 1
        round_ = Round(url, sandbox, applicants=APPLICANTS)
        proxy = Proxy(sandbox.url, share=0.08, seed=number) if chance.random() < 0.25 else None
        round_.kombo = proxy.url if proxy else None
        try:
            for _ in range(chance.choice((1, 1, 2))):
                _kill(round_, chance, number, figures)
            if proxy:
                figures.cut_connections += proxy.harmed
                proxy.close()
                round_.kombo = None
            code = round_.run()
            figures.complaints += [f"round {number} ({kind}): {said}" for said in round_.complaints()]
            figures.complaints += [f"round {number} ({kind}): the re-run ended with {code}"] if code else []
            figures.statuses += round_.statuses()
        finally:
            round_.close()
    return figures


def _kill(round_: Round, chance: random.Random, number: int, figures: Figures) -> None:
    if chance.random() < 0.4:
        point = POINTS[(number + chance.randrange(len(POINTS))) % len(POINTS)]
        code = round_.run(kill_at=[point, 1 if point in NOT_WHILE_SENDING else chance.randrange(20, 45)])
    else:
        point, code = "at a random time", _kill_under_load(round_, chance)
    if code == -9:
        figures.kills[point] += 1
        figures.on_the_wire.append(round_.on_the_wire())


def _kill_under_load(round_: Round, chance: random.Random) -> int:
    """Kill a process at a random time after many of its requests have come on the wire; return its exit code."""
    process = round_.start()
    while process.poll() is None and sum(round_.sandbox.stats(summary=True)["in_flight"].values()) < 2 * ON_THE_WIRE:
        time.sleep(0.02)
    time.sleep(chance.random() * 0.5)
    process.kill()
    return process.wait()


@contextmanager
def _database(number: int, postgres: PostgresServer) -> Iterator[tuple[str, str]]:
    if number % 2:
        name = f"torture_{number}"
        postgres.execute(f"CREATE DATABASE {name}")
        yield "postgresql", postgres.url(name)
        postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
    else:
        with tempfile.TemporaryDirectory(prefix="kombo-torture-") as folder:
            yield "sqlite", f"sqlite:///{Path(folder) / 'ledger.db'}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--jobs", type=int, default=3, help="rounds at once")
    told = parser.parse_args()
    started, figures, postgres = time.monotonic(), Figures(), PostgresServer(durable=True)
    print(f"seed {told.seed}, {told.rounds} rounds of {APPLICANTS} applicants on 3 lanes", flush=True)
    try:
        with ThreadPoolExecutor(told.jobs) as pool:
            rounds = [pool.submit(play, number, told.seed, postgres) for number in range(told.rounds)]
            for done in as_completed(rounds):
                played = done.result()
                figures.add(played)
                for complaint in played.complaints:
                    print(complaint, flush=True)
                if figures.rounds % 10 == 0:
                    _progress(figures, told.rounds, time.monotonic() - started)
    finally:
        postgres.stop()
    return _finish(figures, told.seed, time.monotonic() - started)


def _progress(figures: Figures, rounds: int, seconds: float) -> None:
    left = seconds / figures.rounds * (rounds - figures.rounds)
    print(
        f"{figures.rounds}/{rounds} rounds, {len(figures.complaints)} complaints, {left / 60:.0f} min left", flush=True
    )


def _finish(figures: Figures, seed: int, seconds: float) -> int:
    missed = [point for point in POINTS if not figures.kills[point]]
    results = {
        "seed": seed,
        "rounds": figures.rounds,
        "seconds": round(seconds),
        "applicants": figures.rounds * APPLICANTS,
        "rounds_by_database": dict(figures.by_database),
        "kills": dict(sorted(figures.kills.items())),
        "kills_with_10_on_the_wire": f"{figures.share_with_many():.0%}",
        "cut_connections": figures.cut_connections,
        "statuses": dict(figures.statuses),
        "complaints": figures.complaints,
        "points_never_reached": missed,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))
    return 1 if figures.complaints or missed else 0


if __name__ == "__main__":
    sys.exit(main())
