"""Payments as MongoDB documents and back. The seed's field names stay; amounts are 64-bit integers."""

from typing import Any

from bson.int64 import Int64

from app.database import Document, known_to
from app.gateways.port import AttemptStatus, CaptureMethod, Failure
from app.kit.money import Money
from app.kit.scope import Mode, Scope
from app.payments.models import (
    Attempt,
    DisputeState,
    HistoryEntry,
    LinkVisit,
    OrderState,
    Part,
    Payment,
    PaymentStatus,
    ReviewReason,
    Suspense,
    SuspenseEntry,
    SuspenseFact,
    SuspenseState,
)


def payment_to_document(payment: Payment) -> Document:
    """Return the whole document of a new payment, without its idempotency part."""
    return {
        "_id": payment.id,
        "tenant": payment.scope.tenant,
        "mode": payment.scope.mode.value,
        "user_id": payment.user_id,
        "key_id": payment.key_id,
        "amount": Int64(payment.money.minor),
        "currency": payment.money.currency,
        "description": payment.description,
        "reference": payment.reference,
        "metadata": dict(payment.metadata),
        "return_url": payment.return_url,
        "capture_method": payment.capture_method.value,
        "order_id": payment.order_id,
        "order_state": payment.order_state.value,
        "expires_at": payment.expires_at,
        "created_at": payment.created_at,
        "checks": payment.checks,
        "refunds_reserved": Int64(payment.refunds_reserved),
        "amount_refunded": Int64(payment.amount_refunded),
        "dispute_state": _word(payment.dispute_state),
        **_link_to_document(payment.link),
        **mutable_part(payment),
        "history": [history_to_document(entry) for entry in payment.history],
    }


def mutable_part(payment: Payment) -> Document:
    """Return the fields that evidence may change, as one update sets them; the refunds' counters are not among them."""
    primary = payment.primary
    return {
        "status": payment.status.value,
        "payment_id": primary.id if primary else None,
        "amount_captured": Int64(payment.amount_captured),
        "attempts": [_attempt_to_document(attempt) for attempt in payment.attempts],
        "attempt_ids": [attempt.id for attempt in payment.attempts],
        "review": [reason.value for reason in payment.review],
        "razorpay_data": dict(payment.razorpay_data),
        **({} if payment.payer is None else {"payer": payment.payer}),
        "updated_at": payment.updated_at,
        "version": payment.version,
    }


def payment_from_document(document: Document) -> Payment:
    """Return the payment that a document describes.

    A document from before there were refunds has no counters of ours: its `amount_refunded` was the processor's word.
    """
    reserved = document.get("refunds_reserved")
    disputed = document.get("dispute_state")
    return Payment(
        id=document["_id"],
        scope=Scope(tenant=document["tenant"], mode=Mode(document["mode"])),
        money=Money(int(document["amount"]), document["currency"]),
        status=PaymentStatus(document["status"]),
        order_state=OrderState(document["order_state"]),
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        expires_at=document["expires_at"],
        user_id=document["user_id"],
        key_id=document["key_id"],
        order_id=document["order_id"],
        description=document["description"],
        reference=document["reference"],
        metadata=document["metadata"],
        return_url=document.get("return_url"),
        capture_method=CaptureMethod(document["capture_method"]),
        attempts=tuple(_attempt_from_document(attempt) for attempt in document["attempts"]),
        review=tuple(ReviewReason(reason) for reason in document["review"]),
        history=tuple(_history_from_document(entry) for entry in document["history"]),
        razorpay_data=document["razorpay_data"],
        checks=document["checks"],
        version=document["version"],
        refunds_reserved=int(reserved or 0),
        amount_refunded=0 if reserved is None else int(document["amount_refunded"]),
        dispute_state=None if disputed is None else DisputeState(disputed),
        link=_link_from_document(document),
        payer=document.get("payer"),
    )


def history_to_document(entry: HistoryEntry) -> Document:
    """Return one history entry as stored."""
    return {
        "at": entry.at,
        "event": entry.event,
        "status": entry.status.value,
        "source": entry.source,
        "attempt": entry.attempt,
    }


