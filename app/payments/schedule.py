"""When the processor is asked about a payment nobody told us about (D8): data and pure functions."""

from datetime import datetime, timedelta
from typing import assert_never

from app.payments.models import Payment, PaymentStatus

FIRST_CHECK = timedelta(minutes=1)
_LADDER = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=2),
    timedelta(days=3),
    timedelta(days=4),
    timedelta(days=5),
)
_DAILY = timedelta(days=1)
_UNKNOWN_FIRST = timedelta(seconds=5)
_UNKNOWN_AGAIN = timedelta(seconds=60)


def first_check_of_unknown(now: datetime) -> datetime:
    """Return when an outcome that became unknown just now is looked at: soon."""
    return now + _UNKNOWN_FIRST


def retry_of_unreachable(now: datetime) -> datetime:
    """Return when a check that could not reach the processor is tried again."""
    return now + _UNKNOWN_AGAIN


def next_check(payment: Payment, *, now: datetime) -> datetime | None:
    """Return when the payment is checked next by its age, or None when nothing more can come.

    A completed payment is looked at once a day, for a second payment or a refund that nobody told us about. The
    moment of expiry is on the ladder too, so that `expired` shows when it should.
    """
    steps = {payment.created_at + step for step in _LADDER}
    match payment.status:
        case PaymentStatus.COMPLETED:
            steps = {payment.created_at + step for step in _LADDER if step >= _DAILY}
        case PaymentStatus.PENDING | PaymentStatus.FAILED:
            steps.add(payment.expires_at)
        case PaymentStatus.EXPIRED | PaymentStatus.CANCELLED | PaymentStatus.AUTHORIZED:
            pass
        case _:
            assert_never(payment.status)
    return min((step for step in steps if step > now), default=None)
