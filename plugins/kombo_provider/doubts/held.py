"""The question about rows that are held because they are surprisingly many, and what each answer does."""

from __future__ import annotations

from datetime import datetime, timedelta

from kombo_provider.doubts import markdown
from kombo_provider.doubts.questions import QUESTIONS_AT_MOST, Asked, Question
from kombo_provider.doubts.replies import HeldReply
from kombo_provider.ledger import By, Hold, Ledger, estimate, holds
from kombo_provider.ledger import questions as open_questions
from kombo_provider.ledger.questions import About, QuestionKey
from kombo_provider.ledger.selection import Selection


def collect(ledger: Ledger, selection: Selection, *, open_for: timedelta, asked_by: str) -> list[Asked]:
    """Return a question for each integration with rows held for approval and none open; count them as open."""
    collected: list[Asked] = []
    with ledger.transaction() as conn:
        found = [held.integration_id for held in holds.held(conn, selection) if held.hold is Hold.APPROVAL]
        # Rows are also released by `confirm_rows`: the number told of would then keep later ones from being news.
        open_questions.forget_settled(conn, selection.source, About.APPROVAL, found)
        for integration_id in found:
            if len(collected) == QUESTIONS_AT_MOST:
                break
            key = _key(selection, integration_id)
            if open_questions.open_one(conn, key, asked_by, open_for):
                # Of rows that were told of, some may have left since: others in their place are news all the same.
                open_questions.tell_at_most(conn, key, holds.count_asked(conn, selection, integration_id))
                asked_at = holds.ask_about(conn, selection, integration_id)
                collected.append(Asked(integration_id, {}, About.APPROVAL, asked_at.isoformat()))
    return collected


def put(
    ledger: Ledger, selection: Selection, asked: Asked, *, max_in_flight: int = estimate.USUAL_CAP
) -> Question | None:
    """Return the question about the rows; None where none of them is held any more."""
    lane = [asked.integration_id]
    with ledger.transaction() as conn:
        found = holds.asked_about(conn, selection, asked.integration_id, _asked_at(asked))
        if found is None:
            return None
        told_before = open_questions.rows_told(conn, _key(selection, asked.integration_id))
        counts = estimate.count_held(conn, selection, Hold.APPROVAL, lane)
        foreseen = estimate.foresee(conn, selection.kombo_conn_id, counts, max_in_flight=max_in_flight)
    rows = found.rows
    held_now = foreseen.get(asked.integration_id, estimate.Foreseen(rows))
    introduction = (
        f"{rows} rows of {markdown.text(selection.source)} for {markdown.text(asked.integration_id)} are held: a "
        "run would have sent more at once than `approve_above` lets it, or an id that the target had for them is gone. "
        f"They wait since {found.since:%Y-%m-%d %H:%M} UTC; nothing of them was sent. "
        f"Held now: {held_now.in_words()}."
    )
    body = "\n".join(
        [
            introduction,
            "",
            f"* **{HeldReply.SEND}**: the next run of the push sends these rows.",
            f"* **{HeldReply.CANCEL}**: they are never sent.",
            f"* **{HeldReply.LEAVE}**: they stay held; asks again in a day, and tells of it only where there are more.",
        ]
    )
    what = "rows"
    if rows == 1:
        what = "row"
    return Question(f"{rows} {what} held for {asked.integration_id}", body, is_news=rows > told_before)


def told(ledger: Ledger, selection: Selection, asked: Asked) -> None:
    """Remember of how many rows somebody was told."""
    with ledger.transaction() as conn:
        found = holds.asked_about(conn, selection, asked.integration_id, _asked_at(asked))
        if found is not None:
            open_questions.tell(conn, _key(selection, asked.integration_id), found.rows)


def carry_out(ledger: Ledger, reply: HeldReply, selection: Selection, asked: Asked, *, by: By) -> int:
    """Do what was answered, to the rows that were asked about and no others; return how many."""
    if reply is HeldReply.LEAVE:
        return 0
    lane, asked_at = asked.integration_id, _asked_at(asked)
    with ledger.transaction() as conn:
        if reply is HeldReply.SEND:
            return holds.release_asked(conn, selection, lane, asked_at)
        return holds.cancel_asked(conn, selection, lane, asked_at, by)


def _asked_at(asked: Asked) -> datetime:
    return datetime.fromisoformat(asked.asked_at)


def _key(selection: Selection, integration_id: str) -> QuestionKey:
    return QuestionKey(selection.source, integration_id, About.APPROVAL)
