"""What the disputes of a payment come to: pure. While one is open or lost, nothing more is given back (C11)."""

from collections.abc import Collection
from typing import assert_never

from app.disputes.models import DisputeStatus
from app.payments.models import DisputeState


def state_of(statuses: Collection[DisputeStatus]) -> DisputeState | None:
    """Return the state for the payment: the one that holds most back; None without any dispute."""
    states = {_state(status) for status in statuses}
    order = (DisputeState.OPEN, DisputeState.LOST, DisputeState.WON, DisputeState.CLOSED)
    return next((state for state in order if state in states), None)


def _state(status: DisputeStatus) -> DisputeState:
    match status:
        case DisputeStatus.OPEN | DisputeStatus.UNDER_REVIEW:
            return DisputeState.OPEN
        case DisputeStatus.LOST:
            return DisputeState.LOST
        case DisputeStatus.WON:
            return DisputeState.WON
        case DisputeStatus.CLOSED:
            return DisputeState.CLOSED
        case _:
            assert_never(status)
