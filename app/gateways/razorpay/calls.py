"""Calls for one key pair: sent, translated, and told to the observer and the log, however they end."""

import base64
from collections.abc import Callable, Mapping
from http import HTTPMethod
from typing import Any, Protocol, TypeVar

import structlog

from app import __version__
from app.gateways.port import Credentials, CredentialsRefused, NeverSent, OutcomeUnknown, Refused, UnknownAtGateway
from app.gateways.razorpay.refusals import to_error
from app.gateways.razorpay.translate.reading import Unreadable, is_machine_id
from app.gateways.razorpay.transport import Request, Transport
from app.kit.clock import Clock
from app.kit.faultpoints import faultpoint

_log = structlog.get_logger("app.gateways.razorpay")
PAGE = 100
"""How many entities a page of theirs holds at most."""

MOST_PAGES = 10
"""How many pages of one list are read before "it is not there" counts as a guess."""

_BASE_HEADERS = {
    "Accept": "application/json",
    # An answer is read as it is: nothing to inflate, so nothing inflates beyond the size limit (R7).
    "Accept-Encoding": "identity",
    "User-Agent": f"payment-gateway-api/{__version__}",
}

T = TypeVar("T")


class CallObserver(Protocol):
    """Is told how every call ended, for metrics."""

    def __call__(self, operation: str, outcome: str, seconds: float) -> None:
        """Note one call.

        Args:
            operation: the verb, such as `create_order`.
            outcome: `ok`, `refused`, `credentials_refused`, `unknown` or `never_sent`.
            seconds: how long it took with its repetitions.
        """
        ...


class Calls:
    """What all verbs share: the key pair's headers, and one way to send and to end.

    Args:
        credentials: the merchant's key pair.
        transport: the host, shared with other merchants.
        clock: for durations and as a fallback for missing times.
        observer: is told how every call ended.
    """

    def __init__(self, credentials: Credentials, *, transport: Transport, clock: Clock, observer: CallObserver) -> None:
        self.transport = transport
        self.clock = clock
        self._key_id = credentials.key_id
        self._observer = observer
        pair = base64.b64encode(f"{credentials.key_id}:{credentials.key_secret}".encode()).decode()
        self._headers = {**_BASE_HEADERS, "Authorization": f"Basic {pair}"}
        self._body_headers = {**self._headers, "Content-Type": "application/json"}

    def get(self, path: str) -> Request:
        """Return a request that only looks."""
        return Request(HTTPMethod.GET, path, self._headers)

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Request:
        """Return a request that does something."""
        return Request(HTTPMethod.POST, path, {**self._body_headers, **(headers or {})}, body)

    def patch(self, path: str, body: bytes) -> Request:
        """Return a request that changes something."""
        return Request(HTTPMethod.PATCH, path, self._body_headers, body)

    async def send(self, operation: str, request: Request, read: Callable[[Any], T], **ids: str) -> T:
        """Send, translate, and tell the observer and the log how it ended. Raises Refused, OutcomeUnknown."""
        began = self.clock.monotonic()
        outcome = "unknown"
        try:
            body = await self._answer(operation, request)
            result = read(body)
        except Unreadable:
            _log.warning("gateway_answer_contradictory", operation=operation, **ids)
            raise OutcomeUnknown("answer_contradictory") from None
        except CredentialsRefused as refusal:
            outcome = "credentials_refused"
            _log.error("gateway_credentials_refused", operation=operation, status=refusal.status, key_id=self._key_id)
            raise
        except Refused as refusal:
            outcome = "refused"
            _log.info("gateway_refused", operation=operation, status=refusal.status, reason=refusal.reason, **ids)
            raise
        except NeverSent as error:
            outcome = "never_sent"
            _log.warning("gateway_never_sent", operation=operation, reason=str(error), **ids)
            raise
        except OutcomeUnknown as error:
            _log.warning("gateway_outcome_unknown", operation=operation, reason=str(error), **ids)
            raise
        else:
            outcome = "ok"
            return result
        finally:
            self._observer(operation, outcome, self.clock.monotonic() - began)

    async def _answer(self, operation: str, request: Request) -> Any:
        """Return the body of a success; a call that changes something passes a fault point before and after."""
        is_change = request.method is not HTTPMethod.GET
        if is_change:
            faultpoint(f"gateway.{operation}.before")
        answer = await self.transport.send(request)
        if is_change:
            faultpoint(f"gateway.{operation}.after")
        if not answer.is_success:
            raise to_error(answer.status, answer.body)
        return answer.body


def agree(said: object, asked: object) -> None:
    """Refuse an answer that speaks of something else than we asked (R7). Raises Unreadable."""
    if said != asked:
        message = "the answer does not match the question"
        raise Unreadable(message)


def refuse_odd_id(text: str) -> None:
    """Refuse what would change the path; such an id can't exist there. Raises UnknownAtGateway."""
    if not is_machine_id(text):
        raise UnknownAtGateway("malformed_id")
