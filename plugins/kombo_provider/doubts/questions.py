"""The question about rows in doubt, without any applicant's data, and what each answer does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from kombo_provider.client.envelope import is_link
from kombo_provider.doubts import markdown
from kombo_provider.doubts.ids_given import read_ids
from kombo_provider.doubts.replies import LISTED_AT_MOST, Reply
from kombo_provider.errors import ReplyError
from kombo_provider.ledger import By, DeliveryKey, Ledger, asking, delivered_ids
from kombo_provider.ledger import doubts as doubt_store
from kombo_provider.ledger import questions as open_questions
from kombo_provider.ledger.doubts import Doubt
from kombo_provider.ledger.questions import About, QuestionKey

_INTRODUCTION = (
    "Requests for these rows of {source} were sent to Kombo, and no answer proved what became of them. "
    "Kombo's candidates and applications were searched by e-mail address and job, as far as they could be read, and "
    "none was found that is surely theirs; that proves nothing, because Kombo reads from its last sync. Look them up "
    "in the ATS."
)
_IDS_FIELD = (
    "Where you see the ATS's id of an application, write it into the field below, one row a line: `applicant_id = id`."
)

QUESTIONS_AT_MOST = 200
"""Of one run: a task waits for each, and the next run puts the others."""


class Asked(NamedTuple):
    """One question about some rows of an integration; it passes between tasks as JSON."""

    integration_id: str
    attempts: dict[str, int]
    """By applicant, the attempt in doubt that is asked about."""
    about: str = About.DOUBTS
    asked_at: str = ""
    """When held rows were asked about, in ISO 8601: an answer is about those."""


class Question(NamedTuple):
    """What a person reads; `is_news` where some of it was told to nobody yet."""

    subject: str
    body: str
    is_news: bool


def collect(ledger: Ledger, source: str, *, timeout: timedelta, open_for: timedelta, asked_by: str = "") -> list[Asked]:
    """Return a question for each integration that has none open, and count them as open from now on.

    A request may be executed until `timeout` after it was sent: nobody is asked before. `asked_by` names who asks: it
    closes the questions.
    """
    collected: list[Asked] = []
    with ledger.transaction() as conn:
        for integration_id in asking.integrations_to_ask(conn, source, timeout):
            if len(collected) == QUESTIONS_AT_MOST:
                break
            key = QuestionKey(source, integration_id, About.DOUBTS)
            if not open_questions.open_one(conn, key, asked_by, open_for):
                continue  # another run's question about it waits for an answer
            doubts = asking.to_ask(conn, source, integration_id, timeout)
            attempts = {doubt.key.applicant_id: doubt.attempts for doubt in doubts[:LISTED_AT_MOST]}
            collected.append(Asked(integration_id, attempts))
    return collected


def put(ledger: Ledger, source: str, asked: Asked) -> Question | None:
    """Return the question about those of the rows that are in doubt still; None where none is."""
    doubts = still_in_doubt(ledger, source, asked)
    if not doubts:
        return None
    subject, body = question(source, asked.integration_id, doubts)
    return Question(subject, body, any(doubt.is_news for doubt in doubts))


def told(ledger: Ledger, source: str, asked: Asked) -> None:
    """Remember that somebody was told of the question."""
    doubts = still_in_doubt(ledger, source, asked)
    with ledger.transaction() as conn:
        open_questions.tell_of_rows(conn, doubts)


def close(
    ledger: Ledger, source: str, asked: Asked, asked_by: str, *, ask_again_after: timedelta | None = None
) -> None:
    """Let the next question about the integration be put."""
    with ledger.transaction() as conn:
        key = QuestionKey(source, asked.integration_id, About(asked.about))
        open_questions.close(conn, key, asked_by, ask_again_after=ask_again_after)


def still_in_doubt(ledger: Ledger, source: str, asked: Asked) -> list[Doubt]:
    """Return the rows of a question that are in doubt about the same attempt."""
    with ledger.transaction() as conn:
        doubts = doubt_store.in_doubt(conn, source, asked.integration_id)
    # A question may wait for days, and meanwhile a row be settled, or sent again and in doubt once more.
    return [doubt for doubt in doubts if asked.attempts.get(doubt.key.applicant_id) == doubt.attempts]


def question(source: str, integration_id: str, asked: Sequence[Doubt]) -> tuple[str, str]:
    """Return subject and body (Markdown) of the question about an integration's rows."""
    applications = "application" if len(asked) == 1 else "applications"
    subject = f"{len(asked)} {applications} in doubt for {integration_id}"
    rows = [_row(doubt) for doubt in asked]
    body = "\n".join(
        [
            _INTRODUCTION.format(source=markdown.text(source)),
            "",
            "| applicant_id | job | sent | requests | code | log page |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            f"* **{Reply.WERE_SENT}**: they are in the ATS; their ids are looked up later. {_IDS_FIELD}",
            f"* **{Reply.SEND_AGAIN}**: they are not in the ATS; an ATS that has them after all may then hold two.",
            f"* **{Reply.KEEP_LOOKING}**: look them up again every hour, ask again in a day.",
            f"* **{Reply.GIVE_UP}**: cancel them for good.",
        ]
    )
    return subject, body


