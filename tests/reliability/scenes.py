"""What happens in a torture round before its plain re-run: each scene a way in which a run goes wrong."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kombo_provider.ledger import Endpoint
from kombo_sandbox.testing import Sandbox
from tests.postgres import PostgresServer
from tests.reliability.figures import Figures
from tests.reliability.points import AFTER_A_KILL, BESIDE, WHILE_SENDING
from tests.reliability.proxy import Proxy
from tests.reliability.rounds import KILLED, Round, ended, new_database

APPLICANTS = 210
ON_THE_WIRE = 10
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "write_no_answer", "seconds": 3},
    {"kind": "write_reset"},
    {"kind": "reset"},
    {"kind": "status_after_write"},
    {"kind": "truncated"},
    {"kind": "unparsable"},
    {"kind": "null_ids"},
    {"kind": "html"},
    {"kind": "rate_limit_429", "reset_seconds": 0.5},
    {"kind": "concurrency_429"},
    {"kind": "late", "seconds": 1},
)


@dataclass
class Scene:
    """A round that is being played."""

    round: Round
    chance: random.Random
    postgres: PostgresServer
    figures: Figures
    point: str
    """The named point at which this round kills, in scenes that have one."""

    def kill_under_load(self, **told: object) -> None:
        """Kill a run some time after many of its requests have come on the wire."""
        process = self.round.start_busy(2 * ON_THE_WIRE, **told)
        time.sleep(self.chance.random() * 0.3)
        process.kill()
        self.count_kill("at a random time", ended(process))

    def kill_at_point(self) -> None:
        """Kill a run at the round's point, while it is busy if the point is passed while sending."""
        times = self.chance.randrange(5, 12) if "commit" in self.point else self.chance.randrange(25, 75)
        count = times if self.point in WHILE_SENDING else 1
        self.count_kill(self.point, self.round.run(kill_at=(self.point, count)))

    def count_kill(self, point: str, exit_code: int) -> None:
        if exit_code == KILLED:
            self.figures.kills[point] += 1
            self.figures.on_the_wire.append(min(self.round.on_the_wire(), self.round.in_flight()))


def _random_kills(scene: Scene) -> None:
    for _ in range(scene.chance.choice((1, 1, 2))):
        scene.kill_under_load()


def _kill_at_a_point(scene: Scene) -> None:
    scene.kill_at_point()


def _kill_beside_the_sending(scene: Scene) -> None:
    scene.kill_at_point()
    scene.kill_under_load()


def _kill_of_the_successor(scene: Scene) -> None:
    scene.kill_under_load()
    scene.kill_at_point()


def _cut_connections(scene: Scene) -> None:
    proxy = Proxy(scene.round.sandbox.url, share=0.08, seed=scene.chance.randrange(10**6))
    scene.round.kombo = proxy.url
    scene.kill_under_load()
    scene.round.kombo = None
    scene.figures.cut_connections += proxy.harmed
    proxy.close()


def _faulty_server(scene: Scene) -> None:
    rules = [rule | {"rate": 0.02} for rule in scene.chance.sample(FAULTS, 4)]
    scene.round.sandbox.faults(rules)
    scene.kill_under_load()
    scene.round.sandbox.clear_faults()
    scene.figures.faults.update(scene.round.sandbox.stats(summary=True)["faults_used"])


def _runs_at_once(scene: Scene) -> None:
    backfill = scene.round.start(backfill=True)
    scene.kill_under_load()
    ended(backfill)


def _cleared_run(scene: Scene) -> None:
    former = scene.round.start_busy(ON_THE_WIRE, run_id="cleared")
    scene.kill_under_load(run_id="cleared")
    former.kill()
    ended(former)


def _two_installations(scene: Scene) -> None:
    """Two Airflows on one ledger whose DAG, run and task bear the same ids: neither is taken for the other."""
    both = [scene.round.start_busy(2 * ON_THE_WIRE, run_id="of both"), scene.round.start(run_id="of both")]
    time.sleep(0.2 + scene.chance.random() * 0.3)
    victim = both.pop(scene.chance.randrange(2))
    victim.kill()
    scene.count_kill("at a random time", ended(victim))
    ended(both[0])


def _zombie(scene: Scene) -> None:
    sleeper = scene.round.start_busy(ON_THE_WIRE)
    assert sleeper.pid is not None
    os.kill(sleeper.pid, signal.SIGSTOP)
    successor = scene.round.start()
    time.sleep(scene.round.lease_seconds + 0.5 + scene.chance.random())
    os.kill(sleeper.pid, signal.SIGCONT)
    ended(sleeper)
    ended(successor)
    if scene.round.statuses()["ready"]:
        scene.kill_under_load()


