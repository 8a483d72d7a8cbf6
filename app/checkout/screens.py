"""What a customer is shown of a payment: decided by what is stored and nothing else; pure.

A page never says "paid" before the money is captured, or held for a merchant who captures by hand.
"""

from datetime import datetime
from enum import StrEnum
from typing import assert_never

from app.gateways.port import AttemptStatus, CaptureMethod
from app.payments.models import OrderState, Payment, PaymentStatus, ShownStatus


class Screen(StrEnum):
    """What the page of a payment says."""

    READY = "ready"
    """It may be paid."""

    PREPARING = "preparing"
    """Its order at the processor is not known yet."""

    CHECKING = "checking"
    """The customer has been at the bank, and the outcome is not known yet."""

    REVIEW = "review"
    """Something does not fit; a person or a rule decides."""

    PAID = "paid"
    """The money is the merchant's."""

    RESERVED = "reserved"
    """The bank holds the money for a merchant who captures by hand."""

    REFUNDED = "refunded"
    """All of the money has gone back."""

    FAILED = "failed"
    """The last attempt failed; another one may be made."""

    EXPIRED = "expired"
    CANCELLED = "cancelled"

    CLOSED = "closed"
    """The processor takes no payment for it."""


PAYABLE = frozenset({Screen.READY, Screen.FAILED, Screen.CHECKING})
"""Where the customer may go to the processor; while checking only who says that they did not pay."""

CHANGING = frozenset(
    {Screen.READY, Screen.PREPARING, Screen.CHECKING, Screen.REVIEW, Screen.FAILED, Screen.EXPIRED, Screen.RESERVED}
)
"""Where news may still come while the page is open: a failed payment may be authorised days late."""

ENDS = frozenset({Screen.PAID, Screen.RESERVED})
"""Where a customer goes back to the merchant's site by themselves."""

_UNDER_WAY = frozenset({AttemptStatus.CREATED, AttemptStatus.UNRECOGNIZED})


def screen_of(payment: Payment, *, now: datetime, came_back: bool = False) -> Screen:
    """Return what to show.

    Args:
        payment: as stored.
        now: for what is over by time before anybody wrote that down.
        came_back: whether the customer has just been at the processor and the answer could not be had.
    """
    match payment.status:
        case PaymentStatus.COMPLETED:
            return Screen.REFUNDED if payment.shown_status is ShownStatus.REFUNDED else Screen.PAID
        case PaymentStatus.AUTHORIZED:
            return _held(payment)
        case PaymentStatus.CANCELLED:
            return Screen.REVIEW if payment.review else Screen.CANCELLED
        case PaymentStatus.EXPIRED:
            return Screen.REVIEW if payment.review else Screen.EXPIRED
        case PaymentStatus.PENDING | PaymentStatus.FAILED:
            return Screen.REVIEW if payment.review else _open(payment, now=now, came_back=came_back)
        case _:
            assert_never(payment.status)


def _held(payment: Payment) -> Screen:
    if payment.shown_status is ShownStatus.REFUNDED:
        return Screen.REFUNDED
    match payment.capture_method:
        case CaptureMethod.MANUAL:
            return Screen.RESERVED
        case CaptureMethod.AUTOMATIC:
            return Screen.CHECKING
        case _:
            assert_never(payment.capture_method)


def _open(payment: Payment, *, now: datetime, came_back: bool) -> Screen:
    is_over = payment.expires_at <= now
    match payment.order_state:
        case OrderState.REFUSED:
            return Screen.CLOSED
        case OrderState.REQUESTED | OrderState.UNKNOWN:
            return Screen.EXPIRED if is_over else Screen.PREPARING
        case OrderState.READY:
            pass
        case _:
            assert_never(payment.order_state)
    if came_back or any(attempt.status in _UNDER_WAY for attempt in payment.attempts):
        return Screen.CHECKING
    if is_over:
        return Screen.EXPIRED
    return Screen.FAILED if payment.status is PaymentStatus.FAILED else Screen.READY
