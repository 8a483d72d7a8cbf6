"""What each invariant says of a payment, of money in suspense, and of work that waits."""

from datetime import timedelta

import pytest

from app.gateways.port import AttemptStatus, CaptureMethod
from app.kit.money import Money
from app.payments.models import OrderState, PaymentStatus, ReviewReason, Suspense, SuspenseEntry
from app.recovery.models import Invariant, Violation
from app.recovery.rules import CAPTURE_PATIENCE, ORDER_PATIENCE, of_backlog, of_payment, of_suspense
from tests.payments.samples import MONEY, NOW, SCOPE, payment, primary

SOON = timedelta(seconds=1)
CAPTURED = {"status": PaymentStatus.COMPLETED, "attempts": (primary(AttemptStatus.CAPTURED),)}
AUTHORIZED = {"status": PaymentStatus.AUTHORIZED, "attempts": (primary(AttemptStatus.AUTHORIZED),)}
ALL = MONEY.minor


@pytest.mark.parametrize(
    ("changes", "booked", "held", "age", "facts"),
    [
        ({}, None, 0, SOON, []),
        (CAPTURED, ALL, 0, SOON, []),
        (CAPTURED | {"refunds_reserved": 700, "amount_refunded": 200}, ALL, 700, SOON, []),
        (CAPTURED, None, 0, SOON, ["I1 captured_not_booked"]),
        (CAPTURED, ALL - 1, 0, SOON, ["I1 booked_amount_differs"]),
        (CAPTURED | {"refunds_reserved": ALL + 1}, ALL, ALL + 1, SOON, ["I7 reserved_exceeds_captured"]),
        (
            CAPTURED | {"refunds_reserved": ALL + 1, "review": (ReviewReason.REFUNDS_EXCEED_CAPTURE,)},
            ALL,
            ALL + 1,
            SOON,
            [],
        ),
        (CAPTURED | {"refunds_reserved": 700}, ALL, 0, SOON, ["I10 reserved_differs_from_refunds"]),
        (CAPTURED, ALL, 700, SOON, ["I10 reserved_differs_from_refunds"]),
        (
            CAPTURED | {"refunds_reserved": 700, "amount_refunded": 900},
            ALL,
            700,
            SOON,
            ["I10 refunded_exceeds_reserved"],
        ),
        ({"order_state": OrderState.UNKNOWN}, None, 0, ORDER_PATIENCE, []),
        ({"order_state": OrderState.UNKNOWN}, None, 0, ORDER_PATIENCE + SOON, ["I14 order_unknown"]),
        ({"order_state": OrderState.REQUESTED}, None, 0, ORDER_PATIENCE + SOON, ["I14 order_unknown"]),
        (
            {"order_state": OrderState.UNKNOWN, "status": PaymentStatus.CANCELLED},
            None,
            0,
            ORDER_PATIENCE + SOON,
            [],
        ),
        (AUTHORIZED, None, 0, CAPTURE_PATIENCE, []),
        (AUTHORIZED, None, 0, CAPTURE_PATIENCE + SOON, ["I14 authorized_not_captured"]),
        (AUTHORIZED | {"capture_method": CaptureMethod.MANUAL}, None, 0, CAPTURE_PATIENCE + SOON, []),
        (
            {"status": PaymentStatus.AUTHORIZED, "attempts": (primary(AttemptStatus.REFUNDED, captured=False),)},
            None,
            0,
            CAPTURE_PATIENCE + SOON,
            [],
        ),
    ],
)
def test_i1_i7_i10_i14_what_is_wrong_with_a_payment_is_said_in_one_word_each(changes, booked, held, age, facts):
    found = of_payment(payment(**changes), booked=booked, held=held, now=NOW + age)
    assert [f"{one.invariant} {one.fact}" for one in found] == facts


@pytest.mark.parametrize(
    ("booked", "facts"), [(300, []), (None, ["suspended_not_booked"]), (299, ["booked_amount_differs"])]
)
def test_i1_money_in_suspense_is_booked_in_full(booked, facts):
    held = Suspense(
        gateway_payment_id="pay_S",
        payment_id="pmt_1",
        amount=Money(300, "INR"),
        reason=ReviewReason.SECOND_PAYMENT,
        created_at=NOW,
    )
    found = list(of_suspense(SuspenseEntry("sus_1", SCOPE, held), booked=booked))
    assert [one.fact for one in found] == facts
    assert all(one == Violation(Invariant.I1, SCOPE, "sus_1", one.fact) for one in found)


def test_i14_everything_that_waits_too_long_is_named():
    found = list(
        of_backlog({"event_overdue": [(SCOPE, "evt_1")], "job_overdue": [], "refund_not_sent": [(SCOPE, "ref_1")]})
    )
    assert found == [
        Violation(Invariant.I14, SCOPE, "evt_1", "event_overdue"),
        Violation(Invariant.I14, SCOPE, "ref_1", "refund_not_sent"),
    ]
