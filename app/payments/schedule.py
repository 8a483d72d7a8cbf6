"""When the processor is asked about a payment nobody told us about (D8): data and pure functions."""

from datetime import datetime, timedelta
from typing import assert_never

from app.payments.models import OrderState, Payment, PaymentStatus

FIRST_CHECK = timedelta(minutes=1)
AUTHORIZED_TOO_LONG = timedelta(hours=24)
"""After so long an authorised payment is an alarm: the money goes back uncaptured on the third day (C1)."""
_LADDER = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
)
_DAILY = timedelta(days=1)
_SWEPT_AFTER_EXPIRY = timedelta(days=5)
_UNKNOWN_FIRST = timedelta(seconds=5)
_UNREACHABLE_LEAST = timedelta(seconds=60)
_UNREACHABLE_MOST = timedelta(hours=6)


def first_check_of_unknown(now: datetime) -> datetime:
    """Return when an outcome that became unknown just now is looked at: soon."""
    return now + _UNKNOWN_FIRST


def retry_of_unreachable(payment: Payment, *, now: datetime) -> datetime:
    """Return when a check that failed is tried again: the older the payment, the later.

    So a processor that refuses a merchant's key for weeks is not asked once a minute for every open payment (I15).
    """
    patience = (now - payment.created_at) // 4
    return now + min(max(patience, _UNREACHABLE_LEAST), _UNREACHABLE_MOST)


def next_check(payment: Payment, *, now: datetime) -> datetime | None:
    """Return when the payment is checked next by its age, or None when nothing more can come.

    A completed payment is looked at once a day, for a second payment or a refund that nobody told us about. The
    moment of expiry is on the ladder too, so that `expired` shows when it should. The days go on until five after
    the expiry; an authorised payment is looked at until its money was captured or went back, which ends by itself.
    """
    end = max(payment.created_at, payment.expires_at) + _SWEPT_AFTER_EXPIRY
    early = [payment.created_at + step for step in _LADDER]
    match payment.status:
        case PaymentStatus.COMPLETED:
            early = []
        case PaymentStatus.PENDING | PaymentStatus.FAILED:
            early.append(payment.expires_at)
        case PaymentStatus.CANCELLED if payment.order_state is not OrderState.READY:
            # Nobody was ever shown an order of this payment, so nobody can pay it.
            return None
        case PaymentStatus.AUTHORIZED if payment.primary is not None and not payment.primary.has_lapsed:
            end = now + _DAILY
        case PaymentStatus.EXPIRED | PaymentStatus.CANCELLED | PaymentStatus.AUTHORIZED:
            pass
        case _:
            assert_never(payment.status)
    day = payment.created_at + _DAILY * max(1, (now - payment.created_at) // _DAILY + 1)
    return min((step for step in (*early, day) if now < step <= end), default=None)
