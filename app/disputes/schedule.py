"""When the processor is asked about a dispute (D8): data and pure functions."""

from datetime import datetime, timedelta

from app.disputes.models import Dispute

SOON = timedelta(seconds=5)
"""After a message that contradicts what is known."""

URGENT = timedelta(days=2)
"""A dispute whose last day is nearer than this, and that nobody has answered, is an alarm."""

_NEAR = timedelta(days=1)
_OFTEN = timedelta(hours=1)
_DAILY = timedelta(days=1)
_AFTER_ITS_END = timedelta(days=45)
_TROUBLE = timedelta(minutes=10)


def next_check(dispute: Dispute, *, now: datetime) -> datetime | None:
    """Return when the dispute is looked at next, or None when nothing more can come.

    Around its last day it is looked at each hour, else each day; for weeks after its end too, because a bank may take
    up again what was won.
    """
    if dispute.is_over:
        return now + _DAILY if now < dispute.updated_at + _AFTER_ITS_END else None
    is_near = dispute.respond_by is not None and abs(dispute.respond_by - now) < _NEAR
    return now + (_OFTEN if is_near else _DAILY)


def retry_of_unreachable(now: datetime) -> datetime:
    """Return when a look that failed is tried again."""
    return now + _TROUBLE
