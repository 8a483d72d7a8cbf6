"""What may be given back of a payment: pure, asked before anything is reserved; the reservation decides races (C4)."""

from app.kit.money import Money
from app.payments.limits import refusal_of
from app.payments.models import NO_REFUND_WHILE, Payment, PaymentStatus
from app.refunds.problems import (
    PaymentNotRefundable,
    RefundAmountInvalid,
    RefundCurrencyMismatch,
    RefundExceedsCaptured,
    RefundWhileDisputed,
)


def refundable(payment: Payment, *, amount: int | None, currency: str | None) -> tuple[str, Money]:
    """Return the processor's payment whose money goes back, and how much of it.

    Args:
        payment: as it stands.
        amount: in minor units; everything that is left when None.
        currency: the payment's, when None.

    Raises:
        PaymentNotRefundable, RefundWhileDisputed, RefundCurrencyMismatch, RefundExceedsCaptured, RefundAmountInvalid.
    """
    primary = payment.primary
    if payment.status is not PaymentStatus.COMPLETED or primary is None:
        raise PaymentNotRefundable(details={"status": payment.shown_status.value})
    if payment.dispute_state in NO_REFUND_WHILE:
        raise RefundWhileDisputed(details={"dispute_state": str(payment.dispute_state)})
    if currency not in {None, payment.money.currency}:
        raise RefundCurrencyMismatch(param="currency", details={"currency": payment.money.currency})
    left = payment.amount_refundable
    wanted = left if amount is None else amount
    if wanted > left or not left:
        raise RefundExceedsCaptured(param="amount", details={"amount_refundable": left})
    money = Money(wanted, payment.money.currency)
    if (refusal := refusal_of(money)) is not None:
        raise RefundAmountInvalid(refusal, param="amount")
    return primary.id, money
