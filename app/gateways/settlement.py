"""Settlements in our words: what the processor pays to the merchant's bank, and what each is made of."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.kit.money import Money


class GatewaySettlementStatus(StrEnum):
    """What the processor says of a settlement."""

    CREATED = "created"
    PROCESSED = "processed"
    FAILED = "failed"
    UNRECOGNIZED = "unrecognized"


@dataclass(frozen=True, slots=True)
class GatewaySettlement:
    """A settlement as the processor described it at one moment.

    `amount` is what reaches the bank; None when the processor's numbers make no sense (R7). `fees` is what it says it
    charged beside, `tax` included: nothing for an ordinary settlement. `utr` is the number by which a bank finds it.
    """

    id: str
    amount: Money | None
    fees: int
    tax: int
    status: GatewaySettlementStatus
    utr: str | None
    created_at: datetime
    raw: dict[str, Any] = field(default_factory=dict)


class RowKind(StrEnum):
    """What a line of a settlement is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"
    TRANSFER = "transfer"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class SettlementRow:
    """One line of the processor's report on what it settled.

    Amounts are in minor units of `currency`, the currency of the settlement. `credit` is what the line adds to the
    settlement, `debit` what it takes away; `amount` is what the payment or refund was for, and `fee` (with `tax`) what
    the processor kept of it. `entity_id` is the processor's id of the payment, refund or other thing. What is not
    settled yet has no `settlement_id`.
    """

    entity_id: str
    kind: RowKind
    settlement_id: str | None
    credit: int
    debit: int
    amount: int
    fee: int
    tax: int
    currency: str
    created_at: datetime
    settled_at: datetime | None
    payment_id: str | None = None
    dispute_id: str | None = None
    method: str | None = None
