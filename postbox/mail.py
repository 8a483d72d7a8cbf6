"""The SMTP side: takes every mail for everybody."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import AuthResult

from postbox.box import Box

_TAKEN = "250 OK"


class Taker:
    """aiosmtpd's handler: one call for each mail."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name for it
        """Keep a mail, once for each of its recipients."""
        if self._box.smtp_answers:
            return self._box.smtp_answers.popleft()
        mail = message_from_bytes(envelope.content, _class=EmailMessage, policy=default)
        for recipient in envelope.rcpt_tos:
            self._box.put(
                service="smtp",
                sender=envelope.mail_from,
                to=recipient,
                subject=str(mail["subject"] or ""),
                text=_part(mail, "plain"),
                html=_part(mail, "html"),
                headers={name.lower(): str(value) for name, value in mail.items()},
            )
        return _TAKEN


def anybody(*_: object) -> AuthResult:
    """Take every user and password."""
    return AuthResult(success=True)


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return "" if part is None else str(part.get_content())
