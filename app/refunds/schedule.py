"""When the processor is asked about a refund (D8), and how long an answer of "no" is doubted: data, pure functions."""

from datetime import datetime, timedelta
from typing import assert_never

from app.refunds.models import Refund, RefundStatus

FIRST_CHECK = timedelta(minutes=1)
OVERDUE = timedelta(days=5)
"""A refund that is not through after so long is an alarm."""

LISTED_WITHIN = timedelta(minutes=15)
"""How long a refund that was made may be missing in the processor's lists."""

_LADDER = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
)
_DAILY = timedelta(days=1)
_LAST_DAY = 30
_PROCESSED = (timedelta(days=1), timedelta(days=3), timedelta(days=7))
_UNREACHABLE_LEAST = timedelta(seconds=60)
_UNREACHABLE_MOST = timedelta(hours=6)


def next_check(refund: Refund, *, now: datetime) -> datetime | None:
    """Return when the refund is looked at next by its age, or None when nothing more can come.

    A processed refund is looked at a few times still, for the bank that sends it back without anybody telling (C9).
    One that never got an answer is looked at for as long as it is open: its money is held back here.
    """
    age = now - refund.created_at
    day = refund.created_at + _DAILY * (age // _DAILY + 1)
    match refund.status:
        case RefundStatus.REQUESTED:
            steps = [*(refund.created_at + step for step in _LADDER), day]
        case RefundStatus.PENDING:
            steps = [refund.created_at + step for step in _LADDER]
            steps += [day] if age < _DAILY * _LAST_DAY else []
        case RefundStatus.PROCESSED:
            steps = [refund.created_at + step for step in _PROCESSED]
        case RefundStatus.CANCELLED | RefundStatus.FAILED:
            steps = []
        case _:
            assert_never(refund.status)
    return min((step for step in steps if step > now), default=None)


def retry_of_unreachable(refund: Refund, *, now: datetime) -> datetime:
    """Return when a look that failed is tried again: the older the refund, the later (I15)."""
    patience = (now - refund.created_at) // 4
    return now + min(max(patience, _UNREACHABLE_LEAST), _UNREACHABLE_MOST)


def is_no_believed(refund: Refund, *, now: datetime) -> bool:
    """Tell whether the processor's refusal of the send under way means that there is no refund.

    At the first send it does. After a send whose answer was lost, the refund of that one may be the very reason for the
    refusal, and lists may not show it yet: then the refusal is believed once they must.
    """
    return refund.sent_before is None or now - refund.sent_before > LISTED_WITHIN
