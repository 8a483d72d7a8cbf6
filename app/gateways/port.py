"""The processor as the house sees it: nouns, verbs and outcomes in our words.

A second processor is a second implementation of these protocols; nothing above this room changes. Amounts are
`Money` in minor units, times are aware UTC.

Every verb ends in exactly one of three ways:

- it returns: the processor said so, explicitly;
- it raises `Refused` (or a subclass): the processor said no, explicitly, and nothing happened;
- it raises `OutcomeUnknown`: nobody can tell yet whether the effect happened (or, as `NeverSent`, it certainly did
  not because the request never left).
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from app.gateways.contest import Contest
from app.gateways.payer import Payer
from app.gateways.settlement import GatewaySettlement, SettlementRow
from app.kit.money import Money
from app.kit.scope import Mode, Scope

Item = TypeVar("Item")


class GatewayError(Exception):
    """Root of what a processor call can raise. Carries words for us, never the processor's text for clients."""


class Refused(GatewayError):
    """The processor answered no; nothing happened.

    Attributes:
        reason: the processor's own machine-readable reason, such as `input_validation_failed`; for logs and rules.
        field: the request field it complained about, if it named one.
    """

    def __init__(self, reason: str, *, field_name: str | None = None, status: int | None = None) -> None:
        """Keep the reason; never the processor's sentence, which may repeat what a customer typed."""
        super().__init__(reason)
        self.reason = reason
        self.field = field_name
        self.status = status


class DuplicateReceipt(Refused):
    """An order, or a refund of the payment, with this receipt exists already; `order_id` names the order if known.

    What was asked for has happened before: look for it by its receipt instead of giving up.
    """

    def __init__(self, order_id: str | None) -> None:
        """Keep the id of the existing order, None for a refund."""
        super().__init__("duplicate_receipt", field_name="receipt")
        self.order_id = order_id


class AlreadyCaptured(Refused):
    """The payment had been captured before this call."""


class UnknownAtGateway(Refused):
    """The processor knows no such id."""


class CredentialsRefused(Refused):
    """The merchant's key is wrong, revoked or lacks the product: an alarm, never the payment's fault."""


class OutcomeUnknown(GatewayError):
    """No explicit answer: the effect may or may not have happened."""


class NeverSent(OutcomeUnknown):
    """The request certainly did not reach the processor (open breaker, full bulkhead, refused connection)."""


class AttemptStatus(StrEnum):
    """What the processor says of one try to pay. Ordered by rank: a later word never moves an attempt back."""

    CREATED = "created"
    FAILED = "failed"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    REFUNDED = "refunded"
    UNRECOGNIZED = "unrecognized"


class CaptureMethod(StrEnum):
    """Who captures an authorised payment: the processor at once, or the merchant by a call."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What we ask the processor to expect. `receipt` is our payment id: the only way back to an order we lost."""

    receipt: str
    amount: Money
    capture_method: CaptureMethod
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatewayOrder:
    """An order as the processor knows it; `merchant_ref` is our merchant's id, which only a key's holder can write."""

    id: str
    receipt: str | None
    amount: Money
    amount_paid: int
    status: str
    created_at: datetime
    merchant_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed: machine words only."""

    code: str
    reason: str | None = None
    source: str | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True)
class GatewayPayment:
    """One try to pay, as the processor described it at one moment.

    `amount` is None when the processor's own numbers make no sense (R7): such a snapshot never moves money.
    `captured` tells whether the money was ever ours: a refunded attempt may have lapsed uncaptured (C1).
    `payer` is who paid, as the processor spelt it.
    `raw` keeps what may be stored and shown to the merchant, without card numbers, secrets or personal data.
    """

    id: str
    order_id: str | None
    amount: Money | None
    status: AttemptStatus
    method: str | None
    created_at: datetime
    captured: bool = False
    amount_refunded: int = 0
    fee: int | None = None
    tax: int | None = None
    failure: Failure | None = None
    payment_ref: str | None = None
    payer: Payer | None = None
    raw: dict[str, Any] = field(default_factory=dict)


class RefundStatus(StrEnum):
    """What the processor says of a refund. `failed` may come days after `pending`."""

    PENDING = "pending"
    PROCESSED = "processed"
    FAILED = "failed"
    UNRECOGNIZED = "unrecognized"


class RefundSpeed(StrEnum):
    """How fast money goes back: as banks do it, or at once where the customer's bank can (at a price)."""

    NORMAL = "normal"
    OPTIMUM = "optimum"


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """What is to go back. `receipt` is our refund id: the way back to a refund whose answer was lost (C8)."""

    receipt: str
    amount: Money
    speed: RefundSpeed = RefundSpeed.NORMAL
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatewayRefund:
    """A refund as the processor described it at one moment.

    `amount` is None when the processor's numbers make no sense (R7): such a snapshot moves nothing. `reference` is the
    number by which the customer's bank finds the money (ARN, RRN or UTR). `refund_ref` is our refund id from the note
    `refund_id`, a second way back where the receipt is missing (C8).
    """

    id: str
    payment_id: str
    amount: Money | None
    status: RefundStatus
    created_at: datetime
    receipt: str | None = None
    refund_ref: str | None = None
    speed_requested: str | None = None
    speed_processed: str | None = None
    reference: str | None = None
    raw: dict[str, Any] = field(default_factory=dict)


class DisputeStatus(StrEnum):
    """Where a dispute stands at the processor."""

    OPEN = "open"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"
    UNRECOGNIZED = "unrecognized"


