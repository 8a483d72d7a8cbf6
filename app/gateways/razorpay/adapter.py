"""One merchant's account at Razorpay: the port's verbs on top of the transport."""

import base64
import functools
import json
from collections.abc import Callable
from http import HTTPMethod
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import structlog

from app import __version__
from app.gateways.port import (
    Credentials,
    CredentialsRefused,
    GatewayOrder,
    GatewayPayment,
    NeverSent,
    OrderRequest,
    OutcomeUnknown,
    Refused,
    UnknownAtGateway,
)
from app.gateways.razorpay.refusals import to_error
from app.gateways.razorpay.translate import (
    Unreadable,
    is_machine_id,
    to_order,
    to_order_body,
    to_orders_with_receipt,
    to_payment,
    to_payments,
)
from app.gateways.razorpay.transport import Request, Transport
from app.kit.clock import Clock
from app.kit.money import Money
from app.kit.signing import is_signed_by_any

_log = structlog.get_logger("app.gateways.razorpay")
_PAGE = 100
_PAGES = 10
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


class RazorpayGateway:
    """The port's `Gateway` for one key pair.

    Args:
        credentials: the merchant's key pair.
        transport: the host, shared with other merchants.
        clock: for durations and as a fallback for missing times.
        observer: is told how every call ended.
        automatic_capture_minutes: how long after its creation an authorised payment is captured by itself, 12 to
            7200. A later authorisation waits for us to decide (B7).
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        transport: Transport,
        clock: Clock,
        observer: CallObserver,
        automatic_capture_minutes: int,
    ) -> None:
        self._key_id = credentials.key_id
        self._key_secret = credentials.key_secret
        self._transport = transport
        self._clock = clock
        self._observer = observer
        self._automatic_capture_minutes = automatic_capture_minutes
        pair = base64.b64encode(f"{credentials.key_id}:{credentials.key_secret}".encode()).decode()
        self._get_headers = {**_BASE_HEADERS, "Authorization": f"Basic {pair}"}
        self._post_headers = {**self._get_headers, "Content-Type": "application/json"}

    def __repr__(self) -> str:
        return f"RazorpayGateway(key_id={self._key_id!r})"

    @property
    def key_id(self) -> str:
        """Return the public key id, which the browser's checkout needs."""
        return self._key_id

    async def create_order(self, request: OrderRequest) -> GatewayOrder:
        """Create an order; sent once, never repeated. Raises DuplicateReceipt, Refused, OutcomeUnknown."""
        body = to_order_body(request, automatic_capture_minutes=self._automatic_capture_minutes)

        def read(answer: Any) -> GatewayOrder:
            order = to_order(answer)
            _agree(order.receipt, request.receipt)
            _agree(order.amount, request.amount)
            return order

        return await self._call("create_order", self._post("/v1/orders", body), read, receipt=request.receipt)

    async def find_order(self, *, receipt: str) -> GatewayOrder | None:
        """Return the order with this receipt, the oldest if there are several. Raises Refused, OutcomeUnknown.

        The list is newest first; an order made while we page moves others onto the next page, so that one may be
        seen twice but none is missed (R9).
        """
        read = functools.partial(to_orders_with_receipt, receipt=receipt)
        found: list[GatewayOrder] = []
        for page in range(_PAGES):
            path = f"/v1/orders?receipt={quote(receipt, safe='')}&count={_PAGE}&skip={page * _PAGE}"
            ours, on_page = await self._call("find_order", self._get(path), read, receipt=receipt)
            found += ours
            if on_page < _PAGE:
                return min(found, key=lambda order: (order.created_at, order.id), default=None)
        # More orders than one receipt can have: the filter was ignored, and "none" would be a guess.
        raise OutcomeUnknown("too_many_orders")

    async def get_order(self, order_id: str) -> GatewayOrder:
        """Return an order. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        _refuse_odd_id(order_id)

        def read(answer: Any) -> GatewayOrder:
            order = to_order(answer)
            _agree(order.id, order_id)
            return order

        return await self._call("get_order", self._get(f"/v1/orders/{order_id}"), read, order_id=order_id)

    async def get_payment(self, payment_id: str) -> GatewayPayment:
        """Return a payment attempt. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        _refuse_odd_id(payment_id)
        request = self._get(f"/v1/payments/{payment_id}")
        return await self._call("get_payment", request, self._reads_payment(payment_id), gateway_payment_id=payment_id)

    async def list_order_payments(self, order_id: str) -> tuple[GatewayPayment, ...]:
        """Return every attempt on an order. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        _refuse_odd_id(order_id)

        def read(answer: Any) -> tuple[GatewayPayment, ...]:
            payments = to_payments(answer, seen_at=self._clock.now())
            for payment in payments:
                _agree(payment.order_id, order_id)
            return payments

        request = self._get(f"/v1/orders/{order_id}/payments")
        return await self._call("list_order_payments", request, read, order_id=order_id)

    async def capture_payment(self, payment_id: str, amount: Money) -> GatewayPayment:
        """Capture exactly the authorised amount; sent once, never repeated.

        Raises:
            AlreadyCaptured, UnknownAtGateway, Refused, OutcomeUnknown.
        """
        _refuse_odd_id(payment_id)
        body = {"amount": amount.minor, "currency": amount.currency}
        request = self._post(f"/v1/payments/{payment_id}/capture", body)
        return await self._call(
            "capture_payment", request, self._reads_payment(payment_id), gateway_payment_id=payment_id
        )

    def is_callback_signature(self, signature: str, *, order_id: str, payment_id: str) -> bool:
        """Tell whether the checkout's callback was signed for this order and payment."""
        if not is_machine_id(order_id) or not is_machine_id(payment_id):
            return False
        return is_signed_by_any(f"{order_id}|{payment_id}".encode(), signature, secrets=(self._key_secret,))

    def _get(self, path: str) -> Request:
        return Request(HTTPMethod.GET, path, self._get_headers)

    def _post(self, path: str, body: dict[str, Any]) -> Request:
        return Request(HTTPMethod.POST, path, self._post_headers, json.dumps(body).encode())

    def _reads_payment(self, payment_id: str) -> Callable[[Any], GatewayPayment]:
        def read(answer: Any) -> GatewayPayment:
            payment = to_payment(answer, seen_at=self._clock.now())
            _agree(payment.id, payment_id)
            return payment

        return read

    async def _call(self, operation: str, request: Request, read: Callable[[Any], T], **ids: str) -> T:
        """Send, translate, and tell the observer and the log how it ended."""
        began = self._clock.monotonic()
        outcome = "unknown"
        try:
            answer = await self._transport.send(request)
            if not answer.is_success:
                raise to_error(answer.status, answer.body)
            result = read(answer.body)
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
            self._observer(operation, outcome, self._clock.monotonic() - began)


def _agree(said: object, asked: object) -> None:
    """Refuse an answer that speaks of something else than we asked (R7)."""
    if said != asked:
        message = "the answer does not match the question"
        raise Unreadable(message)


def _refuse_odd_id(text: str) -> None:
    """Refuse what would change the path; such an id can't exist there."""
    if not is_machine_id(text):
        raise UnknownAtGateway("malformed_id")
