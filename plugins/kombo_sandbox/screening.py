"""Answers to a job's screening questions: checked against the question, kept in the answer's shape."""

from __future__ import annotations

from typing import Any

from kombo_sandbox.checks import is_email, is_uri, parse_date
from kombo_sandbox.errors import ApiError, input_invalid
from kombo_sandbox.validation import FILE_ANSWER, file_size_bytes

_ANSWER_KEY = {
    "TEXT": "content",
    "SINGLE_SELECT": "choice",
    "MULTI_SELECT": "choices",
    "BOOLEAN": "checked",
    "NUMBER": "number",
    "DATE": "date",
}


def take_answers(
    given: list[dict[str, Any]], questions: list[dict[str, Any]], warnings: list[str]
) -> list[dict[str, Any]]:
    """The answers as the ATS keeps them; adds a warning for each question the job does not have.

    Raises ApiError for an answer that does not fit its question, and for a required one left out.
    """
    by_id = {question["id"]: question for question in questions}
    kept: list[dict[str, Any]] = []
    answered: dict[str, Any] = {}
    for index, entry in enumerate(given):
        question = by_id.get(entry["question_id"])
        if question is None:
            warnings.append(f"The question {entry['question_id']} was not found on this job; its answer was skipped.")
            continue
        answered[question["id"]] = entry["answer"]
        kept += _taken(entry["answer"], question, f"screening_question_answers.{index}.answer")
    _refuse_missing(questions, answered)
    return kept


def _refuse_missing(questions: list[dict[str, Any]], answered: dict[str, Any]) -> None:
    for question in questions:
        answerable = question["format"]["type"] in _CHECKS
        if question["required"] and answerable and question["id"] not in answered and _is_asked(question, answered):
            raise ApiError("REMOTE.INPUT_INVALID", f"The ATS requires an answer to {question['title']!r}.")


def _is_asked(question: dict[str, Any], answered: dict[str, Any]) -> bool:
    """Whether the question is shown: always, or after one of some answers to another one."""
    before = question["precondition_question_id"]
    if not before:
        return True
    chosen = answered.get(before)
    if not isinstance(chosen, list):
        chosen = [chosen]
    for one in chosen:
        for option in question["precondition_options"] or ():
            # Options are ids or booleans (API reference, section 5), and 1 equals True to Python.
            if one is option or (isinstance(one, str) and one == option):
                return True
    return False


def _taken(value: Any, question: dict[str, Any], path: str) -> list[dict[str, Any]]:
    kind = question["format"]["type"]
    if kind in ("INFORMATION", "UNKNOWN"):
        return []
    _CHECKS[kind](value, question["format"], path)
    if kind == "FILE":
        return []
    names = {option["id"]: option["name"] for option in question["format"].get("options", ())}
    if kind == "SINGLE_SELECT":
        value = names[value]
    elif kind == "MULTI_SELECT":
        value = [names[option] for option in value]
    elif kind == "DATE":
        value = f"{parse_date(value):%Y-%m-%dT%H:%M:%S.000Z}"
    shown = {"remote_id": question["remote_id"], "title": question["title"], "type": kind}
    return [{"question": shown, "answer": {_ANSWER_KEY[kind]: value}}]


def _text(value: Any, rule: dict[str, Any], path: str) -> None:
    if not isinstance(value, str):
        raise input_invalid(path, "must be a string")
    limit = rule.get("max_length")
    if limit is not None and len(value) > limit:
        raise input_invalid(path, f"must have at most {limit} characters")
    if rule.get("display_type") == "EMAIL" and not is_email(value):
        raise input_invalid(path, "must be an e-mail address")
    if rule.get("display_type") == "URL" and not is_uri(value):
        raise input_invalid(path, "must be a URL")


def _number(value: Any, rule: dict[str, Any], path: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise input_invalid(path, "must be a number")
    low, high = rule.get("min"), rule.get("max")
    if (low is not None and value < low) or (high is not None and value > high):
        raise input_invalid(path, f"must lie between {low} and {high}")


def _boolean(value: Any, rule: dict[str, Any], path: str) -> None:  # noqa: ARG001 -- one signature for all
    if not isinstance(value, bool):
        raise input_invalid(path, "must be true or false")


def _date(value: Any, rule: dict[str, Any], path: str) -> None:  # noqa: ARG001 -- one signature for all
    if not isinstance(value, str) or parse_date(value) is None:
        raise input_invalid(path, "must be a date")


def _single(value: Any, rule: dict[str, Any], path: str) -> None:
    if not isinstance(value, str) or value not in {option["id"] for option in rule["options"]}:
        raise input_invalid(path, "must be the id of one of the question's options")


def _multi(value: Any, rule: dict[str, Any], path: str) -> None:
    if not isinstance(value, list):
        raise input_invalid(path, "must be a list of option ids")
    for index, part in enumerate(value):
        _single(part, rule, f"{path}.{index}")


def _file(value: Any, rule: dict[str, Any], path: str) -> None:
    FILE_ANSWER(value, path, False)
    size = file_size_bytes(value, path)
    limit, accepted = rule.get("max_file_size_bytes"), rule.get("accepted_mime_types")
    if limit is not None and size is not None and size > limit:
        raise input_invalid(path, f"must have at most {limit} bytes")
    if accepted and value.get("content_type") not in (None, *accepted):
        raise input_invalid(f"{path}.content_type", f"must be one of {', '.join(accepted)}")


_CHECKS = {
    "TEXT": _text,
    "NUMBER": _number,
    "BOOLEAN": _boolean,
    "DATE": _date,
    "SINGLE_SELECT": _single,
    "MULTI_SELECT": _multi,
    "FILE": _file,
}
