"""Disputes as values, and the order of their states."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.gateways.contest import EvidenceKind
from app.kit.money import Money
from app.kit.scope import Scope
from app.kit.transitions import Transitions


class DisputeStatus(StrEnum):
    """Where a dispute stands.

    `under_review` may fall back to `open` when the bank wants more, and a dispute that was won may be reopened by the
    bank: only what the processor says when it is asked moves a dispute back.
    """

    OPEN = "open"
    UNDER_REVIEW = "under_review"
    CLOSED = "closed"
    WON = "won"
    LOST = "lost"


OPEN = frozenset({DisputeStatus.OPEN, DisputeStatus.UNDER_REVIEW})
"""While a dispute is in one of these, the customer may get the money back by it."""

_ENDS = frozenset({DisputeStatus.CLOSED, DisputeStatus.WON, DisputeStatus.LOST})

TRANSITIONS = Transitions(
    {
        DisputeStatus.OPEN: frozenset({DisputeStatus.UNDER_REVIEW}) | _ENDS,
        DisputeStatus.UNDER_REVIEW: frozenset({DisputeStatus.OPEN}) | _ENDS,
        DisputeStatus.CLOSED: frozenset({DisputeStatus.OPEN, DisputeStatus.UNDER_REVIEW}),
        DisputeStatus.WON: frozenset({DisputeStatus.OPEN, DisputeStatus.UNDER_REVIEW, DisputeStatus.LOST}),
        DisputeStatus.LOST: frozenset({DisputeStatus.WON}),
    }
)

"""The moves that the processor documents. It is believed in any other too, and a human looks at it."""

RANK: Mapping[DisputeStatus, int] = {status: rank for rank, status in enumerate(DisputeStatus)}
"""News that nobody asked for moves a dispute only up in this order; an old message can't reopen it (B6)."""


class Source(StrEnum):
    """Who told us about a dispute."""

    WEBHOOK = "webhook"
    """News that came by itself: it may be old."""

    LIST = "list"
    """A list of the processor: it trails by minutes."""

    POLL = "poll"
    ANSWER = "answer"
    """What the processor said when it was asked: the present."""

    API = "api"

    @property
    def is_present(self) -> bool:
        """Tell whether what this source says is how it is now."""
        return self in {Source.POLL, Source.ANSWER}


class ReviewReason(StrEnum):
    """Why a human should look at a dispute."""

    CONTRADICTORY_AMOUNT = "contradictory_amount"
    UNRECOGNIZED_STATUS = "unrecognized_status"
    UNEXPECTED_MOVE = "unexpected_move"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One fact of a dispute's life, in the order in which we learnt it."""

    at: datetime
    event: str
    status: DisputeStatus
    source: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A document that the processor has, under its id there; `kind` is what it is to prove, where that was said."""

    id: str
    name: str
    mime: str
    size_bytes: int
    kind: EvidenceKind | None
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute with everything known of it.

    Attributes:
        gateway_dispute_id: the processor's id of it.
        gateway_payment_id: the processor's payment whose money is asked back.
        payment_id: our payment.
        money: what is asked back.
        amount_deducted: what the processor took for it, in minor units: nothing until it is lost.
        phase: how far the banks have taken it, such as `chargeback`.
        reason_code: the bank's reason, such as `1062`.
        respond_by: until when evidence is taken.
        answered: the last answer that the merchant gave here (`accepted`, `contested`), if they did.
        summary: what the merchant wrote last, as a draft or for good.
        evidence: the documents that were added here.
    """

    id: str
    scope: Scope
    gateway_dispute_id: str
    gateway_payment_id: str
    payment_id: str
    money: Money
    status: DisputeStatus
    opened_at: datetime
    created_at: datetime
    updated_at: datetime
    amount_deducted: int = 0
    phase: str | None = None
    reason_code: str | None = None
    respond_by: datetime | None = None
    answered: str | None = None
    summary: str | None = None
    evidence: tuple[Evidence, ...] = ()
    review: tuple[ReviewReason, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    razorpay_data: Mapping[str, Any] = field(default_factory=dict)
    checks: int = 0
    version: int = 1

    @property
    def is_over(self) -> bool:
        """Tell whether nothing is asked of the merchant any more."""
        return self.status in _ENDS
