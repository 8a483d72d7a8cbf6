"""Settlements and the lines of the report on them: their shapes to our nouns."""

from datetime import datetime
from typing import Any

from app.gateways.razorpay.translate.reading import at, known_words, moment, present, to_money, to_shape
from app.gateways.razorpay.wire import CONTRADICTION, SettlementRowShape, SettlementShape
from app.gateways.settlement import GatewaySettlement, GatewaySettlementStatus, RowKind, SettlementRow

SETTLED_IN = "INR"
"""Razorpay pays to Indian bank accounts, and a settlement names no currency."""

_STATUSES = known_words(GatewaySettlementStatus)
_KINDS = known_words(RowKind)


def to_settlement(body: Any, *, seen_at: datetime) -> GatewaySettlement:
    """Return a settlement.

    Args:
        body: the settlement entity.
        seen_at: when we heard of it; stands in for a missing or senseless `created_at`.

    Raises:
        Unreadable: it has no id or no amount.
    """
    shape = to_shape(SettlementShape, body)
    fees, tax = shape.fees or 0, shape.tax or 0
    is_sound = CONTRADICTION not in (fees, tax) and tax <= fees
    return GatewaySettlement(
        id=shape.id,
        amount=to_money(shape.amount or None, SETTLED_IN) if is_sound else None,
        fees=fees if is_sound else 0,
        tax=tax if is_sound else 0,
        status=_STATUSES.get(shape.status or "", GatewaySettlementStatus.UNRECOGNIZED),
        utr=shape.utr,
        created_at=moment(shape.created_at, otherwise=seen_at),
        raw=present(
            id=shape.id,
            amount=shape.amount,
            fees=shape.fees,
            tax=shape.tax,
            status=shape.status,
            utr=shape.utr,
            created_at=shape.created_at,
        ),
    )


def to_settlement_row(body: Any, *, seen_at: datetime) -> SettlementRow:
    """Return a line of the report; of what it says only ids, words and numbers are read, nothing personal.

    Raises:
        Unreadable: an id or a number is missing, or makes no sense.
    """
    shape = to_shape(SettlementRowShape, body)
    return SettlementRow(
        entity_id=shape.entity_id,
        kind=_KINDS.get(shape.type or "", RowKind.OTHER),
        settlement_id=shape.settlement_id,
        credit=shape.credit,
        debit=shape.debit,
        amount=shape.amount,
        fee=shape.fee or 0,
        tax=shape.tax or 0,
        currency=shape.currency,
        created_at=moment(shape.created_at, otherwise=seen_at),
        settled_at=at(shape.settled_at) if shape.settled_at is not None else None,
        payment_id=shape.payment_id,
        dispute_id=shape.dispute_id,
        method=shape.method,
    )
