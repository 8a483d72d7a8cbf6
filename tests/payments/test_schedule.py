"""When a payment is looked at (D8): a table by age and state."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.port import AttemptStatus
from app.payments.models import OrderState, PaymentStatus
from app.payments.schedule import first_check_of_unknown, next_check, retry_of_unreachable
from tests.payments.samples import NOW, payment, primary

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OPEN = payment()
AUTHORISED = payment(status=PaymentStatus.AUTHORIZED, attempts=(primary(AttemptStatus.AUTHORIZED),))
LAPSED = payment(status=PaymentStatus.AUTHORIZED, attempts=(primary(AttemptStatus.REFUNDED, captured=False),))


@pytest.mark.parametrize(
    ("age", "due"),
    [
        (timedelta(0), MINUTE),
        (MINUTE, 5 * MINUTE),
        (5 * MINUTE, 15 * MINUTE),
        (15 * MINUTE, HOUR),
        (HOUR, 6 * HOUR),
        (6 * HOUR, DAY),
        (DAY, 2 * DAY),
        (2 * DAY + HOUR, 3 * DAY),
        (5 * DAY, 6 * DAY),
        (6 * DAY, None),
        (60 * DAY, None),
    ],
)
def test_b2_an_unpaid_payment_is_looked_at_early_then_daily_until_five_days_after_its_expiry(age, due):
    assert next_check(OPEN, now=NOW + age) == (None if due is None else NOW + due)


@pytest.mark.parametrize(
    ("subject", "age", "due"),
    [
        (payment(status=PaymentStatus.COMPLETED), timedelta(0), DAY),
        (payment(status=PaymentStatus.COMPLETED), 3 * DAY + HOUR, 4 * DAY),
        (payment(status=PaymentStatus.COMPLETED), 7 * DAY, None),
        (payment(status=PaymentStatus.EXPIRED), 2 * DAY, 3 * DAY),
        (payment(status=PaymentStatus.CANCELLED), timedelta(0), MINUTE),
        (payment(status=PaymentStatus.CANCELLED, order_state=OrderState.UNKNOWN), timedelta(0), None),
        (payment(expires_at=NOW + 30 * MINUTE), 15 * MINUTE, 30 * MINUTE),
        (AUTHORISED, 40 * DAY, 41 * DAY),
        (LAPSED, 40 * DAY, None),
    ],
)
def test_c1_each_state_is_looked_at_as_long_as_something_may_come(subject, age, due):
    assert next_check(subject, now=NOW + age) == (None if due is None else NOW + due)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=40)))
def test_the_next_look_is_in_the_future_and_at_most_a_day_away(age):
    due = next_check(OPEN, now=NOW + age)
    assert due is None or timedelta(0) < due - (NOW + age) <= DAY


@pytest.mark.parametrize(
    ("age", "pause"), [(timedelta(0), MINUTE), (4 * HOUR, HOUR), (DAY, 6 * HOUR), (40 * DAY, 6 * HOUR)]
)
def test_a_check_that_fails_is_tried_later_the_older_the_payment(age, pause):
    assert retry_of_unreachable(OPEN, now=NOW + age) == NOW + age + pause


def test_an_unknown_outcome_is_looked_at_in_seconds():
    assert first_check_of_unknown(NOW) - NOW == timedelta(seconds=5)
