"""What a snapshot from the processor means for a payment: pure, monotone, the same for every source (D2, D3).

Callback, webhook and poll all end here. Merging the same snapshots in any order, any number of times, ends in the
same state; a test permutes, repeats and drops them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.gateways.port import AttemptStatus, GatewayPayment
from app.kit.bounds import ATTEMPTS_PER_PAYMENT
from app.payments.models import (
    ATTEMPT_RANK,
    TRANSITIONS,
    Attempt,
    HistoryEntry,
    Part,
    Payment,
    PaymentStatus,
    ReviewReason,
    Source,
    Suspense,
)


@dataclass(frozen=True, slots=True)
class Merged:
    """The payment after the snapshot, and captured money that turned out to be nobody's."""

    payment: Payment
    suspense: tuple[Suspense, ...]
    changed: bool


def merge(
    payment: Payment, snapshot: GatewayPayment, *, source: Source, at: datetime, accept_late: bool = True
) -> Merged:
    """Return what the payment becomes when the processor says this of one of its attempts.

    Args:
        payment: the payment as stored.
        snapshot: what the processor said, at whatever moment; it may be old.
        source: who told us; written to the history only, it decides nothing.
        at: now.
        accept_late: whether money that comes after the payment expired is the payment's (else suspense).
    """
    before = payment.attempt(snapshot.id)
    if before is None and len(payment.attempts) >= ATTEMPTS_PER_PAYMENT and not _holds_money(snapshot.status):
        # Failed tries beyond the bound change nothing that matters; money is always recorded.
        return Merged(payment, (), changed=False)
    attempt, reason = _place(
        payment, before, _advance(before, snapshot), order_id=snapshot.order_id, accept_late=accept_late
    )
    attempts = _with(payment.attempts, attempt)
    reasons = _doubts(payment, snapshot) | ({reason} if reason else set())
    news = sorted(reasons - set(payment.review))
    if attempts == payment.attempts and not news:
        return Merged(payment, (), changed=False)
    status = _status_after(payment, attempts)
    entry = HistoryEntry(
        at=at, event=f"attempt.{attempt.status}", status=status, source=source.value, attempt=attempt.id
    )
    merged = replace(
        payment,
        attempts=attempts,
        status=status,
        review=(*payment.review, *news),
        history=(*payment.history, entry),
        razorpay_data=_shown_data(payment, attempt, attempts, snapshot),
        updated_at=at,
        version=payment.version + 1,
    )
    suspense = _newly_suspended(payment, before, attempt, reason, at)
    return Merged(merged, suspense, changed=True)


def _advance(before: Attempt | None, snapshot: GatewayPayment) -> Attempt:
    """Return the attempt in the further of its two states; facts only ever accumulate.

    A snapshot whose status or numbers make no sense moves nothing (R7): the attempt is only noted, and the next
    look at the processor decides.
    """
    known = before or Attempt(
        id=snapshot.id,
        status=AttemptStatus.CREATED,
        amount=None,
        method=snapshot.method,
        created_at=snapshot.created_at,
    )
    if snapshot.status is AttemptStatus.UNRECOGNIZED or snapshot.amount is None:
        return known
    ahead = ATTEMPT_RANK[snapshot.status] > ATTEMPT_RANK[known.status]
    status = snapshot.status if ahead else known.status
    captured = snapshot.status is AttemptStatus.CAPTURED or (
        snapshot.status is AttemptStatus.REFUNDED and snapshot.captured
    )
    fee, tax = (known.fee, known.tax) if known.fee is not None else _fee(snapshot)
    return replace(
        known,
        status=status,
        # What was captured is immutable; before that, the furthest word tells the amount (B16).
        amount=snapshot.amount if known.amount is None or (ahead and not known.captured) else known.amount,
        method=known.method or snapshot.method,
        captured=known.captured or captured,
        amount_refunded=max(known.amount_refunded, snapshot.amount_refunded),
        fee=fee,
        tax=tax,
        failure=(snapshot.failure or known.failure) if status is AttemptStatus.FAILED else None,
    )


def _fee(snapshot: GatewayPayment) -> tuple[int | None, int | None]:
    """Return the fee with the tax it includes, both of one snapshot; numbers that make no sense are none (R7)."""
    if snapshot.fee is None or (snapshot.tax or 0) > snapshot.fee:
        return None, None
    return snapshot.fee, snapshot.tax


def _holds_money(status: AttemptStatus) -> bool:
    return ATTEMPT_RANK[status] >= ATTEMPT_RANK[AttemptStatus.AUTHORIZED]


