"""A payment is as disputed as the worst of its disputes."""

import pytest

from app.disputes.holds import state_of
from app.disputes.models import DisputeStatus
from app.payments.models import NO_REFUND_WHILE, DisputeState

OPEN, REVIEW, WON, LOST, CLOSED = (DisputeStatus(word) for word in ("open", "under_review", "won", "lost", "closed"))


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ([], None),
        ([OPEN], DisputeState.OPEN),
        ([REVIEW], DisputeState.OPEN),
        ([WON], DisputeState.WON),
        ([LOST], DisputeState.LOST),
        ([CLOSED], DisputeState.CLOSED),
        ([CLOSED, WON], DisputeState.WON),
        ([WON, LOST], DisputeState.LOST),
        ([LOST, REVIEW], DisputeState.OPEN),
    ],
)
def test_c11_the_worst_dispute_decides(statuses, state):
    assert state_of(statuses) is state


def test_c11_what_is_open_or_lost_keeps_the_money_from_going_back():
    assert {status for status in DisputeStatus if state_of([status]) in NO_REFUND_WHILE} == {OPEN, REVIEW, LOST}
