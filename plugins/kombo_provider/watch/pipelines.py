"""Conditions of pipelines: one that does not run, left no report, reads nothing, refuses or brings unusually much."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_high, median_low
from typing import Final, Protocol

from kombo_provider.ledger import REFUSED, RunRef, Status
from kombo_provider.ledger.alerts import Subject
from kombo_provider.ledger.watched import Run
from kombo_provider.watch import words
from kombo_provider.watch.conditions import Condition, Finding, Judgement
from kombo_provider.watch.facts import Facts, Hour, Source
from kombo_provider.watch.limits import Limits

WEEKS_NEEDED: Final = 2
"""With fewer, nobody knows what is usual at this hour."""
GAPS_NEEDED: Final = 3
HISTORY_NEEDED: Final = timedelta(hours=12)
"""With less, somebody may have tried a new DAG, or loaded a table in one go."""
TIMES_NEEDED: Final = 2
"""So many times its gap a history has to last: one long gap after some short ones is no habit yet."""
_BY_PERSON: Final = re.compile("manual__")
"""How ids begin of runs that a person started; in a DAG that has no others, of those that another DAG triggers."""
_NOT_OF_A_HABIT: Final = re.compile(r"(backfill|asset_materialization|next_\d+)__")
"""How ids begin of runs over the past, and of those that go on with what a run left."""
_USUAL_SHARE: Final = 0.8
"""Of the time, not of the gaps: nights and weekends are usual, one outage of a week in four is not."""


class Airflow(Protocol):
    """What only Airflow knows; None where it does not say."""

    def run_is_over(self, run: RunRef) -> bool | None:
        """Tell whether nothing of a run runs any more."""

    def is_paused(self, dag_id: str) -> bool | None:
        """Tell whether a DAG is paused."""

    def is_gone(self, dag_id: str) -> bool:
        """Tell whether Airflow says that it has no such DAG."""


def judge_pipelines(facts: Facts, limits: Limits, airflow: Airflow, judgement: Judgement) -> None:
    """Judge each source's runs."""
    for name, source in facts.sources.items():
        by_dag: defaultdict[str, list[Run]] = defaultdict(list)
        for run in source.runs:
            by_dag[run.dag_id].append(run)
        for dag_id, runs in by_dag.items():
            found = [
                *_not_run(name, dag_id, runs, facts.at, limits, airflow),
                *_no_report(name, dag_id, runs, facts.at, limits, airflow),
            ]
            if found and not airflow.is_gone(dag_id):  # of a DAG that a person deleted nobody expects a run
                judgement.find(*found)
        judgement.find(*_refused(name, source, facts.at, limits))
        _judge_hour(name, source, facts.at, limits, judgement)


def _not_run(
    source: str, dag_id: str, runs: Sequence[Run], at: datetime, limits: Limits, airflow: Airflow
) -> Iterator[Finding]:
    last = runs[-1].began_at
    habitual = [run for run in runs if not _NOT_OF_A_HABIT.match(run.run_id)]
    scheduled = [run for run in habitual if not _BY_PERSON.match(run.run_id)]
    usual = _usual_gap([run.began_at for run in scheduled or habitual])
    if usual is None or at - last <= usual + limits.late_after:
        return
    said = words.not_run(source, dag_id, last, usual, paused=airflow.is_paused(dag_id) is True)
    yield Finding(Subject(Condition.NOT_RUN, source, dag_id=dag_id), last, at, said)


def _usual_gap(begins: Sequence[datetime]) -> timedelta | None:
    """Return the gap between runs that is not exceeded for four fifths of the time; None with too few."""
    gaps = sorted(later - earlier for earlier, later in pairwise(begins))
    total, passed = sum(gaps, timedelta()), timedelta()
    if len(gaps) < GAPS_NEEDED or total < HISTORY_NEEDED:
        return None
    usual = gaps[-1]
    for gap in gaps:
        passed += gap
        if passed >= _USUAL_SHARE * total:
            usual = gap
            break
    if total < TIMES_NEEDED * usual:
        return None
    return usual