def _place(
    payment: Payment, before: Attempt | None, attempt: Attempt, *, order_id: str | None, accept_late: bool
) -> tuple[Attempt, ReviewReason | None]:
    """Decide whose money the attempt's is. Captured money stays where it was first placed."""
    if before is not None and before.captured and before.part is not Part.UNDECIDED:
        return attempt, None
    if not _holds_money(attempt.status):
        return attempt, None
    reason = _objection(payment, attempt, order_id=order_id, accept_late=accept_late)
    match reason:
        case None:
            return replace(attempt, part=Part.PRIMARY), None
        case ReviewReason.AMOUNT_MISMATCH:
            return replace(attempt, part=Part.MISMATCHED), reason
        case ReviewReason.SECOND_PAYMENT if attempt.has_lapsed:
            # It went back by itself; there is nothing to review.
            return replace(attempt, part=Part.SURPLUS), None
        case _:
            return replace(attempt, part=Part.SURPLUS), reason


def _objection(payment: Payment, attempt: Attempt, *, order_id: str | None, accept_late: bool) -> ReviewReason | None:
    """Return why this money can't be the payment's, or None when it can."""
    if attempt.amount != payment.money:
        return ReviewReason.AMOUNT_MISMATCH
    if order_id != payment.order_id:
        return ReviewReason.ORPHAN_ORDER
    if payment.status is PaymentStatus.CANCELLED:
        return ReviewReason.PAID_AFTER_CANCEL
    if payment.status is PaymentStatus.EXPIRED and not accept_late:
        return ReviewReason.PAID_AFTER_EXPIRY
    return None if _may_be_primary(payment.primary, attempt) else ReviewReason.SECOND_PAYMENT


def _may_be_primary(primary: Attempt | None, attempt: Attempt) -> bool:
    """Tell whether the attempt may be the payment's own.

    Captured money displaces what is only authorised, and anything displaces what lapsed; what lapsed displaces
    nothing, so that two lapsed attempts don't take turns at every check.
    """
    if primary is None or primary.id == attempt.id:
        return True
    return not primary.captured and not attempt.has_lapsed and (attempt.captured or primary.has_lapsed)


def _doubts(payment: Payment, snapshot: GatewayPayment) -> set[ReviewReason]:
    doubts = set()
    if snapshot.status is AttemptStatus.UNRECOGNIZED:
        doubts.add(ReviewReason.UNRECOGNIZED_STATUS)
    if snapshot.amount is None:
        doubts.add(ReviewReason.CONTRADICTORY_AMOUNT)
    elif snapshot.amount != payment.money and _holds_money(snapshot.status):
        doubts.add(ReviewReason.AMOUNT_MISMATCH)
    return doubts


def _with(attempts: tuple[Attempt, ...], changed: Attempt) -> tuple[Attempt, ...]:
    """Return the attempts with one replaced or added; a new primary makes the former one surplus."""
    others = [
        replace(other, part=Part.SURPLUS)
        if changed.part is Part.PRIMARY and other.part is Part.PRIMARY and other.id != changed.id
        else other
        for other in attempts
    ]
    if any(other.id == changed.id for other in others):
        return tuple(changed if other.id == changed.id else other for other in others)
    return (*others, changed)


def _status_after(payment: Payment, attempts: tuple[Attempt, ...]) -> PaymentStatus:
    primary = next((attempt for attempt in attempts if attempt.part is Part.PRIMARY), None)
    if primary is not None:
        target = PaymentStatus.COMPLETED if primary.captured else PaymentStatus.AUTHORIZED
    elif any(attempt.status is AttemptStatus.FAILED for attempt in attempts):
        target = PaymentStatus.FAILED
    else:
        target = PaymentStatus.PENDING
    return target if TRANSITIONS.allows(payment.status, target) else payment.status


def _newly_suspended(
    payment: Payment, before: Attempt | None, attempt: Attempt, reason: ReviewReason | None, at: datetime
) -> tuple[Suspense, ...]:
    """Return a suspense entry at the moment captured money turns out not to be the payment's."""
    was_captured = before is not None and before.captured
    if reason is None or attempt.amount is None or not attempt.captured or was_captured:
        return ()
    return (
        Suspense(
            gateway_payment_id=attempt.id,
            payment_id=payment.id,
            amount=attempt.amount,
            reason=reason,
            created_at=at,
        ),
    )


def _shown_data(
    payment: Payment, attempt: Attempt, attempts: tuple[Attempt, ...], snapshot: GatewayPayment
) -> Mapping[str, Any]:
    """Return the processor's data to keep: the primary attempt's, or else the latest attempt's."""
    primary = next((other for other in attempts if other.part is Part.PRIMARY), None)
    concerns = primary is None or primary.id == attempt.id
    is_latest_word = attempt.status is snapshot.status
    return snapshot.raw if concerns and is_latest_word and snapshot.raw else payment.razorpay_data
