"""Refunds as MongoDB documents and back; amounts are 64-bit integers."""

from bson.binary import Binary
from bson.int64 import Int64

from app.database import Document
from app.gateways.port import RefundSpeed
from app.kit.money import Money
from app.kit.scope import Mode, Scope
from app.refunds.models import HistoryEntry, Origin, Refund, RefundStatus, ReviewReason


def refund_to_document(refund: Refund) -> Document:
    """Return the whole document of a new refund, with nobody sending it."""
    return {
        "_id": refund.id,
        "tenant": refund.scope.tenant,
        "mode": refund.scope.mode.value,
        "payment_id": refund.payment_id,
        "gateway_payment_id": refund.gateway_payment_id,
        "suspense_id": refund.suspense_id,
        "from_suspense": Int64(refund.from_suspense),
        "amount": Int64(refund.money.minor),
        "currency": refund.money.currency,
        "origin": refund.origin.value,
        "speed": refund.speed.value,
        "reason": refund.reason,
        "metadata": dict(refund.metadata),
        "fingerprint": refund.fingerprint,
        "body": None if refund.body is None else Binary(refund.body),
        "sends": refund.sends,
        "sent_at": refund.sent_at,
        "sent_before": refund.sent_before,
        "owner": None,
        "leased_until": None,
        "checks": refund.checks,
        "created_at": refund.created_at,
        **mutable_part(refund),
        "history": [history_to_document(entry) for entry in refund.history],
    }


def mutable_part(refund: Refund) -> Document:
    """Return the fields that a change may touch, as one update sets them."""
    return {
        "status": refund.status.value,
        "gateway_refund_id": refund.gateway_refund_id,
        "speed_processed": refund.speed_processed,
        "reference": refund.reference,
        "failure": refund.failure,
        "review": [reason.value for reason in refund.review],
        "request_key": refund.request_key,
        "razorpay_data": dict(refund.razorpay_data),
        "updated_at": refund.updated_at,
        "version": refund.version,
    }


def history_to_document(entry: HistoryEntry) -> Document:
    """Return one history entry as stored."""
    return {"at": entry.at, "event": entry.event, "status": entry.status.value, "source": entry.source}


def refund_from_document(document: Document) -> Refund:
    """Return the refund that a document describes."""
    body = document["body"]
    return Refund(
        id=document["_id"],
        scope=Scope(tenant=document["tenant"], mode=Mode(document["mode"])),
        payment_id=document["payment_id"],
        gateway_payment_id=document["gateway_payment_id"],
        money=Money(int(document["amount"]), document["currency"]),
        status=RefundStatus(document["status"]),
        origin=Origin(document["origin"]),
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        suspense_id=document["suspense_id"],
        from_suspense=int(document["from_suspense"]),
        speed=RefundSpeed(document["speed"]),
        speed_processed=document["speed_processed"],
        reason=document["reason"],
        metadata=document["metadata"],
        gateway_refund_id=document["gateway_refund_id"],
        reference=document["reference"],
        failure=document["failure"],
        review=tuple(ReviewReason(reason) for reason in document["review"]),
        history=tuple(_history_from_document(entry) for entry in document["history"]),
        razorpay_data=document["razorpay_data"],
        request_key=document["request_key"],
        fingerprint=document["fingerprint"],
        body=None if body is None else bytes(body),
        sends=document["sends"],
        sent_at=document["sent_at"],
        sent_before=document["sent_before"],
        checks=document["checks"],
        version=document["version"],
    )


def _history_from_document(document: Document) -> HistoryEntry:
    return HistoryEntry(
        at=document["at"],
        event=document["event"],
        status=RefundStatus(document["status"]),
        source=document["source"],
    )