def suspense_to_document(entry: SuspenseEntry) -> Document:
    """Return the whole document of a new suspense entry."""
    held = entry.held
    return {
        "_id": entry.id,
        "tenant": entry.scope.tenant,
        "mode": entry.scope.mode.value,
        "gateway_payment_id": held.gateway_payment_id,
        "payment_id": held.payment_id,
        "amount": Int64(held.amount.minor),
        "currency": held.amount.currency,
        "reason": held.reason.value,
        "created_at": held.created_at,
        "state": entry.state.value,
        "refunds_reserved": Int64(entry.refunds_reserved),
        "amount_refunded": Int64(entry.amount_refunded),
        "amount_placed": Int64(entry.amount_placed),
        "placed_payment_id": entry.placed_payment_id,
        "history": [{"at": fact.at, "event": fact.event, "state": fact.state.value} for fact in entry.history],
        "version": entry.version,
    }


def suspense_from_document(document: Document) -> SuspenseEntry:
    """Return the suspense entry that a document describes; one from before there was a ledger is open."""
    return SuspenseEntry(
        id=document["_id"],
        scope=Scope(tenant=document["tenant"], mode=Mode(document["mode"])),
        held=Suspense(
            gateway_payment_id=document["gateway_payment_id"],
            payment_id=document["payment_id"],
            amount=Money(int(document["amount"]), document["currency"]),
            reason=ReviewReason(document["reason"]),
            created_at=document["created_at"],
        ),
        state=SuspenseState(document.get("state", SuspenseState.OPEN)),
        refunds_reserved=int(document.get("refunds_reserved", 0)),
        amount_refunded=int(document.get("amount_refunded", 0)),
        amount_placed=int(document.get("amount_placed", 0)),
        placed_payment_id=document.get("placed_payment_id"),
        history=tuple(
            SuspenseFact(fact["at"], fact["event"], SuspenseState(fact["state"]))
            for fact in document.get("history", ())
        ),
        version=document.get("version", 1),
    )


def _history_from_document(document: Document) -> HistoryEntry:
    return HistoryEntry(
        at=document["at"],
        event=document["event"],
        status=PaymentStatus(document["status"]),
        source=document["source"],
        attempt=document["attempt"],
    )


def _attempt_to_document(attempt: Attempt) -> Document:
    failure = attempt.failure
    return {
        "id": attempt.id,
        "status": attempt.status.value,
        "amount": _long(attempt.amount.minor if attempt.amount else None),
        "currency": attempt.amount.currency if attempt.amount else None,
        "method": attempt.method,
        "created_at": attempt.created_at,
        "part": attempt.part.value,
        "captured": attempt.captured,
        "amount_refunded": Int64(attempt.amount_refunded),
        "fee": _long(attempt.fee),
        "tax": _long(attempt.tax),
        "failure": None
        if failure is None
        else {
            "code": failure.code,
            "reason": failure.reason,
            "source": failure.source,
            "step": failure.step,
        },
    }


def _attempt_from_document(document: Document) -> Attempt:
    amount = document["amount"]
    failure = document["failure"]
    return Attempt(
        id=document["id"],
        status=AttemptStatus(document["status"]),
        amount=None if amount is None else Money(int(amount), document["currency"]),
        method=document["method"],
        created_at=document["created_at"],
        part=Part(document["part"]),
        captured=document["captured"],
        amount_refunded=int(document["amount_refunded"]),
        fee=_plain(document["fee"]),
        tax=_plain(document["tax"]),
        failure=None if failure is None else Failure(**known_to(Failure, failure)),
    )


def _link_to_document(link: LinkVisit | None) -> Document:
    return {} if link is None else {"link_id": link.link_id, "link_visit": link.visit}


def _link_from_document(document: Document) -> LinkVisit | None:
    return LinkVisit(document["link_id"], document["link_visit"]) if "link_id" in document else None


def _word(state: DisputeState | None) -> str | None:
    return None if state is None else state.value


def _long(number: int | None) -> Int64 | None:
    return None if number is None else Int64(number)


def _plain(number: Any) -> int | None:
    return None if number is None else int(number)