def carry_out(
    ledger: Ledger,
    reply: Reply,
    source: str,
    asked: Asked,
    *,
    by: By,
    timeout: timedelta,
    ask_again_after: timedelta,
    ids_written: str = "",
) -> int:
    """Do what was answered to those of the rows that are still in doubt; return how many.

    An answer about one attempt decides nothing about a later one, which may still run. `ids_written` are the ATS's ids
    (see read_ids); raises ReplyError, and does nothing, where they cannot be what is meant.
    """
    remote_ids = read_ids(ids_written, asked.attempts)
    # Who found an application and has it sent again would make a second one, so one of the two is a slip.
    if remote_ids and reply is not Reply.WERE_SENT:
        raise ReplyError(f'Ids in the ATS were given with "{reply}". Nothing was changed; answer again.')
    doubts = still_in_doubt(ledger, source, asked)
    with ledger.transaction() as conn:
        if reply is Reply.WERE_SENT:
            _refuse_borne(conn, source, asked.integration_id, remote_ids)
            return doubt_store.settle_as_sent(conn, doubts, by, remote_ids)
        if reply is Reply.SEND_AGAIN:
            return doubt_store.order_resend(conn, doubts, timeout, by)
        if reply is Reply.GIVE_UP:
            return doubt_store.give_up(conn, doubts, by)
        asking.ask_again_after(conn, doubts, ask_again_after)
        return len(doubts)


def _refuse_borne(conn: Connection, source: str, integration_id: str, remote_ids: Mapping[str, str]) -> None:
    """Refuse ids that other deliveries of the integration bear already: one application is not two rows."""
    who_bears = delivered_ids.who_bears(conn, "kombo_application_remote_id", set(remote_ids.values()))
    taken = set()
    for applicant_id, remote_id in remote_ids.items():
        own = DeliveryKey(source, integration_id, applicant_id)
        for key in who_bears.get(remote_id, ()):
            # Ids are the ATS's: those of another integration may be equal, and mean another application.
            if key.integration_id == integration_id and key != own:
                taken.add(remote_id)
    if taken:
        raise ReplyError(
            f"{len(taken)} of the ids in the ATS belong to other deliveries to {integration_id}. "
            "Nothing was changed; answer again."
        )


def _row(doubt: Doubt) -> str:
    sent_at = "unknown"
    if doubt.sent_at is not None:
        sent_at = f"{doubt.sent_at:%Y-%m-%d %H:%M:%S} UTC"
    page = ""
    if is_link(doubt.log_url):
        page = markdown.link("log page", doubt.log_url)
    cells = (
        markdown.text(doubt.key.applicant_id),
        markdown.text(doubt.job_id),
        sent_at,
        str(doubt.attempts),
        markdown.text(doubt.error_code or "no answer"),
        page,
    )
    return f"| {' | '.join(cells)} |"
