"""Which move of the payment's counters a change of a refund is: pure, so that I7 and I10 need no database to be shown.

The counters themselves are the payment's (or the suspense entry's), and are moved in the transaction of the change.
"""

from enum import StrEnum

from app.refunds.models import NOTHING, Holding, Refund


class CounterMove(StrEnum):
    """What happens to `refunds_reserved` and `amount_refunded`, by the refund's whole amount."""

    NONE = "none"
    RESERVE = "reserve"
    """Reserved goes up, if it stays within what was captured (C4)."""

    RELEASE = "release"
    """Reserved goes down: refused or cancelled."""

    ACCEPT = "accept"
    """Refunded goes up: what was reserved is really on its way."""

    ADOPT = "adopt"
    """Both go up, whatever was captured: somebody else gave it back, and that is a fact (C10)."""

    UNACCEPT = "unaccept"
    """Both go down: it failed after it had been accepted (C9)."""


def move_of(before: Refund | None, after: Refund) -> CounterMove:
    """Return the move that a refund's change from one state to another is; `before` is None for a new refund."""
    held = before.holding if before is not None else NOTHING
    step = Holding(
        reserved=_sign(after.holding.reserved - held.reserved), refunded=_sign(after.holding.refunded - held.refunded)
    )
    return _MOVES[step]


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


_MOVES = {
    Holding(0, 0): CounterMove.NONE,
    Holding(1, 0): CounterMove.RESERVE,
    Holding(-1, 0): CounterMove.RELEASE,
    Holding(0, 1): CounterMove.ACCEPT,
    Holding(1, 1): CounterMove.ADOPT,
    Holding(-1, -1): CounterMove.UNACCEPT,
}
