"""Payments and their attempts as values, and the table of states."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from app.gateways.port import AttemptStatus, CaptureMethod, Failure
from app.kit.money import Money
from app.kit.scope import Scope
from app.kit.transitions import Transitions


class PaymentStatus(StrEnum):
    """Where a payment stands. The seed's words, with the states it left out.

    Unknown is pending: only an explicit answer from the processor moves a payment. `failed` and `expired` are not
    final, because Razorpay may authorise up to three days late.
    """

    PENDING = "pending"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    AUTHORIZED = "authorized"
    COMPLETED = "completed"


TRANSITIONS = Transitions(
    {
        PaymentStatus.PENDING: frozenset(
            {
                PaymentStatus.FAILED,
                PaymentStatus.EXPIRED,
                PaymentStatus.CANCELLED,
                PaymentStatus.AUTHORIZED,
                PaymentStatus.COMPLETED,
            }
        ),
        PaymentStatus.FAILED: frozenset(
            {
                PaymentStatus.EXPIRED,
                PaymentStatus.CANCELLED,
                PaymentStatus.AUTHORIZED,
                PaymentStatus.COMPLETED,
            }
        ),
        PaymentStatus.EXPIRED: frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.COMPLETED}),
        PaymentStatus.CANCELLED: frozenset(),
        PaymentStatus.AUTHORIZED: frozenset({PaymentStatus.COMPLETED}),
        PaymentStatus.COMPLETED: frozenset(),
    }
)

RANK: Mapping[PaymentStatus, int] = {status: rank for rank, status in enumerate(PaymentStatus)}
"""Invariant I5: no move lowers this number; a test holds the table against it."""


class ShownStatus(StrEnum):
    """The status as the API shows it: the stored one, or what the refund counters make of it."""

    PENDING = "pending"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    AUTHORIZED = "authorized"
    COMPLETED = "completed"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class OrderState(StrEnum):
    """What we know of the payment's order at the processor."""

    REQUESTED = "requested"
    UNKNOWN = "unknown"
    READY = "ready"
    REFUSED = "refused"


ORDER_TRANSITIONS = Transitions(
    {
        OrderState.REQUESTED: frozenset({OrderState.UNKNOWN, OrderState.READY, OrderState.REFUSED}),
        OrderState.UNKNOWN: frozenset({OrderState.READY, OrderState.REFUSED}),
        OrderState.READY: frozenset(),
        OrderState.REFUSED: frozenset(),
    }
)

ATTEMPT_RANK: Mapping[AttemptStatus, int] = {
    AttemptStatus.UNRECOGNIZED: 0,
    AttemptStatus.CREATED: 1,
    AttemptStatus.FAILED: 2,
    AttemptStatus.AUTHORIZED: 3,
    AttemptStatus.CAPTURED: 4,
    AttemptStatus.REFUNDED: 5,
}
"""Monotone order of the processor's words for one attempt: a later snapshot never moves it back (B6)."""


class Part(StrEnum):
    """What an attempt is to its payment."""

    UNDECIDED = "undecided"
    PRIMARY = "primary"
    SURPLUS = "surplus"
    MISMATCHED = "mismatched"


class Source(StrEnum):
    """Who told us about an attempt."""

    CALLBACK = "callback"
    WEBHOOK = "webhook"
    POLL = "poll"
    RECHECK = "recheck"
    CAPTURE = "capture"


class ReviewReason(StrEnum):
    """Why a human should look at a payment."""

    AMOUNT_MISMATCH = "amount_mismatch"
    CONTRADICTORY_AMOUNT = "contradictory_amount"
    SECOND_PAYMENT = "second_payment"
    ORPHAN_ORDER = "orphan_order"
    PAID_AFTER_CANCEL = "paid_after_cancel"
    PAID_AFTER_EXPIRY = "paid_after_expiry"
    UNRECOGNIZED_STATUS = "unrecognized_status"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of the customer to pay, in its furthest known state."""

    id: str
    status: AttemptStatus
    amount: Money | None
    method: str | None
    created_at: datetime
    part: Part = Part.UNDECIDED
    captured: bool = False
    amount_refunded: int = 0
    fee: int | None = None
    tax: int | None = None
    failure: Failure | None = None

    @property
    def has_lapsed(self) -> bool:
        """Tell whether the authorisation went back to the customer without ever having been captured (C1)."""
        return self.status is AttemptStatus.REFUNDED and not self.captured


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One fact of a payment's life, in the order in which we learnt it."""

    at: datetime
    event: str
    status: PaymentStatus
    source: str
    attempt: str | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment with everything known of it. Amount counters are minor units of the payment's currency.

    `key_id` is the public half of the processor key that the order was made with; the checkout needs it.
    """

    id: str
    scope: Scope
    money: Money
    status: PaymentStatus
    order_state: OrderState
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    user_id: str | None = None
    key_id: str | None = None
    order_id: str | None = None
    description: str | None = None
    reference: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    capture_method: CaptureMethod = CaptureMethod.AUTOMATIC
    attempts: tuple[Attempt, ...] = ()
    review: tuple[ReviewReason, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    razorpay_data: Mapping[str, Any] = field(default_factory=dict)
    checks: int = 0
    version: int = 1

    @property
    def primary(self) -> Attempt | None:
        """Return the attempt whose money is this payment's, if there is one."""
        return next((attempt for attempt in self.attempts if attempt.part is Part.PRIMARY), None)

    def attempt(self, attempt_id: str) -> Attempt | None:
        """Return the attempt with this id, if it is known."""
        return next((attempt for attempt in self.attempts if attempt.id == attempt_id), None)

    @property
    def amount_captured(self) -> int:
        """Return what was captured for this payment, in minor units."""
        return self.money.minor if self.primary is not None and self.primary.captured else 0

    @property
    def amount_refunded(self) -> int:
        """Return what went back to the customer, in minor units."""
        return self.primary.amount_refunded if self.primary is not None else 0

    @property
    def shown_status(self) -> ShownStatus:
        """Return the status to show: refunded and partially refunded are derived from the counters (D3)."""
        refunded = self.amount_refunded
        match self.status:
            case PaymentStatus.COMPLETED | PaymentStatus.AUTHORIZED if refunded >= self.money.minor:
                return ShownStatus.REFUNDED
            case PaymentStatus.COMPLETED if refunded:
                return ShownStatus.PARTIALLY_REFUNDED
            case (
                PaymentStatus.PENDING
                | PaymentStatus.FAILED
                | PaymentStatus.EXPIRED
                | PaymentStatus.CANCELLED
                | PaymentStatus.AUTHORIZED
                | PaymentStatus.COMPLETED
            ):
                return ShownStatus(self.status.value)
            case _:
                assert_never(self.status)


@dataclass(frozen=True, slots=True)
class Suspense:
    """Captured money that is no payment's: kept apart until someone places it (invariant I1)."""

    gateway_payment_id: str
    payment_id: str
    amount: Money
    reason: ReviewReason
    created_at: datetime
