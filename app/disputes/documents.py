"""Disputes as MongoDB documents and back; amounts are 64-bit integers."""

from bson.int64 import Int64

from app.database import Document, known_to
from app.disputes.models import Dispute, DisputeStatus, Evidence, HistoryEntry, ReviewReason
from app.gateways.contest import EvidenceKind
from app.kit.money import Money
from app.kit.scope import Mode, Scope


def dispute_to_document(dispute: Dispute) -> Document:
    """Return the whole document of a new dispute."""
    return {
        "_id": dispute.id,
        "tenant": dispute.scope.tenant,
        "mode": dispute.scope.mode.value,
        "gateway_dispute_id": dispute.gateway_dispute_id,
        "gateway_payment_id": dispute.gateway_payment_id,
        "payment_id": dispute.payment_id,
        "amount": Int64(dispute.money.minor),
        "currency": dispute.money.currency,
        "opened_at": dispute.opened_at,
        "created_at": dispute.created_at,
        "checks": dispute.checks,
        "history": [history_to_document(entry) for entry in dispute.history],
        **mutable_part(dispute),
    }


def mutable_part(dispute: Dispute) -> Document:
    """Return the fields that news may change, as one update sets them."""
    return {
        "status": dispute.status.value,
        "amount_deducted": Int64(dispute.amount_deducted),
        "phase": dispute.phase,
        "reason_code": dispute.reason_code,
        "respond_by": dispute.respond_by,
        "answered": dispute.answered,
        "summary": dispute.summary,
        "evidence": [_evidence_to_document(one) for one in dispute.evidence],
        "review": [reason.value for reason in dispute.review],
        "razorpay_data": dict(dispute.razorpay_data),
        "updated_at": dispute.updated_at,
        "version": dispute.version,
    }


def history_to_document(entry: HistoryEntry) -> Document:
    """Return one history entry as stored."""
    return {"at": entry.at, "event": entry.event, "status": entry.status.value, "source": entry.source}


def dispute_from_document(document: Document) -> Dispute:
    """Return the dispute that a document describes."""
    return Dispute(
        id=document["_id"],
        scope=Scope(tenant=document["tenant"], mode=Mode(document["mode"])),
        gateway_dispute_id=document["gateway_dispute_id"],
        gateway_payment_id=document["gateway_payment_id"],
        payment_id=document["payment_id"],
        money=Money(int(document["amount"]), document["currency"]),
        status=DisputeStatus(document["status"]),
        opened_at=document["opened_at"],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        amount_deducted=int(document["amount_deducted"]),
        phase=document["phase"],
        reason_code=document["reason_code"],
        respond_by=document["respond_by"],
        answered=document["answered"],
        summary=document.get("summary"),
        evidence=tuple(_evidence_from_document(one) for one in document.get("evidence", ())),
        review=tuple(ReviewReason(reason) for reason in document["review"]),
        history=tuple(_history_from_document(entry) for entry in document["history"]),
        razorpay_data=document["razorpay_data"],
        checks=document["checks"],
        version=document["version"],
    )


def _evidence_to_document(one: Evidence) -> Document:
    return {
        "id": one.id,
        "name": one.name,
        "mime": one.mime,
        "size_bytes": one.size_bytes,
        "kind": None if one.kind is None else one.kind.value,
        "added_at": one.added_at,
    }


def _evidence_from_document(document: Document) -> Evidence:
    kind = document["kind"]
    return Evidence(**{**known_to(Evidence, document), "kind": None if kind is None else EvidenceKind(kind)})


def _history_from_document(document: Document) -> HistoryEntry:
    return HistoryEntry(
        at=document["at"],
        event=document["event"],
        status=DisputeStatus(document["status"]),
        source=document["source"],
    )
