"""Refunds as values, the table of their states, and what each holds of its payment's counters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from app.gateways.port import RefundSpeed
from app.kit.money import Money
from app.kit.scope import Scope
from app.kit.transitions import Transitions


class RefundStatus(StrEnum):
    """Where a refund stands.

    `requested` is ours, perhaps sent: unknown is requested. `pending` was accepted by the processor. `processed` is not
    final: a bank may send the money back days later. `cancelled` was never sent.
    """

    REQUESTED = "requested"
    CANCELLED = "cancelled"
    PENDING = "pending"
    PROCESSED = "processed"
    FAILED = "failed"


TRANSITIONS = Transitions(
    {
        RefundStatus.REQUESTED: frozenset(
            {RefundStatus.CANCELLED, RefundStatus.PENDING, RefundStatus.PROCESSED, RefundStatus.FAILED}
        ),
        RefundStatus.CANCELLED: frozenset(),
        RefundStatus.PENDING: frozenset({RefundStatus.PROCESSED, RefundStatus.FAILED}),
        RefundStatus.PROCESSED: frozenset({RefundStatus.FAILED}),
        RefundStatus.FAILED: frozenset(),
    }
)

RANK: Mapping[RefundStatus, int] = {status: rank for rank, status in enumerate(RefundStatus)}
"""Invariant I5: no move lowers this number; a test holds the table against it."""


class Origin(StrEnum):
    """Who wanted the money to go back."""

    API = "api"
    """The merchant, through us."""

    PROCESSOR = "processor"
    """Somebody at the processor's own dashboard, or the processor itself (C10)."""

    SURPLUS = "surplus"
    """The house: captured money that is no payment's and that the merchant wants returned."""


class Source(StrEnum):
    """Who told us about a refund."""

    API = "api"
    SEND = "send"
    WEBHOOK = "webhook"
    POLL = "poll"
    LIST = "list"


class ReviewReason(StrEnum):
    """Why a human should look at a refund."""

    CONTRADICTORY_AMOUNT = "contradictory_amount"
    UNRECOGNIZED_STATUS = "unrecognized_status"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One fact of a refund's life, in the order in which we learnt it."""

    at: datetime
    event: str
    status: RefundStatus
    source: str


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund with everything known of it.

    Attributes:
        payment_id: our payment.
        gateway_payment_id: the processor's payment, the attempt whose money goes back.
        suspense_id: the entry that the money is in, when it is no payment's.
        from_suspense: how much of it, in minor units, was nobody's money; the rest was the merchant's.
        money: what goes back; it never changes.
        gateway_refund_id: the processor's id of it: proof that the processor has it.
        reference: the number by which the customer's bank finds the money.
        failure: why it failed, in machine words.
        request_key: the client's Idempotency-Key; it stays with the refund however that ends (ADR 0025).
        fingerprint: of the request under that key.
        body: the exact bytes that are sent, each time (C6).
        sends: how often they may have left the house; `sent_at` is the last time, `sent_before` the last time but
            one, both without those that certainly came to nothing.
    """

    id: str
    scope: Scope
    payment_id: str
    gateway_payment_id: str
    money: Money
    status: RefundStatus
    origin: Origin
    created_at: datetime
    updated_at: datetime
    suspense_id: str | None = None
    from_suspense: int = 0
    speed: RefundSpeed = RefundSpeed.NORMAL
    speed_processed: str | None = None
    reason: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    gateway_refund_id: str | None = None
    reference: str | None = None
    failure: str | None = None
    review: tuple[ReviewReason, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    razorpay_data: Mapping[str, Any] = field(default_factory=dict)
    request_key: str | None = None
    fingerprint: str | None = None
    body: bytes | None = None
    sends: int = 0
    sent_at: datetime | None = None
    sent_before: datetime | None = None
    checks: int = 0
    version: int = 1

    @property
    def is_refused(self) -> bool:
        """Tell whether it failed because the processor refused it, and so has never had it."""
        return self.status is RefundStatus.FAILED and self.gateway_refund_id is None

    @property
    def is_accepted(self) -> bool:
        """Tell whether the processor has taken it on and has not given it up."""
        return self.status in {RefundStatus.PENDING, RefundStatus.PROCESSED}

    @property
    def holding(self) -> "Holding":
        """Return what this refund has its share of in the counters of the captured money (I10)."""
        amount = self.money.minor
        match self.status:
            case RefundStatus.REQUESTED:
                return Holding(reserved=amount, refunded=0)
            case RefundStatus.PENDING | RefundStatus.PROCESSED:
                return Holding(reserved=amount, refunded=amount)
            case RefundStatus.CANCELLED | RefundStatus.FAILED:
                return NOTHING
            case _:
                assert_never(self.status)


@dataclass(frozen=True, slots=True)
class Holding:
    """A share of the counters, in minor units: what can't be given back a second time, and what went back."""

    reserved: int
    refunded: int


NOTHING = Holding(reserved=0, refunded=0)
