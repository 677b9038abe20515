"""What a person may answer about rows in doubt, and about rows that are held."""

from __future__ import annotations

from enum import StrEnum

LISTED_AT_MOST = 200
"""Rows in one question: what it lists is what the answer is about."""


class Reply(StrEnum):
    """What a person may say."""

    WERE_SENT = "They were sent"
    SEND_AGAIN = "Send again"
    KEEP_LOOKING = "Keep looking"
    GIVE_UP = "Give up"


REPLIES = tuple(Reply)


class HeldReply(StrEnum):
    """What a person may say about rows that are held for approval."""

    SEND = "Send them"
    CANCEL = "Cancel them"
    LEAVE = "Leave them held"


HELD_REPLIES = tuple(HeldReply)
