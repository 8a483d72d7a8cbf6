"""Mail over SMTP: one connection for each mail, verified and encrypted unless the address says otherwise.

Nothing of what the server says is kept beyond its number: refusals like to repeat the address.
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

import aiosmtplib

from app.database import refuse_inside_transaction
from app.kit.carriers import MailServer
from app.kit.clock import Clock
from app.kit.contacts import plain_email
from app.notices.port import Mail, NotTaken, Refused

TOTAL_SECONDS = 15.0
_STEP_SECONDS = 8.0
_HEADER_LENGTH = 200


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """Implements `Mailer`. `context` trusts another authority than the machine's: for tests and inner servers."""

    server: MailServer
    address: str
    clock: Clock
    context: ssl.SSLContext | None = field(default=None, repr=False)
    total_seconds: float = TOTAL_SECONDS

    async def send_mail(self, mail: Mail) -> None:
        """Return once the server has taken the mail. Raises Refused, NotTaken."""
        refuse_inside_transaction()
        if plain_email(mail.to) is None:
            raise Refused("not_an_address")
        message = self._message(mail)
        try:
            async with asyncio.timeout(self.total_seconds):
                await self._hand_over(message, mail.to)
        except TimeoutError:
            raise NotTaken("timeout") from None
        except ssl.SSLError:
            raise NotTaken("tls_failed") from None
        except aiosmtplib.SMTPException as error:
            raise _judged(error) from None
        except OSError:
            raise NotTaken("connection_failed") from None

    async def _hand_over(self, message: EmailMessage, to: str) -> None:
        server = self.server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=_STEP_SECONDS,
            use_tls=server.is_encrypted,
            start_tls=False,
            tls_context=None if server.is_plain else self.context or ssl.create_default_context(),
            # The machine's own name is nobody's business, and looking for it may take seconds.
            local_hostname=self.address.rpartition("@")[2],
        )
        try:
            await client.connect()
            if server.starts_tls:
                # Required, not tried: whoever strips it from the offer gets no mail and no password.
                await client.ehlo()
                if not client.supports_extension("starttls"):
                    raise NotTaken("not_encrypted")
                await client.starttls()
            if server.user is not None and server.password is not None:
                await client.login(server.user, server.password)
            await client.send_message(message, sender=self.address, recipients=[to])
        finally:
            client.close()

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(display_name=one_line(mail.sender), addr_spec=self.address)
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = one_line(mail.subject)
        message["Message-ID"] = mail.message_id
        message["Date"] = self.clock.now()
        # No holiday note shall answer, and no other robot (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        return message


def one_line(text: str) -> str:
    """Return a text as a header may hold it: in one line, without what is not to be seen, and not endless."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return plain if len(plain) <= _HEADER_LENGTH else f"{plain[: _HEADER_LENGTH - 1]}…"


def _judged(error: aiosmtplib.SMTPException) -> Refused | NotTaken:
    match error:
        case aiosmtplib.SMTPTimeoutError():
            return NotTaken("timeout")
        case aiosmtplib.SMTPAuthenticationError():
            # Somebody will correct the settings; the mail is as good as before.
            return NotTaken("credentials_refused")
        case aiosmtplib.SMTPRecipientsRefused(recipients=[one, *_]):
            return _by_code(one.code)
        case aiosmtplib.SMTPConnectResponseError() | aiosmtplib.SMTPHeloError():
            # It said no to us, not to the mail.
            return NotTaken("server_refused")
        case aiosmtplib.SMTPResponseException(code=code):
            return _by_code(code)
        case _:
            is_tls = isinstance(error.__cause__, ssl.SSLError)
            return NotTaken("tls_failed" if is_tls else "connection_failed")


def _by_code(code: int) -> Refused | NotTaken:
    return Refused(f"smtp_{code}") if code >= 500 else NotTaken(f"smtp_{code}")
