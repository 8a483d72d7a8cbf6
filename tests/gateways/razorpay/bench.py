"""A gateway with a playing host behind it, and every verb of the port with arguments at the ready."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.gateways.contest import Contest, EvidenceKind
from app.gateways.port import CaptureMethod, Credentials, Gateway, OrderRequest, RefundRequest
from app.gateways.razorpay.adapter import RazorpayGateway
from app.gateways.razorpay.translate.refunds import to_refund_body
from app.kit.money import Money
from app.kit.scope import Mode
from tests.gateways.razorpay.host import Move, PlayingHost
from tests.gateways.razorpay.samples import (
    DISPUTE_ID,
    DOCUMENT_ID,
    ORDER_ID,
    OUR_ID,
    OUR_REFUND_ID,
    PAYMENT_ID,
    REFUND_ID,
)

SECRET = "EnLs21M47BllR3X8PSFtjtbd"
CREDENTIALS = Credentials("rzp_test_key", SECRET, Mode.TEST)
RUPEES_500 = Money(50000, "INR")
REQUEST = OrderRequest(OUR_ID, RUPEES_500, CaptureMethod.AUTOMATIC, {"payment_id": OUR_ID})
REFUND_BODY = to_refund_body(RefundRequest(OUR_REFUND_ID, Money(20000, "INR"), notes={"refund_id": OUR_REFUND_ID}))
CONTEST = Contest("Delivered and signed for.", {EvidenceKind.SHIPPING_PROOF: (DOCUMENT_ID,)}, is_final=True)
SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
Verb = Callable[[Gateway], Awaitable[object]]
VERBS: dict[str, Verb] = {
    "create_order": lambda gateway: gateway.create_order(REQUEST),
    "find_order": lambda gateway: gateway.find_order(receipt=OUR_ID),
    "get_order": lambda gateway: gateway.get_order(ORDER_ID),
    "get_payment": lambda gateway: gateway.get_payment(PAYMENT_ID),
    "list_order_payments": lambda gateway: gateway.list_order_payments(ORDER_ID),
    "create_refund": lambda gateway: gateway.create_refund(PAYMENT_ID, body=REFUND_BODY, key=OUR_REFUND_ID),
    "get_refund": lambda gateway: gateway.get_refund(REFUND_ID),
    "list_payment_refunds": lambda gateway: gateway.list_payment_refunds(PAYMENT_ID),
    "list_payments": lambda gateway: gateway.list_payments(since=SINCE, until=UNTIL, skip=0),
    "list_refunds": lambda gateway: gateway.list_refunds(since=SINCE, until=UNTIL, skip=0),
    "list_settlements": lambda gateway: gateway.list_settlements(since=SINCE, until=UNTIL, skip=0),
    "list_settlement_rows": lambda gateway: gateway.list_settlement_rows(day=SINCE.date(), skip=0),
    "list_disputes": lambda gateway: gateway.list_disputes(skip=0),
    "get_dispute": lambda gateway: gateway.get_dispute(DISPUTE_ID),
    "accept_dispute": lambda gateway: gateway.accept_dispute(DISPUTE_ID),
    "contest_dispute": lambda gateway: gateway.contest_dispute(DISPUTE_ID, CONTEST),
    "upload_document": lambda gateway: gateway.upload_document(b"%PDF", name="slip.pdf", mime="application/pdf"),
    "capture_payment": lambda gateway: gateway.capture_payment(PAYMENT_ID, RUPEES_500),
}


@dataclass
class Bench:
    """A gateway, the host behind it, and what the observer was told."""

    host: PlayingHost
    gateway: RazorpayGateway
    seen: list[tuple[str, str]] = field(default_factory=list)

    def play(self, *moves: Move) -> "Bench":
        """Forget what was received and play these moves from now on."""
        self.host.moves = list(moves)
        self.host.received.clear()
        self.seen.clear()
        return self
