"""Scripted faults: `POST /_sandbox/faults` takes a list of rules (or `{"rules": [...]}`).

A rule: `{"kind": ..., "count": 3, "rate": 0.05, "match": {...}, ...parameters}`. `count` is how often it strikes
(left out: without end), `rate` the share of matching requests it strikes (by the seeded generator). The first
rule that matches and has budget left wins. `match` may name `integration_id`, `email`, `job_id`, `method`,
`path` (below `/v1`); each takes one value or a list, with shell wildcards. **Without `method` and `path` a rule
is for creates only**; `"path": "*"` is for everything.

| kind | parameters (default) | effect |
| --- | --- | --- |
| `late` | `seconds` (1) | executes, answers so much later |
| `write_no_answer` | `seconds` (until the client goes, 600 at most) | executes, never answers. With `seconds` the request stays in flight for just so long, even where the client has gone |
| `write_reset` | | executes, then TCP RST |
| `reset` | | TCP RST, not executed |
| `status_after_write` | `status` (500), `envelope` (false), `code` (`PLATFORM.UNKNOWN_ERROR`) | executes, then answers 500, 502, 503 or 504, with Kombo's envelope or without |
| `truncated` | `keep_bytes` (half), `status` (200) | executes, answers with a body shorter than its Content-Length, closes; a `status` from 400 with an error's envelope |
| `oversized` | `bytes` (33 MiB), `status` (200) | executes, answers with a text of so many bytes in its body: a warning, or from 400 an error's message |
| `informational` | `statuses` ([103]) | executes, sends these interim answers (100 to 199) before the real one |
| `unparsable` | `body` (`OK`) | executes, answers 200 with this text for JSON |
| `null_ids` | | executes, answers 200 with everything null that may be |
| `rate_limit_429` | `reset_seconds` (1), `limit` (300), `retry_after` (none) | not executed |
| `concurrency_429` | `limit` (the integration's) | not executed |
| `html` | `status` (503) | the HTML page of something in front of Kombo, not executed: a load balancer's 503, a gateway's 403, a login page's 200 |
| `answer` | `status` (200), `body` (empty), `content_type` (`application/json`) | this text for an answer, not executed; with `path` a malformed page |
| `error` | `code` (required, may be null), `status` (the code's), `title`, `message` | an error envelope, not executed |
| `redirect` | `status` (307), `location` (the request's own URL) | not executed |

Kinds that execute leave an answer alone that is no success (input that was refused), but for `late`,
`write_no_answer` and `write_reset`.
"""  # noqa: E501 -- a table row is one line

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from kombo_sandbox.errors import SAFE_TO_RETRY, STATUS_AND_TITLE, ApiError
from kombo_sandbox.fault_effects import FAULTS, Afterwards, Instead

NUMBERS = frozenset({"seconds", "keep_bytes", "bytes", "reset_seconds", "limit", "retry_after", "status"})
WHOLE_NUMBERS = NUMBERS - {"seconds", "reset_seconds", "retry_after"}
MATCH_KEYS = frozenset({"integration_id", "email", "job_id", "method", "path"})


@dataclass(slots=True)
class Facts:
    """What a rule can match: each name with the values a request has for it."""

    is_create: bool
    values: dict[str, tuple[str, ...]]


@dataclass(slots=True)
class Rule:
    kind: str
    count: int | None = None
    rate: float | None = None
    match: dict[str, list[str]] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    used: int = 0

    @property
    def fault(self) -> Instead | Afterwards:
        return FAULTS[self.kind]

    @property
    def loses_answer(self) -> bool:
        return isinstance(self.fault, Afterwards) and self.fault.loses_answer

    def as_json(self) -> dict[str, Any]:
        left = None
        if self.count is not None:
            left = self.count - self.used
        shown = {"kind": self.kind, "count": left, "rate": self.rate, "match": self.match, "used": self.used}
        return {**shown, **self.parameters}

    def matches(self, facts: Facts) -> bool:
        if not facts.is_create and not self.match.keys() & {"method", "path"}:
            return False
        return all(_fits(wanted, facts.values.get(key, ())) for key, wanted in self.match.items())


