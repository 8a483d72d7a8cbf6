"""Which ledger entries a change of a payment causes: pure.

Captured money is the payment's, or is kept apart in suspense; either way the processor holds it for the merchant. The
processor's fee (which includes its tax) is a fact of its own, because it is often told later than the capture. What is
only authorised, lapsed or failed moves no money.
"""

from app.kit.money import Money
from app.ledger.models import Account, Cause, CauseKind, Posting, fee, transfer
from app.payments.models import Attempt, Part, Payment, SuspenseEntry


def postings(before: Payment, after: Payment) -> tuple[Posting, ...]:
    """Return what a payment's change from one state to the other books: each capture and each fee once."""
    booked = []
    for attempt in after.attempts:
        known = before.attempt(attempt.id)
        if attempt.captured and not (known is not None and known.captured):
            booked.append(_capture(after, attempt))
        if _has_fee(attempt) and not (known is not None and _has_fee(known)):
            booked.append(_fee(after, attempt))
    return tuple(booked)


def placement(entry: SuspenseEntry, *, payment_id: str | None) -> Posting:
    """Return what giving the open rest of an entry to the merchant books.

    An entry is placed again only when a refund of it failed after the first time; then the cause names what was placed
    before, so that the second placement is another fact.
    """
    again = f"/{entry.amount_placed}" if entry.amount_placed else ""
    return transfer(
        Cause(CauseKind.SUSPENSE_PLACEMENT, f"{entry.id}{again}"),
        Money(entry.rest, entry.held.amount.currency),
        debit=Account.SUSPENSE,
        credit=Account.MERCHANT_PAYABLE,
        payment_id=payment_id or entry.held.payment_id,
    )


def _capture(payment: Payment, attempt: Attempt) -> Posting:
    return transfer(
        Cause(CauseKind.CAPTURE, attempt.id),
        _amount(attempt),
        debit=Account.PROCESSOR_RECEIVABLE,
        credit=Account.MERCHANT_PAYABLE if attempt.part is Part.PRIMARY else Account.SUSPENSE,
        payment_id=payment.id,
    )


def _fee(payment: Payment, attempt: Attempt) -> Posting:
    currency = _amount(attempt).currency
    return fee(attempt.id, attempt.fee or 0, tax=attempt.tax or 0, currency=currency, payment_id=payment.id)


def _has_fee(attempt: Attempt) -> bool:
    return attempt.captured and bool(attempt.fee)


def _amount(attempt: Attempt) -> Money:
    if attempt.amount is None:
        message = f"{attempt.id} was captured without an amount"
        raise ValueError(message)
    return attempt.amount
