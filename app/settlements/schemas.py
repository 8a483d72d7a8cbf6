"""What the settlements API reads and shows. Amounts are integers in minor units (paise for INR)."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from app.gateways.settlement import RowKind
from app.kit.ids import Prefix
from app.settlements.models import Agreement, Finding, Line, Settlement, SettlementStatus
from app.settlements.store import LineFilter, SettlementFilter
from app.web.envelope import Timestamp
from app.web.paging import PageQuery


class SettlementQuery(PageQuery):
    """Filters of the list of settlements."""

    prefix = Prefix.SETTLEMENT

    status: SettlementStatus | None = None
    agreement: Annotated[Agreement | None, Field(description="How it agrees with what is known here.")] = None

    def to_filter(self) -> SettlementFilter:
        """Return the filter for the store."""
        return SettlementFilter(status=self.status, agreement=self.agreement)


class LineQuery(PageQuery):
    """Filters of a settlement's lines."""

    prefix = Prefix.SETTLEMENT_LINE

    kind: RowKind | None = None
    has_findings: Annotated[bool, Field(description="Only lines that are not as they should be.")] = False

    def to_filter(self) -> LineFilter:
        """Return the filter for the store."""
        return LineFilter(kind=self.kind, has_findings=self.has_findings)


class TallyRead(BaseModel):
    """What the lines come to. `net` is credit less debit: the settlement's amount, when nothing is missing."""

    lines: int
    credit: int
    debit: int
    net: int
    with_findings: int
    counted_at: Timestamp


class SettlementRead(BaseModel):
    """A settlement: what the processor paid to the bank, and how its lines agree with what is known here."""

    id: str
    gateway_settlement_id: str
    status: SettlementStatus
    agreement: Agreement
    amount: int
    fees: int
    tax: int
    currency: str
    utr: Annotated[str | None, Field(description="The number by which the bank finds it.")]
    tally: TallyRead | None
    settled_at: Timestamp
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, settlement: Settlement) -> Self:
        """Show a settlement."""
        return cls(**_facts(settlement))


class LineRead(BaseModel):
    """A line of a settlement, as the processor reports it, and what of ours it is about."""

    id: str
    kind: RowKind
    entity_id: str
    credit: int
    debit: int
    amount: int
    fee: int
    tax: int
    currency: str
    method: str | None
    payment_id: str | None
    refund_id: str | None
    dispute_id: str | None
    findings: list[Finding]
    made_at: Timestamp

    @classmethod
    def of(cls, line: Line) -> Self:
        """Show a line."""
        row = line.row
        return cls(
            id=line.id,
            kind=row.kind,
            entity_id=row.entity_id,
            credit=row.credit,
            debit=row.debit,
            amount=row.amount,
            fee=row.fee,
            tax=row.tax,
            currency=row.currency,
            method=row.method,
            payment_id=line.payment_id,
            refund_id=line.refund_id,
            dispute_id=line.dispute_id,
            findings=list(line.findings),
            made_at=row.created_at,
        )


def _facts(settlement: Settlement) -> dict[str, Any]:
    tally = settlement.tally
    return {
        "id": settlement.id,
        "gateway_settlement_id": settlement.gateway_settlement_id,
        "status": settlement.status,
        "agreement": settlement.agreement,
        "amount": settlement.money.minor,
        "fees": settlement.fees,
        "tax": settlement.tax,
        "currency": settlement.money.currency,
        "utr": settlement.utr,
        "tally": None
        if tally is None
        else TallyRead(
            lines=tally.lines,
            credit=tally.credit,
            debit=tally.debit,
            net=tally.net,
            with_findings=tally.with_findings,
            counted_at=tally.counted_at,
        ),
        "settled_at": settlement.settled_at,
        "created_at": settlement.created_at,
        "updated_at": settlement.updated_at,
    }
