"""What a customer is shown, state by state: never "paid" without the money."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.checkout.screens import ENDS, PAYABLE, Screen, screen_of
from app.gateways.port import AttemptStatus, CaptureMethod
from app.kit.money import Money
from app.kit.scope import Mode, Scope
from app.payments.models import Attempt, OrderState, Part, Payment, PaymentStatus, ReviewReason

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPEN = Payment(
    id="pmt_1",
    scope=Scope("mer_1", Mode.TEST),
    money=Money(50000, "INR"),
    status=PaymentStatus.PENDING,
    order_state=OrderState.READY,
    created_at=NOW,
    updated_at=NOW,
    expires_at=NOW + timedelta(hours=1),
)
TRIED = Attempt("pay_1", AttemptStatus.CREATED, OPEN.money, "upi", NOW)
HELD = replace(TRIED, status=AttemptStatus.AUTHORIZED, part=Part.PRIMARY)
MANUAL = CaptureMethod.MANUAL
REVIEW = (ReviewReason.PAID_AFTER_CANCEL,)


@pytest.mark.parametrize(
    ("changes", "screen"),
    [
        ({}, Screen.READY),
        ({"order_state": OrderState.REQUESTED}, Screen.PREPARING),
        ({"order_state": OrderState.UNKNOWN}, Screen.PREPARING),
        ({"order_state": OrderState.UNKNOWN, "expires_at": NOW}, Screen.EXPIRED),
        ({"order_state": OrderState.REFUSED, "status": PaymentStatus.FAILED}, Screen.CLOSED),
        ({"attempts": (TRIED,)}, Screen.CHECKING),
        ({"attempts": (TRIED,), "expires_at": NOW}, Screen.CHECKING),
        ({"expires_at": NOW}, Screen.EXPIRED),
        ({"status": PaymentStatus.FAILED}, Screen.FAILED),
        ({"status": PaymentStatus.FAILED, "expires_at": NOW}, Screen.EXPIRED),
        ({"review": REVIEW}, Screen.REVIEW),
        ({"status": PaymentStatus.EXPIRED}, Screen.EXPIRED),
        ({"status": PaymentStatus.EXPIRED, "review": REVIEW}, Screen.REVIEW),
        ({"status": PaymentStatus.CANCELLED}, Screen.CANCELLED),
        ({"status": PaymentStatus.CANCELLED, "review": REVIEW}, Screen.REVIEW),
        ({"status": PaymentStatus.AUTHORIZED, "attempts": (HELD,)}, Screen.CHECKING),
        ({"status": PaymentStatus.AUTHORIZED, "attempts": (HELD,), "capture_method": MANUAL}, Screen.RESERVED),
        (
            {"status": PaymentStatus.AUTHORIZED, "attempts": (replace(HELD, status=AttemptStatus.REFUNDED),)},
            Screen.REFUNDED,
        ),
        ({"status": PaymentStatus.COMPLETED}, Screen.PAID),
        ({"status": PaymentStatus.COMPLETED, "review": REVIEW}, Screen.PAID),
        ({"status": PaymentStatus.COMPLETED, "amount_refunded": 100}, Screen.PAID),
        ({"status": PaymentStatus.COMPLETED, "amount_refunded": 50000}, Screen.REFUNDED),
    ],
)
def test_the_stored_state_decides_what_is_shown(changes, screen):
    assert screen_of(replace(OPEN, **changes), now=NOW) is screen


def test_whoever_came_back_without_an_answer_waits():
    for status in (PaymentStatus.PENDING, PaymentStatus.FAILED):
        assert screen_of(replace(OPEN, status=status), now=NOW, came_back=True) is Screen.CHECKING
    assert screen_of(replace(OPEN, status=PaymentStatus.CANCELLED), now=NOW, came_back=True) is Screen.CANCELLED


@pytest.mark.parametrize("status", PaymentStatus)
@pytest.mark.parametrize("order_state", OrderState)
@pytest.mark.parametrize("came_back", [True, False])
def test_i5_no_state_says_paid_but_those_that_are(status, order_state, came_back):
    payment = replace(OPEN, status=status, order_state=order_state)
    screen = screen_of(payment, now=NOW, came_back=came_back)
    assert (screen is Screen.PAID) == (status is PaymentStatus.COMPLETED)
    assert not (screen in ENDS and screen in PAYABLE)