def _no_report(
    source: str, dag_id: str, runs: Sequence[Run], at: datetime, limits: Limits, airflow: Airflow
) -> Iterator[Finding]:
    """Find runs that died: no later one has reported, and Airflow, a later run or the clock says they are over."""
    # A report says how the whole source stands, so whatever an earlier run left out is told by then.
    since_report: list[Run] = []
    for run in runs:
        if run.ended_at is None:
            since_report.append(run)
        else:
            since_report.clear()
    if not since_report:
        return
    *followed, newest = since_report
    dead = followed
    too_long = at - newest.began_at >= limits.unreported_after
    # Airflow is asked last, and of one run only: each question is a request to its API server.
    if too_long or airflow.run_is_over(RunRef(newest.dag_id, newest.run_id)) is True:
        dead.append(newest)
    if dead:
        since = dead[0].began_at
        said = words.no_report(source, dag_id, [run.run_id for run in dead], since)
        yield Finding(Subject(Condition.NO_REPORT, source, dag_id=dag_id), since, at, said)


def _refused(name: str, source: Source, at: datetime, limits: Limits) -> Iterator[Finding]:
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for part in source.last_day:
        found[part.integration_id].update(part.statuses)
    for integration_id, statuses in found.items():
        refused = 0
        for status in REFUSED:
            refused += statuses[status]
        judged = refused + statuses[Status.DELIVERED]
        # Both limits: the share alone would tell of one refused row of two.
        if refused > limits.min_refused and refused > limits.max_refused_share * judged:
            said = words.refused(name, integration_id, refused, judged)
            yield Finding(Subject(Condition.MANY_REFUSED, name, integration_id), at, at, said)


def _judge_hour(name: str, source: Source, at: datetime, limits: Limits, judgement: Judgement) -> None:
    """Compare the last full hour with the same hour of the last weeks; without a history nothing is said."""
    hour, earlier = source.hour, source.earlier
    if hour is None or len(earlier) < WEEKS_NEEDED:
        judgement.open_of_sources |= {(Condition.EMPTY, name), (Condition.VOLUME, name)}
        return
    read_before = [one.extracted for one in earlier]
    if hour.extracted == 0 and all(read_before):
        said = words.empty(name, median_low(read_before))
        judgement.find(Finding(Subject(Condition.EMPTY, name), at, at, said))
        # That nothing came is one fault, told once: fewer rows than usual follow from it.
        judgement.open_of_sources.add((Condition.VOLUME, name))
        return
    far = list(_far_lanes(name, hour, earlier, at, limits))
    judgement.find(*far)
    whole = Subject(Condition.VOLUME, name)
    if far:
        # The sum is far from usual because these are; one message says so already.
        judgement.open_questions.add(whole)
        return
    rows = hour.new.total()
    usual = _far_from(rows, [one.new.total() for one in earlier], limits)
    if usual is not None:
        judgement.find(Finding(whole, at, at, words.volume(name, "", rows, usual)))


def _far_lanes(name: str, hour: Hour, earlier: Sequence[Hour], at: datetime, limits: Limits) -> Iterator[Finding]:
    """Judge the integrations that brought rows before: one that is new has no usual number."""
    known: set[str] = set()
    for one in earlier:
        known.update(one.new)
    for integration_id in sorted(known):
        rows = hour.new[integration_id]
        usual = _far_from(rows, [one.new[integration_id] for one in earlier], limits)
        if usual is not None:
            said = words.volume(name, integration_id, rows, usual)
            yield Finding(Subject(Condition.VOLUME, name, integration_id), at, at, said)


def _far_from(rows: int, earlier: Sequence[int], limits: Limits) -> int | None:
    """Return the usual number that a number is far above or below; None where it is not, or nothing is usual.

    Where the weeks differ, the one that is nearer to the number decides.
    """
    low, high = median_low(earlier), median_high(earlier)
    if low > 0 and low >= limits.volume_min and rows * limits.volume_factor <= low:
        return low
    if high > 0 and rows >= limits.volume_min and rows >= limits.volume_factor * high:
        return high
    return None
