"""Settlements, the rows that they are the sum of, and how each is written (razorpay.md section 8)."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from razorpay_simulator.entities import Card, Order, Payment


class SettlementStatus(StrEnum):
    """How far a settlement got: it is made `processed`; one that the bank sends back is `failed` after that."""

    PROCESSED = "processed"
    FAILED = "failed"


class RowType(StrEnum):
    """What moved the money of a row."""

    PAYMENT = "payment"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a row repeats of its payment, as that was when the row was made."""

    order_id: str | None = None
    order_receipt: str | None = None
    method: str | None = None
    card_network: str | None = None
    card_issuer: str | None = None
    card_type: str | None = None

    @classmethod
    def of(cls, payment: Payment, order: Order | None, card: Card | None) -> "Origin":
        """Return what a row says of this payment."""
        return cls(
            order_id=payment.order_id,
            order_receipt=order.receipt if order else None,
            method=payment.method,
            card_network=card.network if card else None,
            card_issuer=card.issuer if card and not card.is_international else None,
            card_type=card.type if card else None,
        )


@dataclass(slots=True, kw_only=True, eq=False)
class Row:
    """Money that one settlement brings or takes: it waits first, then it is settled.

    Args:
        entity_id: the payment, the refund, or an adjustment of its own.
        type: which of them.
        amount: what moved; a payment brings it without the fee, a refund takes it with the fee.
        is_credit: whether the merchant gets it.
        created_at: when the payment, refund or adjustment was made.
        of_payment: the payment whose money it is; the wire shows it for refunds only.
        due: when it may be settled.
        fee: what the processor keeps beside, with the tax.
        tax: the part of the fee that is tax.
        is_on_hold: whether it must wait although it is due.
        is_missing: a fault: it counts, and no list shows it.
        settlement: the one that it is part of, None while it waits.
    """

    entity_id: str
    type: RowType
    amount: int
    is_credit: bool
    created_at: int
    of_payment: str
    due: float
    fee: int = 0
    tax: int = 0
    description: str | None = None
    notes: dict[str, str] = field(default_factory=dict)
    dispute_id: str | None = None
    origin: Origin = field(default_factory=Origin)
    is_on_hold: bool = False
    is_missing: bool = False
    settlement: "Settlement | None" = field(default=None, repr=False)

    @property
    def credit(self) -> int:
        """Return what the merchant gets."""
        return self.amount - self.fee if self.is_credit else 0

    @property
    def debit(self) -> int:
        """Return what the merchant gives."""
        return 0 if self.is_credit else self.amount + self.fee

    @property
    def born(self) -> float:
        """Return the exact Unix time since which lists show the row; what waits is in none."""
        return float("inf") if self.settlement is None else self.settlement.listed_from

    def to_wire(self) -> dict[str, Any]:
        """Return the row as the API writes it: there is no `entity`, and an adjustment says less, as in the samples."""
        settled = self.settlement
        is_adjustment = self.type is RowType.ADJUSTMENT
        return {
            "entity_id": self.entity_id,
            "type": self.type.value,
            "debit": self.debit,
            "credit": self.credit,
            "amount": self.amount,
            "currency": "INR",
            "fee": self.fee,
            "tax": self.tax,
            "on_hold": self.is_on_hold,
            "settled": settled is not None,
            "created_at": self.created_at,
            "settled_at": settled.created_at if settled else None,
            "settlement_id": settled.id if settled else None,
            "posted_at": None,
            **({} if is_adjustment else {"credit_type": "default"}),
            "description": self.description,
            "notes": dict(self.notes) or None,
            "payment_id": self.of_payment if self.type is RowType.REFUND else None,
            "settlement_utr": settled.utr if settled and not is_adjustment else None,
            "order_id": self.origin.order_id,
            "order_receipt": self.origin.order_receipt,
            "method": self.origin.method,
            "card_network": self.origin.card_network,
            "card_issuer": self.origin.card_issuer,
            "card_type": self.origin.card_type,
            "dispute_id": self.dispute_id,
        }


@dataclass(slots=True, kw_only=True, eq=False)
class Settlement:
    """Money on its way to the merchant's bank.

    Args:
        amount: what the bank gets, in paise.
        listed_from: since when the reconciliation lists its rows; later than `born` when that is late.
        rows: what it is the sum of; none any more once it failed.
    """

    id: str
    amount: int
    utr: str
    created_at: int
    born: float
    listed_from: float
    status: SettlementStatus = SettlementStatus.PROCESSED
    rows: list[Row] = field(default_factory=list, repr=False)

    def to_wire(self) -> dict[str, Any]:
        """Return the settlement as the API writes it; its fees were taken from the payments already."""
        return {
            "id": self.id,
            "entity": "settlement",
            "amount": self.amount,
            "status": self.status.value,
            "fees": 0,
            "tax": 0,
            "utr": self.utr,
            "created_at": self.created_at,
        }


@dataclass(slots=True)
class SettlementBook:
    """An account's settlements, and what waits for the next one, by the id of what moved the money."""

    waiting: dict[str, Row] = field(default_factory=dict)
    settlements: dict[str, Settlement] = field(default_factory=dict)
    slots: set[float] = field(default_factory=set)
    """The moments for which settling is planned, so that a thousand payments of one day plan it once."""