class FaultBook:
    """The rules in force, in the order they came."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._random = random.Random(0)  # its own: what else draws numbers in this process changes no scenario
        self.used: Counter[str] = Counter()

    @property
    def empty(self) -> bool:
        return not self._rules

    def seed(self, seed: int) -> None:
        self._random = random.Random(seed)

    def add(self, given: Any) -> None:
        """Adds rules, or raises ApiError and adds none."""
        rules = given
        if isinstance(given, dict):
            rules = given.get("rules", [given])
        if not isinstance(rules, list):
            raise _refused("a list of rules is expected")
        self._rules += [parse_rule(rule) for rule in rules]

    def pick(self, facts: Facts) -> Rule | None:
        """The rule that strikes this request; its budget is used."""
        for rule in self._rules:
            if not rule.matches(facts):
                continue
            # Drawn only for requests that match: others do not move the sequence of a seed.
            if rule.rate is not None and self._random.random() >= rule.rate:
                continue
            rule.used += 1
            self.used[rule.kind] += 1
            if rule.count is not None and rule.used >= rule.count:
                self._rules.remove(rule)
            return rule
        return None

    def clear(self) -> None:
        self._rules.clear()

    def reset(self) -> None:
        self._rules.clear()
        self.used.clear()
        self.seed(0)

    def as_json(self) -> list[dict[str, Any]]:
        """The rules with budget left."""
        return [rule.as_json() for rule in self._rules]


def parse_rule(given: Any) -> Rule:
    """The rule, or ApiError (400) that says what is wrong with it."""
    if not isinstance(given, dict) or given.get("kind") not in list(FAULTS):
        raise _refused(f"kind must be one of {', '.join(sorted(FAULTS))}")
    kind = given["kind"]
    parameters = {key: value for key, value in given.items() if key not in ("kind", "count", "rate", "match")}
    if unknown := parameters.keys() - set(FAULTS[kind].parameters):
        raise _refused(f"{kind} has no parameter {', '.join(sorted(unknown))}")
    count, rate, match = given.get("count"), given.get("rate"), given.get("match", {})
    if count is not None and (not isinstance(count, int) or count < 1):
        raise _refused("count must be a whole number from 1")
    if rate is not None and (not isinstance(rate, int | float) or not 0 <= rate <= 1):
        raise _refused("rate must be a number from 0 to 1")
    if not isinstance(match, dict) or (match.keys() - MATCH_KEYS):
        raise _refused(f"match may name {', '.join(sorted(MATCH_KEYS))}")
    _check_parameters(kind, parameters)
    patterns = {key: _patterns(key, wanted) for key, wanted in match.items()}
    return Rule(kind, count, rate, patterns, parameters)


def _check_parameters(kind: str, given: dict[str, Any]) -> None:
    code = given.get("code")
    _check_numbers(given)
    if kind == "error" and "code" not in given:
        raise _refused("error needs a code (or null)")
    if code is not None and code not in STATUS_AND_TITLE:
        raise _refused(f"{code} is no code of Kombo's")
    # Kombo would never say so of a create that it executed, and a client may rely on that.
    if kind == "status_after_write" and code in SAFE_TO_RETRY:
        raise _refused(f"{code} says that the create was not executed; use the kind error")
    if kind == "status_after_write" and given.get("status", 500) not in (500, 502, 503, 504):
        raise _refused("status must be 500, 502, 503 or 504")
    _check_interim(given.get("statuses", []))


def _check_numbers(given: dict[str, Any]) -> None:
    for key in given.keys() & NUMBERS:
        value = given[key]
        kinds: Any = (int, float)
        words = "number"
        if key in WHOLE_NUMBERS:
            kinds, words = int, "whole number"
        # `true` is a number to Python.
        if isinstance(value, bool) or not isinstance(value, kinds) or value < 0:
            raise _refused(f"{key} must be a {words} from 0")
    if not 200 <= given.get("status", 200) <= 599:
        raise _refused("status must be an HTTP status")


def _check_interim(statuses: Any) -> None:
    told = "statuses must be a list of numbers from 100 to 199, without 101"
    if not isinstance(statuses, list):
        raise _refused(told)
    for status in statuses:
        # 101 is no interim answer: after it the connection speaks another protocol.
        if not isinstance(status, int) or not 100 <= status <= 199 or status == 101:
            raise _refused(told)


def _patterns(key: str, wanted: Any) -> list[str]:
    if not isinstance(wanted, list):
        wanted = [wanted]
    patterns = [str(part) for part in wanted]
    if key == "email":
        return [part.lower() for part in patterns]
    return patterns


def _fits(patterns: list[str], values: tuple[str, ...]) -> bool:
    # Compared as it stands as well: an id or a path may hold a bracket, which is a wildcard.
    return any(value == pattern or fnmatchcase(value, pattern) for pattern in patterns for value in values)


def _refused(message: str) -> ApiError:
    return ApiError(None, f"fault rule: {message}", status=400)