@dataclass(frozen=True, slots=True)
class GatewayDispute:
    """A dispute as the processor described it at one moment.

    `amount` is None when the processor's numbers make no sense (R7). `amount_deducted` is what the processor took from
    the merchant, in minor units: nothing until the dispute is lost.
    """

    id: str
    payment_id: str
    amount: Money | None
    amount_deducted: int
    status: DisputeStatus
    created_at: datetime
    phase: str | None = None
    reason_code: str | None = None
    respond_by: datetime | None = None
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listed(Generic[Item]):
    """One page of a list at the processor, newest first; another begins at `next_skip` unless this `is_last`."""

    items: tuple[Item, ...]
    is_last: bool
    next_skip: int


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """A processor's message, parsed: the snapshots it carries, none when it concerns something else."""

    type: str
    account_id: str | None
    created_at: datetime | None
    payments: tuple[GatewayPayment, ...]
    order_receipt: str | None = None
    refunds: tuple[GatewayRefund, ...] = ()
    disputes: tuple[GatewayDispute, ...] = ()
    settlements: tuple[GatewaySettlement, ...] = ()


class Gateway(Protocol):
    """One merchant's account at a processor."""

    @property
    def key_id(self) -> str:
        """Return the public key id, which the browser's checkout needs."""
        ...

    async def create_order(self, request: OrderRequest) -> GatewayOrder:
        """Create an order. Raises DuplicateReceipt, Refused, OutcomeUnknown."""
        ...

    async def find_order(self, *, receipt: str) -> GatewayOrder | None:
        """Return the order with this receipt, the oldest if there are several. Raises Refused, OutcomeUnknown."""
        ...

    async def get_order(self, order_id: str) -> GatewayOrder:
        """Return an order. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        ...

    async def get_payment(self, payment_id: str) -> GatewayPayment:
        """Return a payment attempt. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        ...

    async def list_order_payments(self, order_id: str) -> tuple[GatewayPayment, ...]:
        """Return every attempt on an order. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        ...

    async def capture_payment(self, payment_id: str, amount: Money) -> GatewayPayment:
        """Capture exactly the authorised amount. Raises AlreadyCaptured, Refused, OutcomeUnknown."""
        ...

    def is_callback_signature(self, signature: str, *, order_id: str, payment_id: str) -> bool:
        """Tell whether the checkout's callback was signed for this order and payment."""
        ...

    def refund_body(self, request: RefundRequest) -> bytes:
        """Return the bytes that ask for a refund; every try sends the very same ones (C6). Pure."""
        ...

    async def create_refund(self, payment_id: str, *, body: bytes, key: str) -> GatewayRefund:
        """Ask for a refund under an idempotency key; the same key and body are one refund (C6).

        After an earlier try without an answer a refusal proves nothing of that try: look first (C8).

        Raises:
            DuplicateReceipt, UnknownAtGateway, Refused, OutcomeUnknown (`in_progress` while the same key is at work).
        """
        ...

    async def get_refund(self, refund_id: str) -> GatewayRefund:
        """Return a refund. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        ...

    async def list_payment_refunds(self, payment_id: str) -> tuple[GatewayRefund, ...]:
        """Return every refund of a payment. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        ...

    async def list_payments(self, *, since: datetime, until: datetime, skip: int) -> Listed[GatewayPayment]:
        """Return a page of the payments created in a span; it trails by minutes. Raises Refused, OutcomeUnknown."""
        ...

    async def list_refunds(self, *, since: datetime, until: datetime, skip: int) -> Listed[GatewayRefund]:
        """Return a page of the refunds created in a span; it trails by minutes. Raises Refused, OutcomeUnknown."""
        ...

    async def list_disputes(self, *, skip: int) -> Listed[GatewayDispute]:
        """Return a page of all disputes. Raises Refused, OutcomeUnknown."""
        ...

    async def list_settlements(self, *, since: datetime, until: datetime, skip: int) -> Listed[GatewaySettlement]:
        """Return a page of the settlements made in a span. Raises Refused, OutcomeUnknown."""
        ...

    async def list_settlement_rows(self, *, day: date, skip: int) -> Listed[SettlementRow]:
        """Return a page of what was settled on a day of the processor's country. Raises Refused, OutcomeUnknown."""
        ...

    async def get_dispute(self, dispute_id: str) -> GatewayDispute:
        """Return a dispute. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        ...

    async def accept_dispute(self, dispute_id: str) -> GatewayDispute:
        """Give a dispute up for good. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        ...

    async def contest_dispute(self, dispute_id: str, contest: Contest) -> GatewayDispute:
        """Answer a dispute with evidence. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        ...

    async def upload_document(self, content: bytes, *, name: str, mime: str) -> str:
        """Hand in a document and return its id, for a contest. Raises Refused, OutcomeUnknown."""
        ...


class Gateways(Protocol):
    """Finds the account to use for a merchant."""

    async def of(self, scope: Scope) -> Gateway:
        """Return the merchant's account in this mode. Raises the tenants room's error when none is configured."""
        ...


class EventReader(Protocol):
    """Reads what a processor sends us; pure."""

    def is_signed(self, body: bytes, signature: str | None, *, secrets: tuple[str, ...]) -> bool:
        """Tell whether the raw body was signed with one of the secrets."""
        ...

    def read(self, body: bytes) -> GatewayEvent:
        """Parse a verified body. Raises ValueError when it is not an event we can read (B14)."""
        ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """A merchant's key pair at the processor. The representation shows no secret."""

    key_id: str
    key_secret: str = field(repr=False)
    mode: Mode
