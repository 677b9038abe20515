"""What `POST /_sandbox/config` can set, with defaults. A partial update; unknown keys are refused.

For the whole server:

| key | default | meaning |
| --- | --- | --- |
| `keys` | `{"sandbox-key": "env-sandbox"}` | API key → its environment's id; merged, null takes a key away |
| `integrations` | null | closed list of integration ids; null: every `<tool>:<something>` exists |
| `rate_limit` | null | `{"limit": 300, "window_seconds": 60}` per API key; null: none |
| `seed` | 0 | seed of the faults that go by `rate`; setting it starts the sequence again |
| `unknown_keys` | `ignore` | `refuse`: body and query keys that Kombo's schema does not name are errors |
| `max_body_bytes` | 64 MiB | a longer request is refused (413) |
| `keep_alive_seconds` | null | idle connections are closed after so long, as load balancers do |
| `per_integration` | `{}` | integration id → any of the keys below; merged, null takes the overrides away |

For every integration, or one of them through `per_integration`:

| key | default | meaning |
| --- | --- | --- |
| `latency_seconds` | 0 | how long a create takes: a number, or `[min, max]` |
| `execute_at` | 0.5 | the part of the latency after which the create is executed (0 to 1) |
| `concurrency_limit` | 30 | actions in flight; null: no cap and no headers |
| `visibility` | `at_once` | when GET shows a create: `at_once`, `after_sync` (of `POST /force-sync`), `never` |
| `visibility_of_lost` | null | the same for creates whose answer a fault (`write_no_answer`, `write_reset`, `status_after_write`) withheld: an ATS may hold an application that Kombo does not track. null: as `visibility` |
| `remote_dates` | true | false: reads show applications with `remote_created_at` and `remote_updated_at` null, as ATSs without dates do |
| `refuse_duplicates` | false | a second application of a candidate to a job is `ATS.APPLICATION_ALREADY_EXISTS` |
| `accept_unknown_jobs` | true | false: only jobs of `jobs`, and those used before, exist |
| `jobs` | `{}` | job id or `remote:...` → `{name, status, visibility, screening_questions}`; merged. Under `per_integration` the job exists at once, else from its first use or the first read that names it |
| `status` | `ACTIVE` | `INVALID`, `INACTIVE`: creates fail with the matching code |
| `setup_status` | `COMPLETED` | `INCOMPLETE`: everything fails; `FINAL_SYNC_PENDING`: reads fail |
| `action_setting` | `ENABLED` | the create actions in the scope config: `DISABLED`: creates fail with `INTEGRATION.ACTION_DISABLED`; `OPTIONAL`: they work |
| `action_opted_out` | false | true: the customer opted out of the create actions: creates fail with `INTEGRATION.ACTION_DISABLED` |
| `action_coverage` | `SUPPORTED` | `UNSUPPORTED`, `NOT_IMPLEMENTED`: creates fail with `INTEGRATION.ACTION_NOT_AVAILABLE`; `UNKNOWN`: they work |
| `environment_id` | null | only keys of this environment see the integration |
| `attachment_restrictions` | null | answer of `GET /ats/actions/ats_create_application`, enforced on creates |
| `unsupported_filters` | `[]` | query parameters that empty the result (unless `ignore_unsupported_filters`) |
| `unsupported_fields` | `[]` | e.g. `candidate.gender`: accepted with a warning |
| `warnings` | `[]` | messages put into the warnings of every create |
| `sync_seconds` | 0 | how long `POST /force-sync` takes |
"""  # noqa: E501 -- a table row is one line

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from kombo_sandbox.config_shapes import check_job_config, check_restrictions_config
from kombo_sandbox.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VISIBILITIES = ("at_once", "after_sync", "never")
Rule = tuple[Any, "Callable[[Any], bool]", str]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _latency(value: Any) -> bool:
    if not isinstance(value, list):
        return _number(value)
    return len(value) == 2 and all(map(_number, value)) and value[0] <= value[1]


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


def _one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: value in values


def _or_null(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _rate_limit(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"limit", "window_seconds"}
        and _count(value["limit"])
        and _number(value["window_seconds"])
        and value["window_seconds"] > 0
    )


def _objects(value: Any) -> bool:
    return isinstance(value, dict) and all(part is None or isinstance(part, dict) for part in value.values())


def _jobs(value: Any) -> bool:
    if not _objects(value):
        return False
    for ref, job in value.items():
        check_job_config(job or {}, f"jobs.{ref}")
    return True


def _restrictions(value: Any) -> bool:
    check_restrictions_config(value, "attachment_restrictions")
    return True


