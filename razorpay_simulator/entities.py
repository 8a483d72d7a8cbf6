"""The nouns of the simulated account and how each is written on the wire (razorpay.md sections 3, 4 and 6)."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

DAY_SECONDS = 86_400
DEFAULT_WINDOW_MINUTES = 3 * 24 * 60
"""How long an authorised payment may wait for its capture: three days."""


class OrderStatus(StrEnum):
    """How far an order got; a refund doesn't take it back."""

    CREATED = "created"
    ATTEMPTED = "attempted"
    PAID = "paid"


class PaymentStatus(StrEnum):
    """How far a payment got; `failed` is not the end."""

    CREATED = "created"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    REFUNDED = "refunded"
    FAILED = "failed"


class RefundStatus(StrEnum):
    """How far a refund got."""

    PENDING = "pending"
    PROCESSED = "processed"
    FAILED = "failed"


def notes_to_wire(notes: dict[str, str]) -> dict[str, str] | list[str]:
    """Return notes as they are written: an empty list when there are none."""
    return dict(notes) if notes else []


@dataclass(frozen=True, slots=True)
class CaptureRule:
    """What happens after an authorisation; the windows are minutes since the payment's creation."""

    is_automatic: bool = True
    automatic_minutes: int = DEFAULT_WINDOW_MINUTES
    manual_minutes: int = DEFAULT_WINDOW_MINUTES
    refund_speed: str = "normal"


@dataclass(slots=True, kw_only=True)
class Order:
    """An order: what is to be paid."""

    id: str
    amount: int
    currency: str
    created_at: int
    born: float
    receipt: str | None = None
    notes: dict[str, str] = field(default_factory=dict)
    status: OrderStatus = OrderStatus.CREATED
    attempts: int = 0
    amount_paid: int = 0
    offer_id: str | None = None
    is_partial: bool = False
    first_payment_min_amount: int | None = None
    capture: CaptureRule = field(default_factory=CaptureRule)
    payment_ids: list[str] = field(default_factory=list)

    @property
    def amount_due(self) -> int:
        """Return what is still to be paid, in minor units."""
        return max(self.amount - self.amount_paid, 0)

    def to_wire(self) -> dict[str, Any]:
        """Return the order as the API writes it."""
        wire: dict[str, Any] = {
            "id": self.id,
            "entity": "order",
            "amount": self.amount,
            "amount_paid": self.amount_paid,
            "amount_due": self.amount_due,
            "currency": self.currency,
            "receipt": self.receipt,
            "offer_id": self.offer_id,
            "status": self.status.value,
            "attempts": self.attempts,
            "notes": notes_to_wire(self.notes),
            "created_at": self.created_at,
        }
        if self.is_partial:
            wire["first_payment_min_amount"] = self.first_payment_min_amount
        return wire


