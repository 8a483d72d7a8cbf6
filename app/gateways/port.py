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
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from app.kit.money import Money
from app.kit.scope import Mode, Scope


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
    """An order with this receipt exists already; `order_id` names it when the processor said which."""

    def __init__(self, order_id: str | None) -> None:
        """Keep the id of the existing order."""
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
    """An order as the processor knows it."""

    id: str
    receipt: str | None
    amount: Money
    amount_paid: int
    status: str
    created_at: datetime


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
    `raw` keeps what may be stored and shown to the merchant, without card numbers or secrets.
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
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """A processor's message, parsed. `payments` are the snapshots it carries; empty when it concerns something else."""

    type: str
    account_id: str | None
    created_at: datetime | None
    payments: tuple[GatewayPayment, ...]
    order_receipt: str | None = None


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
