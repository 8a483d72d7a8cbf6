"""Refunds and snapshots to test with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.gateways.port import GatewayRefund
from app.gateways.port import RefundStatus as Said
from app.kit.money import Money
from app.kit.scope import Mode, Scope
from app.refunds.models import HistoryEntry, Origin, Refund, RefundStatus

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SCOPE = Scope("mer_01ARZ3NDEKTSV4RRFFQ69G5FAV", Mode.TEST)
MONEY = Money(20_000, "INR")


def refund(status: RefundStatus = RefundStatus.REQUESTED, **changes: Any) -> Refund:
    """Return a refund of ours."""
    plain = Refund(
        id="ref_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        scope=SCOPE,
        payment_id="pmt_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        gateway_payment_id="pay_A",
        money=MONEY,
        status=status,
        origin=Origin.API,
        created_at=NOW,
        updated_at=NOW,
        gateway_refund_id=None if status in {RefundStatus.REQUESTED, RefundStatus.CANCELLED} else "rfnd_A",
        request_key="k-1",
        history=(HistoryEntry(at=NOW, event="refund.created", status=RefundStatus.REQUESTED, source="api"),),
    )
    return replace(plain, **changes)


def snapshot(status: Said, **changes: Any) -> GatewayRefund:
    """Return what the processor says of our refund."""
    said = GatewayRefund(
        id="rfnd_A",
        payment_id="pay_A",
        amount=MONEY,
        status=status,
        created_at=NOW + timedelta(seconds=1),
        receipt=refund().id,
        speed_requested="normal",
        speed_processed="normal",
        reference="123456789012" if status is Said.PROCESSED else None,
        raw={"id": "rfnd_A", "status": status.value},
    )
    return replace(said, **changes)
