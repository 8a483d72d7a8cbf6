"""One merchant's account at Razorpay: the port's verbs for orders and payments, and all others by their own files."""

import functools
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from app.gateways.port import Credentials, GatewayOrder, GatewayPayment, OrderRequest, OutcomeUnknown
from app.gateways.razorpay.calls import MOST_PAGES, PAGE, CallObserver, Calls, agree, refuse_odd_id
from app.gateways.razorpay.disputing import DisputeVerbs
from app.gateways.razorpay.listing import ListVerbs
from app.gateways.razorpay.refunding import RefundVerbs
from app.gateways.razorpay.translate.payments import (
    to_order,
    to_order_body,
    to_orders_with_receipt,
    to_payment,
    to_payments,
)
from app.gateways.razorpay.translate.reading import is_machine_id
from app.gateways.razorpay.transport import Transport
from app.kit.clock import Clock
from app.kit.money import Money
from app.kit.signing import is_signed_by_any


class RazorpayGateway(RefundVerbs, DisputeVerbs, ListVerbs):
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
        self._automatic_capture_minutes = automatic_capture_minutes
        self._calls = Calls(credentials, transport=transport, clock=clock, observer=observer)

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
            agree(order.receipt, request.receipt)
            agree(order.amount, request.amount)
            return order

        return await self._calls.send(
            "create_order", self._calls.post("/v1/orders", json.dumps(body).encode()), read, receipt=request.receipt
        )

    async def find_order(self, *, receipt: str) -> GatewayOrder | None:
        """Return the order with this receipt, the oldest if there are several. Raises Refused, OutcomeUnknown.

        The list is newest first; an order made while we page moves others onto the next page, so that one may be
        seen twice but none is missed (R9).
        """
        read = functools.partial(to_orders_with_receipt, receipt=receipt)
        found: list[GatewayOrder] = []
        for page in range(MOST_PAGES):
            path = f"/v1/orders?receipt={quote(receipt, safe='')}&count={PAGE}&skip={page * PAGE}"
            ours, on_page = await self._calls.send("find_order", self._calls.get(path), read, receipt=receipt)
            found += ours
            if on_page < PAGE:
                return min(found, key=lambda order: (order.created_at, order.id), default=None)
        # More orders than one receipt can have: the filter was ignored, and "none" would be a guess.
        raise OutcomeUnknown("too_many_orders")

    async def get_order(self, order_id: str) -> GatewayOrder:
        """Return an order. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        refuse_odd_id(order_id)

        def read(answer: Any) -> GatewayOrder:
            order = to_order(answer)
            agree(order.id, order_id)
            return order

        return await self._calls.send("get_order", self._calls.get(f"/v1/orders/{order_id}"), read, order_id=order_id)

    async def get_payment(self, payment_id: str) -> GatewayPayment:
        """Return a payment attempt. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        refuse_odd_id(payment_id)
        request = self._calls.get(f"/v1/payments/{payment_id}")
        return await self._calls.send(
            "get_payment", request, self._reads_payment(payment_id), gateway_payment_id=payment_id
        )

    async def list_order_payments(self, order_id: str) -> tuple[GatewayPayment, ...]:
        """Return every attempt on an order. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        refuse_odd_id(order_id)

        def read(answer: Any) -> tuple[GatewayPayment, ...]:
            payments = to_payments(answer, seen_at=self._calls.clock.now())
            for payment in payments:
                agree(payment.order_id, order_id)
            return payments

        request = self._calls.get(f"/v1/orders/{order_id}/payments")
        return await self._calls.send("list_order_payments", request, read, order_id=order_id)

    async def capture_payment(self, payment_id: str, amount: Money) -> GatewayPayment:
        """Capture exactly the authorised amount; sent once, never repeated.

        Raises:
            AlreadyCaptured, UnknownAtGateway, Refused, OutcomeUnknown.
        """
        refuse_odd_id(payment_id)
        body = {"amount": amount.minor, "currency": amount.currency}
        request = self._calls.post(f"/v1/payments/{payment_id}/capture", json.dumps(body).encode())
        return await self._calls.send(
            "capture_payment", request, self._reads_payment(payment_id), gateway_payment_id=payment_id
        )

    def is_callback_signature(self, signature: str, *, order_id: str, payment_id: str) -> bool:
        """Tell whether the checkout's callback was signed for this order and payment."""
        if not is_machine_id(order_id) or not is_machine_id(payment_id):
            return False
        return is_signed_by_any(f"{order_id}|{payment_id}".encode(), signature, secrets=(self._key_secret,))

    def _reads_payment(self, payment_id: str) -> Callable[[Any], GatewayPayment]:
        def read(answer: Any) -> GatewayPayment:
            payment = to_payment(answer, seen_at=self._calls.clock.now())
            agree(payment.id, payment_id)
            return payment

        return read
