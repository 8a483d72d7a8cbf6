"""What the world is told of a payment's change, and the work that follows from it: pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from app.outbox.models import NewItem, event, job
from app.payments.models import Attempt, Part, Payment, PaymentStatus, ReviewReason, SuspenseEntry
from app.tenants.models import LatePayments, MoneySettings, SurplusPayments

RETURN_SUSPENSE = "suspense.return"
"""Gives back captured money that is no payment's (subject: the suspense entry)."""

IMPORT_REFUNDS = "refunds.import"
"""Takes in refunds of a payment that the processor counts and we don't (subject: the payment)."""

SETTLE_LINK = "links.settle"
"""Says of a payment link that it is paid, once money has come through it (subject: the link)."""

IMPORT_DELAY = timedelta(seconds=30)
"""How long the answer to a refund of our own may take, before its trace in other news is taken for somebody else's."""

_MOVES: Mapping[PaymentStatus, str] = {
    PaymentStatus.FAILED: "payment.failed",
    PaymentStatus.EXPIRED: "payment.expired",
    PaymentStatus.CANCELLED: "payment.cancelled",
    PaymentStatus.AUTHORIZED: "payment.authorized",
    PaymentStatus.COMPLETED: "payment.completed",
}


def items(
    before: Payment, after: Payment, *, opened: Sequence[SuspenseEntry] = (), returned: Collection[ReviewReason] = ()
) -> tuple[NewItem, ...]:
    """Return the events and jobs of a payment's change.

    Args:
        before: the payment as it was.
        after: as it is written, with its new version.
        opened: entries of money that went to suspense with the change.
        returned: for which reasons such money goes back to the customer by itself (`returned_by`).
    """
    told = []
    if after.status is not before.status:
        told.append(event(_MOVES[after.status], after.id, sequence=after.version, payload=_facts(after)))
    if news := [reason.value for reason in after.review if reason not in before.review]:
        facts = {**_facts(after), "reasons": news}
        told.append(event("payment.needs_review", after.id, sequence=after.version, payload=facts))
    for entry in opened:
        told.append(event("suspense.opened", entry.id, sequence=entry.version, payload=suspense_facts(entry)))
        if entry.held.reason in returned:
            told.append(job(RETURN_SUSPENSE, entry.id, payload=suspense_facts(entry)))
    if after.link is not None and _completes(before, after):
        told.append(job(SETTLE_LINK, after.link.link_id, payload={"payment_id": after.id}, once=after.id))
    return (*told, *_imports(before, after))


def returned_by(settings: MoneySettings) -> frozenset[ReviewReason]:
    """Return for which reasons a merchant wants money given back by itself; for any other a human decides."""
    reasons = set()
    if settings.surplus_payments is SurplusPayments.REFUND:
        reasons |= {ReviewReason.SECOND_PAYMENT, ReviewReason.PAID_AFTER_CANCEL}
    if settings.late_payments is LatePayments.REFUND:
        reasons.add(ReviewReason.PAID_AFTER_EXPIRY)
    return frozenset(reasons)


def suspense_facts(entry: SuspenseEntry) -> dict[str, Any]:
    """Return what an event about money in suspense tells."""
    return {
        "suspense_id": entry.id,
        "payment_id": entry.held.payment_id,
        "gateway_payment_id": entry.held.gateway_payment_id,
        "state": entry.state.value,
        "reason": entry.held.reason.value,
        "amount": entry.held.amount.minor,
        "currency": entry.held.amount.currency,
        "amount_placed": entry.amount_placed,
        "amount_refunded": entry.amount_refunded,
    }


def _completes(before: Payment, after: Payment) -> bool:
    return after.status is PaymentStatus.COMPLETED and before.status is not PaymentStatus.COMPLETED


def _imports(before: Payment, after: Payment) -> Iterator[NewItem]:
    """Return a job for each attempt of which the processor says that more went back than we know of (C10).

    Of money in suspense the counter is not at hand here, so every growth counts; whoever imports looks again.
    """
    for attempt in after.attempts:
        known = before.attempt(attempt.id)
        told = known.amount_refunded if known is not None and known.captured else 0
        counted = after.amount_refunded if attempt.part is Part.PRIMARY else 0
        if attempt.captured and attempt.amount_refunded > max(told, counted):
            yield import_of(after.id, attempt)


def import_of(payment_id: str, attempt: Attempt) -> NewItem:
    """Return the job that takes in the refunds of an attempt, once for each sum that the processor tells."""
    said = attempt.amount_refunded
    facts = {"gateway_payment_id": attempt.id, "amount_refunded": said}
    return job(IMPORT_REFUNDS, payment_id, payload=facts, delay=IMPORT_DELAY, once=f"{attempt.id}:{said}")


def _facts(payment: Payment) -> dict[str, Any]:
    primary = payment.primary
    return {
        "payment_id": payment.id,
        "status": payment.status.value,
        "amount": payment.money.minor,
        "currency": payment.money.currency,
        "amount_captured": payment.amount_captured,
        "order_id": payment.order_id,
        "gateway_payment_id": primary.id if primary is not None else None,
        **({} if payment.link is None else {"link_id": payment.link.link_id}),
    }
