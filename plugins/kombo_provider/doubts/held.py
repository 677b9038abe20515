"""The question about rows that are held because they are surprisingly many, and what each answer does."""

from __future__ import annotations

from datetime import timedelta

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
        found = {held.integration_id: held.rows for held in holds.held(conn, selection) if held.hold is Hold.APPROVAL}
        # Rows are also released by `confirm_rows`: the number told of would then keep later ones from being news.
        open_questions.forget_settled(conn, selection.source, About.APPROVAL, found)
        for integration_id, rows in found.items():
            if len(collected) == QUESTIONS_AT_MOST:
                break
            if open_questions.open_one(conn, _key(selection, integration_id), asked_by, open_for):
                collected.append(Asked(integration_id, {}, About.APPROVAL, rows))
    return collected


def put(
    ledger: Ledger, selection: Selection, asked: Asked, *, max_in_flight: int = estimate.USUAL_CAP
) -> Question | None:
    """Return the question about the rows; None where none of them is held any more."""
    lane = [asked.integration_id]
    with ledger.transaction() as conn:
        found = [held for held in holds.held(conn, selection, lane) if held.hold is Hold.APPROVAL]
        told_before = open_questions.rows_told(conn, _key(selection, asked.integration_id))
        counts = estimate.count_held(conn, selection, Hold.APPROVAL, lane)
        foreseen = estimate.foresee(conn, selection.kombo_conn_id, counts, max_in_flight=max_in_flight)
    if not found:
        return None
    # Some may have been released since it was collected; those that came are of the next question, whose answer
    # carry_out() bounds by the rows asked about.
    rows = min(asked.rows, found[0].rows)
    introduction = (
        f"{rows} rows of {markdown.text(selection.source)} for {markdown.text(asked.integration_id)} are held: a "
        f"run would have sent more at once than `approve_above` lets it. They wait since "
        f"{found[0].since:%Y-%m-%d %H:%M} UTC; nothing of them was sent. "
        f"Held now: {foreseen[asked.integration_id].in_words()}."
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
    """Remember that somebody was told of so many rows."""
    with ledger.transaction() as conn:
        open_questions.tell(conn, _key(selection, asked.integration_id), asked.rows)


def carry_out(ledger: Ledger, reply: HeldReply, selection: Selection, asked: Asked, *, by: By) -> int:
    """Do what was answered, to no more rows than were asked about; return how many."""
    lane = [asked.integration_id]
    with ledger.transaction() as conn:
        if reply is HeldReply.SEND:
            return holds.release(conn, selection, Hold.APPROVAL, lane, limit=asked.rows)
        if reply is HeldReply.CANCEL:
            return holds.cancel(conn, selection, Hold.APPROVAL, lane, by, limit=asked.rows)
    return 0


def _key(selection: Selection, integration_id: str) -> QuestionKey:
    return QuestionKey(selection.source, integration_id, About.APPROVAL)
