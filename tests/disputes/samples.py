"""Disputes as the processor tells of them."""

from datetime import UTC, datetime, timedelta

from app.disputes.evidence import opened
from app.disputes.models import Dispute, Source
from app.gateways.port import DisputeStatus, GatewayDispute
from app.kit.money import Money
from app.kit.scope import Mode, Scope

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCOPE = Scope("mer_1", Mode.TEST)
AMOUNT = 50_000


def said(status: str = "open", *, deducted: int = 0, amount: int | None = AMOUNT, **fields) -> GatewayDispute:
    money = Money(amount, "INR") if amount is not None else None
    facts = {
        "phase": "chargeback",
        "reason_code": "1062",
        "respond_by": NOW + timedelta(days=7),
        "raw": {"status": status},
    }
    return GatewayDispute(
        id="disp_1",
        payment_id="pay_1",
        amount=money,
        amount_deducted=deducted,
        status=DisputeStatus(status),
        created_at=NOW,
        **(facts | fields),
    )


def dispute(first: GatewayDispute | None = None, *, payment_id: str = "pmt_1") -> Dispute:
    made = opened(SCOPE, first or said(), dispute_id="dsp_1", payment_id=payment_id, source=Source.WEBHOOK, at=NOW)
    assert made is not None
    return made
