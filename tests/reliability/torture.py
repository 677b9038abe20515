"""The long run: many rounds of kills and faults on both databases, each checked by the sandbox's own counts.

`make torture ROUNDS=500 SEED=1`. Prints what it did and writes it to bench/results/torture.json.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

from tests import conftest  # noqa: F401 - an Airflow of its own, before anything imports airflow
from tests.postgres import PostgresServer
from tests.reliability.figures import Figures
from tests.reliability.points import POINTS
from tests.reliability.rounds import ROOT
from tests.reliability.scenes import APPLICANTS, ON_THE_WIRE, SCENES, play

RESULTS = ROOT / "bench" / "results" / "torture.json"
SHARE_WITH_MANY_ON_THE_WIRE = 0.8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--jobs", type=int, default=4, help="rounds at once")
    parser.add_argument("--scene", choices=sorted(SCENES), help="play this one only; the figures are not kept then")
    told = parser.parse_args()
    started, figures, postgres = time.monotonic(), Figures(), PostgresServer(durable=True)
    print(f"seed {told.seed}, {told.rounds} rounds of {APPLICANTS} applicants on 3 lanes", flush=True)
    pool = ThreadPoolExecutor(told.jobs)
    try:
        rounds = [pool.submit(play, number, told.seed, postgres, told.scene) for number in range(told.rounds)]
        for done in as_completed(rounds):
            figures.add(done.result())
            if figures.rounds % 10 == 0:
                _progress(figures, told.rounds, time.monotonic() - started)
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C the rounds that are being played are played to their end
        postgres.stop()
    return _finish(figures, told.seed, time.monotonic() - started, only=told.scene)


def _progress(figures: Figures, rounds: int, seconds: float) -> None:
    left = seconds / figures.rounds * (rounds - figures.rounds)
    print(
        f"{figures.rounds}/{rounds} rounds, {len(figures.complaints)} complaints, {left / 60:.0f} min left", flush=True
    )


def _finish(figures: Figures, seed: int, seconds: float, only: str | None) -> int:
    missed = [point for point in POINTS if not figures.kills[point]] if only is None else []
    share = figures.share_of_kills_with(ON_THE_WIRE)
    results = {
        "seed": seed,
        "rounds": figures.rounds,
        "seconds": round(seconds),
        "applicants": figures.rounds * APPLICANTS,
        "rounds_by_database": dict(figures.by_database),
        "rounds_by_endpoint": dict(figures.by_endpoint),
        "rounds_by_scene": dict(sorted(figures.by_scene.items())),
        "kills": dict(sorted(figures.kills.items())),
        "kills_in_all": figures.kills.total(),
        "kills_with_10_on_the_wire": f"{share:.1%}",
        "median_on_the_wire": figures.median_on_the_wire(),
        "cut_connections": figures.cut_connections,
        "faults": dict(sorted(figures.faults.items())),
        "statuses": dict(figures.statuses),
        "complaints": figures.complaints,
        "points_never_reached": missed,
    }
    if only is None:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))
    return 1 if figures.complaints or missed or share < SHARE_WITH_MANY_ON_THE_WIRE else 0


if __name__ == "__main__":
    sys.exit(main())
