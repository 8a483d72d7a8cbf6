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
        PaymentStatus.EXPIRED: frozenset(
            {
                PaymentStatus.CANCELLED,
                PaymentStatus.AUTHORIZED,
                PaymentStatus.COMPLETED,
            }
        ),
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


ERASED = "erased"
"""Stands in the place of who paid once that was erased (T11): whatever is said of it afterwards is not learnt again."""


class Source(StrEnum):
    """Who told us about an attempt."""

    CALLBACK = "callback"
    WEBHOOK = "webhook"
    POLL = "poll"
    SWEEP = "sweep"
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
    REFUNDS_EXCEED_CAPTURE = "refunds_exceed_capture"


class DisputeState(StrEnum):
    """What a payment's disputes come to: while one is open, or once one is lost, nothing more is refunded (C11)."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"


NO_REFUND_WHILE = frozenset({DisputeState.OPEN, DisputeState.LOST})
"""In these states of dispute the customer has, or may get, the money by another way."""


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
class LinkVisit:
    """The payment link that a payment was made through, and which of its visits that was.

    A visit has one payment: the database holds `natural_key` unique, as it holds a merchant's reference (A10).
    """

    link_id: str
    visit: str

    @property
    def natural_key(self) -> str:
        """Return what no other payment of the merchant has."""
        return f"{self.link_id} {self.visit}"


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

    `refunds_reserved` sums the refunds that are under way or done, `amount_refunded` those that the processor accepted.
    Only `RefundableStore` changes the two and `dispute_state`: evidence about the payment never does.

    `payer` is who paid, sealed (`payers.py`), or `ERASED`.
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
    return_url: str | None = None
    capture_method: CaptureMethod = CaptureMethod.AUTOMATIC
    attempts: tuple[Attempt, ...] = ()
    review: tuple[ReviewReason, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    razorpay_data: Mapping[str, Any] = field(default_factory=dict)
    checks: int = 0
    version: int = 1
    refunds_reserved: int = 0
    amount_refunded: int = 0
    dispute_state: DisputeState | None = None
    link: LinkVisit | None = None
    payer: str | None = field(default=None, repr=False)

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
    def amount_refundable(self) -> int:
        """Return what may still be given back, in minor units."""
        if self.dispute_state in NO_REFUND_WHILE:
            return 0
        return max(0, self.amount_captured - self.refunds_reserved)

    @property
    def shown_status(self) -> ShownStatus:
        """Return the status to show: refunded and partially refunded are derived from the counters (D3)."""
        match self.status:
            case PaymentStatus.COMPLETED if self.amount_refunded >= self.money.minor:
                return ShownStatus.REFUNDED
            case PaymentStatus.COMPLETED if self.amount_refunded:
                return ShownStatus.PARTIALLY_REFUNDED
            case PaymentStatus.AUTHORIZED if self.primary is not None and self.primary.has_lapsed:
                return ShownStatus.REFUNDED
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


class SuspenseState(StrEnum):
    """Where money in suspense stands."""

    OPEN = "open"
    PLACED = "placed"
    RETURNED = "returned"


SUSPENSE_TRANSITIONS = Transitions(
    {
        SuspenseState.OPEN: frozenset({SuspenseState.PLACED, SuspenseState.RETURNED}),
        # A refund may fail days after it was accepted (C9): then the money is here again.
        SuspenseState.PLACED: frozenset({SuspenseState.OPEN}),
        SuspenseState.RETURNED: frozenset({SuspenseState.OPEN}),
    }
)


@dataclass(frozen=True, slots=True)
class SuspenseFact:
    """One fact of a suspense entry's life, in the order in which we learnt it."""

    at: datetime
    event: str
    state: SuspenseState


@dataclass(frozen=True, slots=True)
class SuspenseEntry:
    """Money in suspense as it is kept, with what became of it. Amounts are minor units of its currency.

    The counters mean what a payment's mean; `amount_placed` is what an admin gave to the merchant, with
    `placed_payment_id` naming the payment it was meant for, if there is one.
    """

    id: str
    scope: Scope
    held: Suspense
    state: SuspenseState = SuspenseState.OPEN
    refunds_reserved: int = 0
    amount_refunded: int = 0
    amount_placed: int = 0
    placed_payment_id: str | None = None
    history: tuple[SuspenseFact, ...] = ()
    version: int = 1

    @property
    def rest(self) -> int:
        """Return what is neither placed nor on its way back, in minor units."""
        return max(0, self.held.amount.minor - self.amount_placed - self.refunds_reserved)