GLOBAL: dict[str, Rule] = {
    "keys": (
        {"sandbox-key": "env-sandbox"},
        lambda value: isinstance(value, dict) and all(part is None or isinstance(part, str) for part in value.values()),
        "an object: API key to environment id",
    ),
    "integrations": (None, _or_null(_texts), "a list of integration ids, or null"),
    "rate_limit": (None, _or_null(_rate_limit), "{limit, window_seconds}, or null"),
    "seed": (0, _is(int), "an integer"),
    "unknown_keys": ("ignore", _one_of("ignore", "refuse"), "ignore or refuse"),
    "max_body_bytes": (64 * 1024 * 1024, _count, "a number of bytes"),
    "keep_alive_seconds": (None, _or_null(_number), "seconds, or null"),
    "per_integration": ({}, _objects, "an object: integration id to its settings"),
}

SCOPED: dict[str, Rule] = {
    "latency_seconds": (0, _latency, "seconds, or [min, max]"),
    "execute_at": (0.5, lambda value: _number(value) and value <= 1, "a number from 0 to 1"),
    "concurrency_limit": (30, _or_null(_count), "a whole number, or null"),
    "visibility": ("at_once", _one_of(*VISIBILITIES), f"one of {VISIBILITIES}"),
    "visibility_of_lost": (None, _or_null(_one_of(*VISIBILITIES)), f"one of {VISIBILITIES}, or null"),
    "remote_dates": (True, _is(bool), "true or false"),
    "refuse_duplicates": (False, _is(bool), "true or false"),
    "accept_unknown_jobs": (True, _is(bool), "true or false"),
    "jobs": ({}, _jobs, "an object: job id to the job"),
    "status": ("ACTIVE", _one_of("ACTIVE", "INVALID", "INACTIVE"), "ACTIVE, INVALID or INACTIVE"),
    "setup_status": (
        "COMPLETED",
        _one_of("COMPLETED", "INCOMPLETE", "FINAL_SYNC_PENDING"),
        "COMPLETED, INCOMPLETE or FINAL_SYNC_PENDING",
    ),
    "action_setting": ("ENABLED", _one_of("ENABLED", "DISABLED", "OPTIONAL"), "ENABLED, DISABLED or OPTIONAL"),
    "action_opted_out": (False, _is(bool), "true or false"),
    "action_coverage": (
        "SUPPORTED",
        _one_of("SUPPORTED", "UNSUPPORTED", "NOT_IMPLEMENTED", "UNKNOWN"),
        "SUPPORTED, UNSUPPORTED, NOT_IMPLEMENTED or UNKNOWN",
    ),
    "environment_id": (None, _or_null(_is(str)), "an environment id, or null"),
    "attachment_restrictions": (None, _or_null(_restrictions), "an object, or null"),
    "unsupported_filters": ([], _texts, "a list of query parameters"),
    "unsupported_fields": ([], _texts, "a list of field paths"),
    "warnings": ([], _texts, "a list of messages"),
    "sync_seconds": (0, _number, "seconds"),
}  # fmt: skip

_MERGED = frozenset({"keys", "jobs"})


class Settings:
    """The settings in force; read with `of`, changed with `update`."""

    def __init__(self) -> None:
        self._values = _defaults()

    def reset(self) -> None:
        self._values = _defaults()

    def of(self, key: str, integration_id: str | None = None) -> Any:
        """The value for one integration: its own, or the server's."""
        own = self._values["per_integration"].get(integration_id)
        if own is None or key not in own:
            return self._values[key]
        if key == "jobs":  # an integration has its own beside everybody's
            return {**self._values[key], **own[key]}
        return own[key]

    def update(self, change: Mapping[str, Any]) -> None:
        """Applies a partial update, or raises ApiError and changes nothing."""
        # All of it first: half a change would leave a scenario that nobody has written.
        _check(change, {**GLOBAL, **SCOPED}, "")
        for integration_id, own in change.get("per_integration", {}).items():
            _check(own or {}, SCOPED, f"per_integration.{integration_id}.")
        for key, value in copy.deepcopy(dict(change)).items():
            if key == "per_integration":
                self._merge_integrations(value)
            else:
                _put(self._values, key, value)

    def as_json(self) -> dict[str, Any]:
        return copy.deepcopy(self._values)

    def _merge_integrations(self, change: dict[str, dict[str, Any] | None]) -> None:
        every = self._values["per_integration"]
        for integration_id, own in change.items():
            if own is None:
                every.pop(integration_id, None)
                continue
            kept = every.setdefault(integration_id, {})
            for key, value in own.items():
                _put(kept, key, value)


def _defaults() -> dict[str, Any]:
    return {key: copy.deepcopy(rule[0]) for key, rule in {**GLOBAL, **SCOPED}.items()}


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    if key in _MERGED:
        value = {**values.get(key, {}), **value}
        value = {name: part for name, part in value.items() if part is not None}
    values[key] = value


def _check(change: Mapping[str, Any], rules: Mapping[str, Rule], where: str) -> None:
    for key, value in change.items():
        if key not in rules:
            raise ApiError(None, f"{where}{key} is no setting; known: {', '.join(sorted(rules))}", status=400)
        _, check, words = rules[key]
        if not check(value):
            raise ApiError(None, f"{where}{key} must be {words}", status=400)