def _stopped_task(scene: Scene) -> None:
    """As Airflow stops one: the signal for `on_kill`, five seconds later that which nothing survives."""
    process = scene.round.start_busy(2 * ON_THE_WIRE)
    process.terminate()
    process.join(5)
    process.kill()
    ended(process)
    if left := scene.round.on_the_wire():
        scene.figures.complaints.append(f"a stopped task left {left} rows sending")
    scene.kill_under_load()


def _ledger_away(scene: Scene) -> None:
    process = scene.round.start_busy(2 * ON_THE_WIRE)
    _shut(scene, seconds=0.5 + scene.chance.random())
    time.sleep(0.2)
    process.kill()
    scene.count_kill("at a random time", ended(process))


def _shut(scene: Scene, *, seconds: float) -> None:
    """Close the ledger's database to everyone; of SQLite's one file, lock it."""
    if scene.round.engine.dialect.name == "sqlite":
        with scene.round.engine.connect() as conn:
            conn.exec_driver_sql("BEGIN IMMEDIATE")
            time.sleep(seconds)
            conn.rollback()
        return
    name = scene.round.engine.url.database
    scene.round.engine.dispose()
    scene.postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    scene.postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    time.sleep(seconds)
    scene.postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


SCENES: dict[str, tuple[Callable[[Scene], None], tuple[str, ...]]] = {
    "kills at random times": (_random_kills, ("",) * 12),
    "a kill at a named point while sending": (_kill_at_a_point, tuple(WHILE_SENDING)),
    "a kill before the sending or after it": (_kill_beside_the_sending, tuple(BESIDE)),
    "a kill of the one that follows a dead one": (_kill_of_the_successor, tuple(AFTER_A_KILL)),
    "connections cut, delayed, truncated": (_cut_connections, ("",) * 3),
    "a server that answers wrongly or not at all": (_faulty_server, ("",) * 3),
    "two runs at once": (_runs_at_once, ("",) * 2),
    "a cleared run": (_cleared_run, ("",) * 2),
    "two installations with the same ids": (_two_installations, ("",) * 2),
    "a zombie": (_zombie, ("",) * 2),
    "a stopped task": (_stopped_task, ("",) * 2),
    "the ledger's database away": (_ledger_away, ("",) * 2),
}
"""Each with the points at which its rounds kill: as many points, as many rounds in a deck."""


def deal(number: int, seed: int, only: str | None = None) -> tuple[str, str, str]:
    """The scene, the point and the database of a round: every deck holds all of them once, in an order by chance.

    `only` leaves a single scene in the deck.
    """
    cards = [
        (name, point, database)
        for name, (_, points) in SCENES.items()
        for point in points
        for database in ("sqlite", "postgresql")
        if only in (None, name)
    ]
    deck, card = divmod(number, len(cards))
    return random.Random(f"{seed}/deck {deck}").sample(cards, len(cards))[card]


def endpoint_of(number: int, seed: int) -> Endpoint:
    """Say which endpoint a round uses: one of ten rounds the older one, which of them by chance."""
    ten, place = divmod(number, 10)
    return "candidate" if random.Random(f"{seed}/ten {ten}").randrange(10) == place else "application"


def play(number: int, seed: int, postgres: PostgresServer, only: str | None = None) -> Figures:
    """Play a round: the scene that was dealt, a plain re-run, the checks."""
    chance = random.Random(f"{seed}/{number}")
    name, point, database = deal(number, seed, only)
    endpoint = endpoint_of(number, seed)
    figures = Figures(rounds=1)
    figures.by_database[database] += 1
    figures.by_endpoint[endpoint] += 1
    figures.by_scene[name] += 1
    with new_database(database, postgres) as url, Sandbox(latency_seconds=[0.2, 0.6]) as sandbox:
        round_ = Round(url, sandbox, applicants=APPLICANTS, timeout_seconds=1.5, endpoint=endpoint)
        try:
            SCENES[name][0](Scene(round_, chance, postgres, figures, point))
            code = round_.run()
            figures.complaints += [f"the plain re-run ended with {code}"] if code else []
            figures.complaints += round_.complaints()
            figures.statuses += round_.statuses()
        except Exception:  # noqa: BLE001 - what breaks the harness is a complaint too
            figures.complaints.append(traceback.format_exc())
        finally:
            round_.close()
    figures.complaints = [f"round {number} ({database}, {endpoint}, {name}): {said}" for said in figures.complaints]
    for complaint in figures.complaints:
        print(complaint, flush=True)
    return figures
