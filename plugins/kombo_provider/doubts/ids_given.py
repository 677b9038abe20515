"""The ATS's ids of applications, as a person writes them beside the answer that they were sent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from kombo_provider.client.envelope import id_text
from kombo_provider.errors import ReplyError
from kombo_provider.ledger import REMOTE

_BETWEEN = " \t=:,;|"
"""What may stand between the two: a line is copied from a table as often as it is typed."""


def read_ids(written: str, applicant_ids: Collection[str]) -> dict[str, str]:
    """Return the ATS's ids by applicant from lines of `applicant_id = id`, one for each row that has one.

    Raises ReplyError, which names lines by number, where any line is not of a row asked about, or is one of two.
    """
    given: dict[str, str] = {}
    unread: list[str] = []
    longest_first = sorted(applicant_ids, key=len, reverse=True)  # of `7` and `7 b`, a line may begin with both
    for number, line in _lines(written):
        applicant_id = _whose(line, longest_first)
        if applicant_id is None:
            unread.append(f"line {number} begins with no applicant_id of the question and an id after it")
            continue
        application_id = line[len(applicant_id) :].lstrip(_BETWEEN).removeprefix(REMOTE).strip()
        if id_text(application_id) is None or "|" in application_id:  # the question's own row holds several cells
            unread.append(f"line {number} holds no id")
        elif applicant_id in given or application_id in given.values():
            unread.append(f"line {number} names a row or an id a second time")
        given[applicant_id] = application_id
    if unread:
        raise ReplyError(f"The ids in the ATS cannot be read: {'; '.join(unread)}. Nothing was changed; answer again.")
    return given


def _lines(written: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(written.splitlines(), start=1):
        stripped = line.strip(" \t|")  # a row that is copied from the question's table has its bars with it
        if stripped:
            yield number, stripped


def _whose(line: str, applicant_ids: Sequence[str]) -> str | None:
    """Return the first of the applicants whose id the line begins with, and something after it."""
    for applicant_id in applicant_ids:
        rest = line.removeprefix(applicant_id)
        if rest != line and rest.startswith(tuple(_BETWEEN)):
            return applicant_id
    return None
