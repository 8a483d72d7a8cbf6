"""Settlements and their lines as values, and how the two agree with what is known here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from app.gateways.settlement import SettlementRow
from app.kit.money import Money
from app.kit.scope import Scope
from app.kit.transitions import Transitions

PATIENCE = timedelta(days=3)
"""The report trails the settlement, and a payment that was lost is found by a sweep within a day."""


class SettlementStatus(StrEnum):
    """Where a settlement stands.

    What the bank returned has failed, and its money is the processor's again; it may be tried once more and be paid.
    """

    CREATED = "created"
    PROCESSED = "processed"
    FAILED = "failed"


TRANSITIONS = Transitions(
    {
        SettlementStatus.CREATED: frozenset({SettlementStatus.PROCESSED, SettlementStatus.FAILED}),
        SettlementStatus.PROCESSED: frozenset({SettlementStatus.FAILED}),
        SettlementStatus.FAILED: frozenset({SettlementStatus.PROCESSED}),
    }
)

RANK: Mapping[SettlementStatus, int] = {status: rank for rank, status in enumerate(SettlementStatus)}
"""In which order a settlement moves, but for one that is tried again."""


class Agreement(StrEnum):
    """How a settlement agrees with what is known here."""

    PENDING = "pending"
    """None of its lines is told, and they may still come."""

    AGREED = "agreed"
    """Its lines make up its amount, and each is as it is here."""

    DIFFERS = "differs"
    """Something is otherwise, and a human should look."""


class Finding(StrEnum):
    """What is wrong with a line."""

    UNKNOWN = "unknown"
    """Money of nobody here: somebody else uses the account too, or we never heard of it."""

    NOT_BOOKED = "not_booked"
    """It is known here, but not as money that has moved: a payment without a capture, a refund that failed."""

    AMOUNT_DIFFERS = "amount_differs"
    FEE_DIFFERS = "fee_differs"
    """The processor kept another fee, or another tax on it, than it had told with the payment, or before."""

    UNEXPLAINED = "unexplained"
    """An adjustment that names no dispute, such as a refund that a bank sent back after it was settled."""

    SUM_DIFFERS = "sum_differs"
    """The line adds or takes another amount than what it is about, less its fee."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a settlement as it is kept: what the processor reports, what of ours it is, and what is wrong."""

    id: str
    scope: Scope
    settlement_id: str
    row: SettlementRow
    payment_id: str | None = None
    refund_id: str | None = None
    dispute_id: str | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """What the lines of a settlement come to: how many, their sums in minor units, and how many have findings."""

    lines: int
    credit: int
    debit: int
    with_findings: int
    counted_at: datetime

    @property
    def net(self) -> int:
        """Return what the lines say was settled."""
        return self.credit - self.debit


@dataclass(frozen=True, slots=True)
class Settlement:
    """A settlement with everything known of it.

    Attributes:
        gateway_settlement_id: the processor's id of it.
        money: what reaches the bank.
        fees: what the processor says that it charged beside, in minor units, `tax` included; it is shown, not booked.
        utr: the number by which the bank finds it.
        settled_at: when the processor made it.
        paid_at: when we heard that it was paid, the last time; None while it was not.
        tally: what its lines came to when they were last read; None before the first time.
    """

    id: str
    scope: Scope
    gateway_settlement_id: str
    money: Money
    fees: int
    tax: int
    status: SettlementStatus
    utr: str | None
    settled_at: datetime
    created_at: datetime
    updated_at: datetime
    paid_at: datetime | None = None
    tally: Tally | None = None
    razorpay_data: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1

    @property
    def may_come_right(self) -> bool:
        """Tell whether what was missing, or wrong, when its lines were last read may still be told otherwise."""
        return self.tally is None or self.tally.counted_at < (self.paid_at or self.created_at) + PATIENCE

    @property
    def agreement(self) -> Agreement:
        """Return how it agrees with what is known here; a report that stays silent differs in the end."""
        if self.tally is None or (self.tally.lines == 0 and self.may_come_right):
            return Agreement.PENDING
        is_whole = self.tally.net == self.money.minor
        return Agreement.AGREED if is_whole and not self.tally.with_findings else Agreement.DIFFERS