@dataclass(slots=True, kw_only=True)
class Card:
    """A card as merchants may see it: never its number."""

    id: str
    name: str
    last4: str
    iin: str
    network: str
    type: str
    issuer: str | None
    is_international: bool
    sub_type: str = "consumer"

    def to_wire(self) -> dict[str, Any]:
        """Return the card as the API writes it."""
        return {
            "id": self.id,
            "entity": "card",
            "name": self.name,
            "last4": self.last4,
            "network": self.network,
            "type": self.type,
            "issuer": self.issuer,
            "international": self.is_international,
            "emi": False,
            "sub_type": self.sub_type,
            "token_iin": None,
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a payment failed, in the processor's words."""

    code: str
    description: str
    source: str
    step: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Payment:
    """A payment: one try of a customer."""

    id: str
    amount: int
    currency: str
    method: str
    created_at: int
    born: float
    order_id: str | None = None
    status: PaymentStatus = PaymentStatus.CREATED
    was_captured: bool = False
    amount_refunded: int = 0
    description: str | None = None
    card_id: str | None = None
    bank: str | None = None
    wallet: str | None = None
    vpa: str | None = None
    email: str | None = None
    contact: str | None = None
    customer_id: str | None = None
    token_id: str | None = None
    is_international: bool = False
    notes: dict[str, str] = field(default_factory=dict)
    fee: int | None = None
    tax: int | None = None
    failure: Failure | None = None
    acquirer_data: dict[str, str | None] = field(default_factory=dict)
    authorized_at: int | None = None

    @property
    def refund_status(self) -> str | None:
        """Return how much went back: None, `partial` or `full`."""
        if self.amount_refunded == 0:
            return None
        return "full" if self.amount_refunded >= self.amount else "partial"

    def to_wire(self) -> dict[str, Any]:
        """Return the payment as the API writes it."""
        failure = self.failure
        wire: dict[str, Any] = {
            "id": self.id,
            "entity": "payment",
            "amount": self.amount,
            "currency": self.currency,
            "status": self.status.value,
            "order_id": self.order_id,
            "invoice_id": None,
            "international": self.is_international,
            "method": self.method,
            "amount_refunded": self.amount_refunded,
            "refund_status": self.refund_status,
            "captured": self.was_captured,
            "description": self.description,
            "card_id": self.card_id,
            "bank": self.bank,
            "wallet": self.wallet,
            "vpa": self.vpa,
            "email": self.email,
            "contact": self.contact,
            "notes": notes_to_wire(self.notes),
            "fee": self.fee,
            "tax": self.tax,
            "error_code": failure.code if failure else None,
            "error_description": failure.description if failure else None,
            "error_source": failure.source if failure else None,
            "error_step": failure.step if failure else None,
            "error_reason": failure.reason if failure else None,
            "acquirer_data": dict(self.acquirer_data),
            "created_at": self.created_at,
        }
        if self.customer_id is not None:
            wire["customer_id"] = self.customer_id
        if self.token_id is not None:
            wire["token_id"] = self.token_id
        if self.method == "upi":
            wire["upi"] = {"payer_account_type": "bank_account", "vpa": self.vpa, "flow": "collect"}
        return wire


@dataclass(slots=True, kw_only=True)
class Refund:
    """Money on its way back. What it costs, `fee` with its `tax`, only the line of its settlement tells."""

    id: str
    payment_id: str
    amount: int
    currency: str
    created_at: int
    born: float
    notes: dict[str, str] = field(default_factory=dict)
    receipt: str | None = None
    status: RefundStatus = RefundStatus.PENDING
    speed_requested: str = "normal"
    speed_processed: str = "normal"
    fee: int = 0
    tax: int = 0
    acquirer_data: dict[str, str | None] = field(default_factory=lambda: {"arn": None})

    def to_wire(self) -> dict[str, Any]:
        """Return the refund as the API writes it."""
        return {
            "id": self.id,
            "entity": "refund",
            "amount": self.amount,
            "currency": self.currency,
            "payment_id": self.payment_id,
            "notes": notes_to_wire(self.notes),
            "receipt": self.receipt,
            "acquirer_data": dict(self.acquirer_data),
            "created_at": self.created_at,
            "batch_id": None,
            "status": self.status.value,
            "speed_processed": self.speed_processed,
            "speed_requested": self.speed_requested,
        }


@dataclass(slots=True, kw_only=True)
class Customer:
    """A person who pays."""

    id: str
    name: str | None
    email: str | None
    contact: str | None
    gstin: str | None
    created_at: int
    born: float
    notes: dict[str, str] = field(default_factory=dict)

    def to_wire(self) -> dict[str, Any]:
        """Return the customer as the API writes it."""
        return {
            "id": self.id,
            "entity": "customer",
            "name": self.name,
            "email": self.email,
            "contact": self.contact,
            "gstin": self.gstin,
            "notes": notes_to_wire(self.notes),
            "created_at": self.created_at,
        }


@dataclass(slots=True, kw_only=True)
class Downtime:
    """A bank, network or app that doesn't work for a while."""

    id: str
    method: str
    begin: int
    created_at: int
    updated_at: int
    born: float
    instrument: dict[str, str]
    severity: str = "high"
    status: str = "started"
    end: int | None = None
    is_scheduled: bool = False

    def to_wire(self) -> dict[str, Any]:
        """Return the downtime as the API writes it."""
        return {
            "id": self.id,
            "entity": "payment.downtime",
            "method": self.method,
            "begin": self.begin,
            "end": self.end,
            "status": self.status,
            "scheduled": self.is_scheduled,
            "severity": self.severity,
            "instrument": dict(self.instrument),
            "instrument_schema": list(self.instrument),
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }
