"""Refunds at Razorpay: the port's verbs for them."""

import json
from typing import Any

from app.gateways.port import GatewayRefund, OutcomeUnknown, RefundRequest
from app.gateways.razorpay.calls import MOST_PAGES, PAGE, Calls, agree, refuse_odd_id
from app.gateways.razorpay.translate.refunds import to_refund, to_refund_body, to_refunds

_KEY_HEADER = "X-Refund-Idempotency"


class RefundVerbs:
    """The part of the port's `Gateway` that gives money back."""

    _calls: Calls

    def refund_body(self, request: RefundRequest) -> bytes:
        """Return the bytes that ask for a refund; every try sends the very same ones (C6). Pure."""
        return to_refund_body(request)

    async def create_refund(self, payment_id: str, *, body: bytes, key: str) -> GatewayRefund:
        """Ask for a refund under an idempotency key; sent once, never repeated.

        An answer without our receipt is taken, as key and path name the refund already; one with another is not (R7).

        Raises:
            DuplicateReceipt, UnknownAtGateway, Refused, OutcomeUnknown.
        """
        refuse_odd_id(payment_id)
        asked = json.loads(body)

        def read(answer: Any) -> GatewayRefund:
            refund = to_refund(answer, seen_at=self._calls.clock.now())
            agree(refund.payment_id, payment_id)
            agree(refund.amount and refund.amount.minor, asked["amount"])
            agree(refund.receipt or asked["receipt"], asked["receipt"])
            return refund

        request = self._calls.post(f"/v1/payments/{payment_id}/refund", body, {_KEY_HEADER: key})
        return await self._calls.send("create_refund", request, read, gateway_payment_id=payment_id, key=key)

    async def get_refund(self, refund_id: str) -> GatewayRefund:
        """Return a refund. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        refuse_odd_id(refund_id)

        def read(answer: Any) -> GatewayRefund:
            refund = to_refund(answer, seen_at=self._calls.clock.now())
            agree(refund.id, refund_id)
            return refund

        request = self._calls.get(f"/v1/refunds/{refund_id}")
        return await self._calls.send("get_refund", request, read, gateway_refund_id=refund_id)

    async def list_payment_refunds(self, payment_id: str) -> tuple[GatewayRefund, ...]:
        """Return every refund of a payment, each once, newest first. Raises UnknownAtGateway, Refused, OutcomeUnknown.

        A refund made while we page moves others onto the next page, so that one may be seen twice but none is missed
        (R9).
        """
        refuse_odd_id(payment_id)

        def read(answer: Any) -> tuple[tuple[GatewayRefund, ...], int]:
            refunds, on_page = to_refunds(answer, seen_at=self._calls.clock.now())
            for refund in refunds:
                agree(refund.payment_id, payment_id)
            return refunds, on_page

        found: dict[str, GatewayRefund] = {}
        for page in range(MOST_PAGES):
            request = self._calls.get(f"/v1/payments/{payment_id}/refunds?count={PAGE}&skip={page * PAGE}")
            refunds, on_page = await self._calls.send(
                "list_payment_refunds", request, read, gateway_payment_id=payment_id
            )
            for refund in refunds:
                found[refund.id] = refund
            if on_page < PAGE:
                return tuple(found.values())
        # More refunds than we read: "it is not among them" would be a guess.
        raise OutcomeUnknown("too_many_refunds")
