"""What is wrong, judged from one look at the ledger: conditions of lanes here, those of pipelines beside it.

One fault is one condition: rows that wait on a lane that stands still, or for a pipeline that does not run, are no
second one. What cannot be judged now stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from kombo_provider.ledger import LaneState
from kombo_provider.ledger.alerts import Subject
from kombo_provider.ledger.ledger import CLOCKS_DIFFER_BY
from kombo_provider.ledger.watched import Lane
from kombo_provider.watch import words
from kombo_provider.watch.facts import Facts
from kombo_provider.watch.limits import Limits


class Condition(StrEnum):
    """What a watch tells of; the names in `kombo_alerts`."""

    ALL_LANES = "all_lanes"
    LANE = "lane"
    DOUBTS = "doubts"
    FRESHNESS = "freshness"
    MANY_REFUSED = "refused"
    VOLUME = "volume"
    EMPTY = "empty"
    NOT_RUN = "not_run"
    NO_REPORT = "no_report"


class Finding(NamedTuple):
    """A condition that is on since an instant; it is told from `due_at` on."""

    subject: Subject
    since: datetime
    due_at: datetime
    said: words.Said


@dataclass(slots=True)
class Judgement:
    """What is on; what a person asked to hear nothing of; and what cannot be judged now."""

    on: dict[Subject, Finding] = field(default_factory=dict)
    quiet: set[Subject] = field(default_factory=set)
    open_questions: set[Subject] = field(default_factory=set)
    open_of_sources: set[tuple[str, str]] = field(default_factory=set)
    """Conditions that cannot be judged for any integration of a source."""
    told_otherwise: set[Subject] = field(default_factory=set)
    """Open questions whose reason is a condition that is told: nobody has to hear of them as well."""

    def find(self, *findings: Finding) -> None:
        """Add what is on."""
        for one in findings:
            self.on[one.subject] = one

    def is_open(self, subject: Subject) -> bool:
        """Tell whether nobody knows whether the condition is on."""
        return subject in self.open_questions or (subject.condition, subject.source) in self.open_of_sources


def judge_lanes(facts: Facts, limits: Limits, judgement: Judgement) -> None:
    """Judge what stands still, what waits too long and what nobody settles; those of pipelines were judged before."""
    stop = _strictest_stop(facts)
    if stop is not None:
        judgement.find(_all_lanes(stop, facts, limits))
    for name, lane in facts.lanes.items():
        _judge_lane(name, lane, facts, limits, judgement)
    judgement.find(*_doubts(facts))
    _judge_freshness(facts, limits, judgement, everything_stands=stop is not None)


_STRICTNESS = (LaneState.PAUSED, LaneState.BLOCKED, LaneState.STOPPED, LaneState.DRAINED)


def _strictest_stop(facts: Facts) -> Lane | None:
    """Return what holds all lanes: of several, the one that is hardest to end."""
    standing = [stop for stop in facts.stops if _stands(stop, facts.at)]
    return max(standing, key=lambda stop: _STRICTNESS.index(LaneState(stop.state)), default=None)


def _stands(stop: Lane, at: datetime) -> bool:
    if stop.state == LaneState.PAUSED:
        # A rate limit's pause is over by itself, and its row goes on saying `paused`.
        return stop.paused_until is None or stop.paused_until > at
    return stop.state in _STRICTNESS


def _all_lanes(stop: Lane, facts: Facts, limits: Limits) -> Finding:
    since = _since(stop, facts.at)
    waiting = 0
    for rows in facts.waiting.values():
        waiting += rows.rows
    said = words.all_lanes(stop, waiting, since)
    return Finding(Subject(Condition.ALL_LANES), since, _due(stop, since, limits), said)


def _due(stands: Lane, since: datetime, limits: Limits) -> datetime:
    """Return from when on somebody is told: at once that Kombo refuses; a pause, or what a person did, may be short."""
    if stands.state == LaneState.BLOCKED:
        return since
    return since + limits.paused_for


def _judge_lane(name: str, lane: Lane, facts: Facts, limits: Limits, judgement: Judgement) -> None:
    subject = Subject(Condition.LANE, integration_id=name)
    if lane.snoozed:
        judgement.quiet.add(subject)
    elif lane.state == LaneState.STOPPED:
        judgement.open_questions.add(subject)  # a person did it, and is told nothing; nor that it is over
    elif lane.state in (LaneState.BLOCKED, LaneState.PAUSED):
        since = _since(lane, facts.at)
        said = words.lane(name, lane, facts.waiting_on(name), since)
        judgement.find(Finding(subject, since, _due(lane, since, limits), said))


def _doubts(facts: Facts) -> Iterator[Finding]:
    for (source, name), rows in facts.doubts.items():
        since = rows.since or facts.at
        subject = Subject(Condition.DOUBTS, source, name)
        yield Finding(subject, since, facts.at, words.doubts(source, name, rows.rows, since))


def _judge_freshness(facts: Facts, limits: Limits, judgement: Judgement, *, everything_stands: bool) -> None:
    for (source, name), rows in facts.waiting.items():
        subject = Subject(Condition.FRESHNESS, source, name)
        lane = facts.lanes.get(name)
        stands = lane is not None and lane.state in (LaneState.BLOCKED, LaneState.PAUSED)
        # Of the DAG that ran last: a former one of the source may not run any more and yet be there.
        does_not_run = Subject(Condition.NOT_RUN, source, dag_id=facts.dag_of(source) or "") in judgement.on
        if stands or everything_stands or does_not_run:
            # The reason why they wait is a condition of its own: the same fault is not told twice.
            judgement.open_questions.add(subject)
            if does_not_run or _is_told(name, judgement, facts.at):
                judgement.told_otherwise.add(subject)
            continue
        since = min(rows.since or facts.at, facts.at)
        if facts.at - since >= limits.freshness:
            # A lane that was just opened has to catch up first; if it does not last, this is told all the same.
            due_at = _sendable_since(since, lane, facts.at) + limits.freshness
            said = words.freshness(source, name, rows.rows, since, stopped=_is_stopped(lane))
            judgement.find(Finding(subject, since, due_at, said))


def _is_told(name: str, judgement: Judgement, at: datetime) -> bool:
    """Tell whether somebody hears, or wants to hear nothing, of why a lane stands; of a short pause nobody does."""
    lane = Subject(Condition.LANE, integration_id=name)
    reasons = [judgement.on.get(lane), judgement.on.get(Subject(Condition.ALL_LANES))]
    return lane in judgement.quiet or any(one is not None and one.due_at <= at for one in reasons)


def _is_stopped(lane: Lane | None) -> bool:
    return lane is not None and lane.state == LaneState.STOPPED


def _sendable_since(oldest: datetime, lane: Lane | None, at: datetime) -> datetime:
    """Return since when the oldest row could have been sent."""
    if lane is None or lane.state != LaneState.OPEN or lane.since is None:
        return oldest
    return min(max(oldest, lane.since), at)


def _since(lane: Lane, at: datetime) -> datetime:
    """Return since when a lane stands; a time ahead of now was written by a wrong clock."""
    if lane.since is None or lane.since > at + CLOCKS_DIFFER_BY:
        return at
    return min(lane.since, at)
