"""Short messages over the HTTP APIs of MSG91 and Twilio.

Neither service knows an idempotency key, so a message whose answer got lost may arrive twice. Of an answer only the
status and the service's id are kept: error texts like to repeat the number.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from app.database import refuse_inside_transaction
from app.kit.carriers import SmsProvider, SmsService
from app.notices.port import NotTaken, Refused, ShortMessage, Texter

_TOTAL_SECONDS = 15.0
_CONNECT_SECONDS = 5.0
_ANSWER_BYTES = 16 * 1024
_ID_LENGTH = 64
_CREDENTIALS_REFUSED = frozenset({401, 403})
_LATER = frozenset({408, 425, 429})


@dataclass(slots=True)
class Calls:
    """HTTP for both services: bounded in time and size, without redirects; one session, opened at the first use."""

    total_seconds: float = _TOTAL_SECONDS
    _session: aiohttp.ClientSession | None = field(default=None, init=False, repr=False)

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        """Return status and JSON of an answer; what is no JSON is nothing. Raises NotTaken: nobody answered."""
        refuse_inside_transaction()
        try:
            async with self._opened().post(url, data=body, headers=headers, allow_redirects=False) as answer:
                said = await answer.content.read(_ANSWER_BYTES)
                return answer.status, _json(said)
        except TimeoutError:
            raise NotTaken("timeout") from None
        except aiohttp.ClientSSLError:
            raise NotTaken("tls_failed") from None
        except (aiohttp.ClientError, OSError):
            raise NotTaken("connection_failed") from None

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            limits = aiohttp.ClientTimeout(total=self.total_seconds, connect=_CONNECT_SECONDS)
            self._session = aiohttp.ClientSession(
                timeout=limits, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        return self._session


@dataclass(frozen=True, slots=True)
class Msg91Texter:
    """Implements `Texter` with MSG91's flows: it has the registered texts, and gets what is put into them."""

    service: SmsService
    calls: Calls

    async def send_text(self, message: ShortMessage) -> str | None:
        """Return MSG91's id of the request once it is taken. Raises Refused, NotTaken."""
        asked = {
            "template_id": self.service.templates[message.kind],
            "short_url": "0",
            "recipients": [{"mobiles": message.to.removeprefix("+"), **message.values}],
        }
        headers = {"authkey": self.service.secret, "Content-Type": "application/json", "Accept": "application/json"}
        url = f"{self.service.address}/api/v5/flow"
        status, said = await self.calls.post(url, headers=headers, body=json.dumps(asked).encode())
        _judge(status)
        # It says no with 200, too.
        if said.get("type") != "success":
            raise Refused("gateway_refused")
        return _id(said.get("message"))

    async def close(self) -> None:
        """Close every connection."""
        await self.calls.close()


@dataclass(frozen=True, slots=True)
class TwilioTexter:
    """Implements `Texter` with Twilio's messages."""

    service: SmsService
    calls: Calls

    async def send_text(self, message: ShortMessage) -> str | None:
        """Return Twilio's id of the message once it is taken. Raises Refused, NotTaken."""
        sender = "MessagingServiceSid" if self.service.sender.startswith("MG") else "From"
        form = urlencode({"To": message.to, sender: self.service.sender, "Body": message.text})
        headers = {
            "Authorization": aiohttp.encode_basic_auth(self.service.user, self.service.secret),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        account = quote(self.service.user, safe="")
        url = f"{self.service.address}/2010-04-01/Accounts/{account}/Messages.json"
        status, said = await self.calls.post(url, headers=headers, body=form.encode())
        _judge(status)
        return _id(said.get("sid"))

    async def close(self) -> None:
        """Close every connection."""
        await self.calls.close()


def texter_of(service: SmsService) -> Texter:
    """Return what speaks a service's language."""
    match service.provider:
        case SmsProvider.MSG91:
            return Msg91Texter(service, Calls())
        case SmsProvider.TWILIO:
            return TwilioTexter(service, Calls())


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if status in _CREDENTIALS_REFUSED:
        # Somebody will correct the settings; the message is as good as before.
        raise NotTaken("credentials_refused")
    # A redirect is no answer to a message; who sends one is not the service that was meant.
    if status in _LATER or status >= 500 or status < 400:
        raise NotTaken(f"status_{status}")
    raise Refused(f"status_{status}")


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _id(said: object) -> str | None:
    """Return an id of theirs as it is shown to people, None for what looks like none."""
    is_one = isinstance(said, str) and 0 < len(said) <= _ID_LENGTH and said.isascii() and said.isalnum()
    return str(said) if is_one else None
