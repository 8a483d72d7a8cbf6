"""Settlements and their lines as MongoDB documents and back; amounts are 64-bit integers."""

from bson.int64 import Int64

from app.database import Document
from app.gateways.settlement import RowKind, SettlementRow
from app.kit.money import Money
from app.kit.scope import Mode, Scope
from app.settlements.models import Finding, Line, Settlement, SettlementStatus, Tally


def settlement_to_document(settlement: Settlement) -> Document:
    """Return the whole document of a new settlement."""
    return {
        "_id": settlement.id,
        "tenant": settlement.scope.tenant,
        "mode": settlement.scope.mode.value,
        "gateway_settlement_id": settlement.gateway_settlement_id,
        "settled_at": settlement.settled_at,
        "created_at": settlement.created_at,
        **mutable_part(settlement),
    }


def mutable_part(settlement: Settlement) -> Document:
    """Return the fields that news may change, as one update sets them."""
    tally = settlement.tally
    return {
        "amount": Int64(settlement.money.minor),
        "currency": settlement.money.currency,
        "fees": Int64(settlement.fees),
        "tax": Int64(settlement.tax),
        "status": settlement.status.value,
        "agreement": settlement.agreement.value,
        "utr": settlement.utr,
        "paid_at": settlement.paid_at,
        "tally": None
        if tally is None
        else {
            "lines": tally.lines,
            "credit": Int64(tally.credit),
            "debit": Int64(tally.debit),
            "with_findings": tally.with_findings,
            "counted_at": tally.counted_at,
        },
        "razorpay_data": dict(settlement.razorpay_data),
        "updated_at": settlement.updated_at,
        "version": settlement.version,
    }


def settlement_from_document(document: Document) -> Settlement:
    """Return the settlement that a document describes."""
    tally = document["tally"]
    return Settlement(
        id=document["_id"],
        scope=_scope(document),
        gateway_settlement_id=document["gateway_settlement_id"],
        money=Money(int(document["amount"]), document["currency"]),
        fees=int(document["fees"]),
        tax=int(document["tax"]),
        paid_at=document.get("paid_at"),
        status=SettlementStatus(document["status"]),
        utr=document["utr"],
        settled_at=document["settled_at"],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        tally=None
        if tally is None
        else Tally(
            lines=tally["lines"],
            credit=int(tally["credit"]),
            debit=int(tally["debit"]),
            with_findings=tally["with_findings"],
            counted_at=tally["counted_at"],
        ),
        razorpay_data=document["razorpay_data"],
        version=document["version"],
    )


def line_to_document(line: Line) -> Document:
    """Return what is kept of a line, without its id and what identifies it."""
    row = line.row
    return {
        "credit": Int64(row.credit),
        "debit": Int64(row.debit),
        "amount": Int64(row.amount),
        "fee": Int64(row.fee),
        "tax": Int64(row.tax),
        "currency": row.currency,
        "gateway_payment_id": row.payment_id,
        "gateway_dispute_id": row.dispute_id,
        "method": row.method,
        "made_at": row.created_at,
        "settled_at": row.settled_at,
        "payment_id": line.payment_id,
        "refund_id": line.refund_id,
        "dispute_id": line.dispute_id,
        "findings": [finding.value for finding in line.findings],
    }


def line_from_document(document: Document) -> Line:
    """Return the line that a document describes."""
    row = SettlementRow(
        entity_id=document["entity_id"],
        kind=RowKind(document["kind"]),
        settlement_id=document["gateway_settlement_id"],
        credit=int(document["credit"]),
        debit=int(document["debit"]),
        amount=int(document["amount"]),
        fee=int(document["fee"]),
        tax=int(document["tax"]),
        currency=document["currency"],
        created_at=document["made_at"],
        settled_at=document["settled_at"],
        payment_id=document["gateway_payment_id"],
        dispute_id=document["gateway_dispute_id"],
        method=document["method"],
    )
    return Line(
        id=document["_id"],
        scope=_scope(document),
        settlement_id=document["settlement_id"],
        row=row,
        payment_id=document["payment_id"],
        refund_id=document["refund_id"],
        dispute_id=document["dispute_id"],
        findings=tuple(Finding(word) for word in document["findings"]),
    )


def _scope(document: Document) -> Scope:
    return Scope(tenant=document["tenant"], mode=Mode(document["mode"]))
