"""The column of answers to a job's screening questions, settled by the questions of each row's job."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from kombo_provider.mapping.answers import SETTLE
from kombo_provider.mapping.chunks import REPORTED, Chunk, reason
from kombo_provider.mapping.digests import fingerprint
from kombo_provider.mapping.pieces import json_text
from kombo_provider.mapping.problems import Problem
from kombo_provider.mapping.questions import Question
from kombo_provider.mapping.values import JsonText

ANSWERS: Final = "screening_question_answers"

_UNKNOWN = "is no question of the job: Kombo passes the answer over"
_UNANSWERABLE = "is a question that takes no answer: Kombo passes it over"
_HARMLESS_ID = re.compile(r"[A-Za-z0-9][\w:.-]{0,63}", re.ASCII)


def settle_answers(chunk: Chunk, alias: str, values: list[Any]) -> list[Any]:
    """Return a cleaned column of answers as the questions want them; what is wrong, or lacking, becomes a problem."""
    if chunk.questions is None or not (any(values) or any(chunk.questions)):
        return values
    # Rows of one job share its questions: by their identity, so that they are looked through once for each job.
    jobs = {id(questions): questions for questions in chunk.questions if questions is not None}
    by_id: dict[int, dict[str, Question]] = {}
    for job, questions in jobs.items():
        by_id[job] = {question.id: question for question in questions}
    settled = list(values)
    for row, asked in enumerate(chunk.questions):
        value = values[row]
        if asked is None or value is REPORTED or not (asked or value):
            continue
        settled[row] = _settled(chunk, row, alias, value, by_id[id(asked)])
    return settled


def _settled(chunk: Chunk, row: int, alias: str, value: JsonText | None, by_id: Mapping[str, Question]) -> Any:
    entries: list[dict[str, Any]] = json.loads(value) if value else []
    answered: dict[str, Any] = {}
    problems: list[Problem] = []
    for index, entry in enumerate(entries):
        question = by_id.get(entry["question_id"])
        if question is None:
            chunk.warn(row, f"{alias}[{index}].question_id", _UNKNOWN)
            continue
        if question.kind not in SETTLE:
            chunk.warn(row, f"{alias}[{index}].question_id", _UNANSWERABLE)
            continue
        try:
            entry["answer"] = SETTLE[question.kind](entry["answer"], question, chunk.rules)
        except Exception as exc:  # noqa: BLE001  (the border to the user's values: one bad answer stops no other)
            problems.append(Problem(f"{alias}[{index}].answer", reason(exc)))
        answered[question.id] = entry["answer"]
    lacking = [question for question in by_id.values() if _is_lacking(question, answered)]
    problems += [Problem(alias, _lacking(question)) for question in lacking]
    if not problems and not value:  # nothing was asked that has to be answered
        return None
    if not problems:
        return JsonText(json_text(entries))
    chunk.problems[row] += problems
    chunk.fingerprints[row].append(f"{alias} {fingerprint(value)}")
    return REPORTED


def _is_lacking(question: Question, answered: dict[str, Any]) -> bool:
    """Tell whether a question has to be answered and is not; one that another's answer brings up, only then."""
    if not question.required or question.kind not in SETTLE or question.id in answered:
        return False
    if question.depends_on is None:
        return True
    before = answered.get(question.depends_on)
    given = before if isinstance(before, list) else [before]
    return any(type(one) is type(other) and one == other for one in given for other in question.asked_after)


def _lacking(question: Question) -> str:
    which = f" {question.id}" if _HARMLESS_ID.fullmatch(question.id) else ""
    return f"lacks an answer to the question{which}, which the job requires"
