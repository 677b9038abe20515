"""An SMTP server on the loopback that keeps what it is sent, and the Airflow connection that leads to it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller

PASSWORD = "smtp-pa55word"


class Mailbox:
    """Keeps mails in the order in which they came; `refuses` makes it refuse them."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = False

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail."""
        if self.refuses:
            return "451 not now"
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    def subjects(self) -> list[str]:
        """Return the subjects, sorted."""
        return sorted(str(mail["subject"]) for mail in self.mails)

    def texts(self) -> list[str]:
        """Return the decoded bodies, in order."""
        return [body.get_content() for mail in self.mails if (body := mail.get_body(("html", "plain"))) is not None]


@contextmanager
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    """Run the server; give it and an Airflow connection to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    extra = {"disable_ssl": True, "disable_tls": True, "timeout": 20, "retry_limit": 1}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "password": PASSWORD, "extra": extra}
    try:
        yield box, json.dumps(connection)
    finally:
        controller.stop()
