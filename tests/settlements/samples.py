"""Settlements and their lines as the processor tells of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.gateways.settlement import GatewaySettlement, GatewaySettlementStatus, RowKind, SettlementRow
from app.kit.money import Money
from app.kit.scope import Mode, Scope
from app.settlements.models import Finding, Line, Settlement, SettlementStatus, Tally

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCOPE = Scope("mer_1", Mode.TEST)
AMOUNT, FEE, TAX = 50_000, 1_180, 180


def said(status: str = "processed", *, amount: int | None = AMOUNT, **fields: object) -> GatewaySettlement:
    facts = {"fees": 0, "tax": 0, "utr": "1568176960vxp0rj", "created_at": NOW, "raw": {"status": status}} | fields
    money = Money(amount, "INR") if amount is not None else None
    return GatewaySettlement(id="setl_1", amount=money, status=GatewaySettlementStatus(status), **facts)  # type: ignore[arg-type]


def settlement(status: SettlementStatus = SettlementStatus.PROCESSED, **fields: object) -> Settlement:
    made = Settlement(
        id="stl_1",
        scope=SCOPE,
        gateway_settlement_id="setl_1",
        money=Money(AMOUNT, "INR"),
        fees=0,
        tax=0,
        status=status,
        utr=None,
        settled_at=NOW,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def tally(net: int = AMOUNT, *, lines: int = 3, with_findings: int = 0, waited: timedelta = timedelta(0)) -> Tally:
    return Tally(lines=lines, credit=net + 700, debit=700, with_findings=with_findings, counted_at=NOW + waited)


def row(kind: RowKind = RowKind.PAYMENT, **fields: object) -> SettlementRow:
    """Return the line of a payment of ₹500.00, of its whole refund, or of a lost dispute about it."""
    is_payment = kind is RowKind.PAYMENT
    made = SettlementRow(
        entity_id={RowKind.PAYMENT: "pay_1", RowKind.REFUND: "rfnd_1"}.get(kind, "adj_1"),
        kind=kind,
        settlement_id="setl_1",
        credit=AMOUNT - FEE if is_payment else 0,
        debit=0 if is_payment else AMOUNT,
        amount=AMOUNT,
        fee=FEE if is_payment else 0,
        tax=TAX if is_payment else 0,
        currency="INR",
        created_at=NOW,
        settled_at=NOW,
        dispute_id="disp_1" if kind is RowKind.ADJUSTMENT else None,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def line(told: SettlementRow, *findings: Finding, **fields: object) -> Line:
    """Return a line as it is kept."""
    made = Line(id="stn_1", scope=SCOPE, settlement_id="stl_1", row=told, findings=findings)
    return replace(made, **fields)  # type: ignore[arg-type]
