"""What becomes of a link's payment when somebody wants to pay: the whole table, without a database."""

from datetime import timedelta

import pytest

from app.gateways.port import AttemptStatus
from app.links.models import Fate, Slot, fate_of
from app.payments.models import OrderState, PaymentStatus
from tests.payments.samples import payment, primary

PAID = payment()
NOW = PAID.created_at + timedelta(minutes=1)
SLOT = Slot(1, PAID.money.minor, PAID.id)


def fate(one, *, amount=PAID.money.minor, slot=SLOT, now=NOW):
    return fate_of(slot, one, amount=amount, now=now)


def test_without_a_slot_or_a_payment_one_is_made():
    assert fate(None, slot=None) is Fate.REPLACE
    assert fate(None) is Fate.MAKE
    assert fate(None, amount=1) is Fate.REPLACE


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (PaymentStatus.PENDING, Fate.SHOW),
        (PaymentStatus.FAILED, Fate.SHOW),
        (PaymentStatus.EXPIRED, Fate.REPLACE),
        (PaymentStatus.CANCELLED, Fate.REPLACE),
        (PaymentStatus.AUTHORIZED, Fate.SHOW),
        (PaymentStatus.COMPLETED, Fate.SHOW),
    ],
)
def test_i1_nothing_that_holds_money_is_ever_replaced(status, expected):
    one = payment(status=status, order_state=OrderState.READY)
    assert fate(one) is expected
    holds = status in {PaymentStatus.AUTHORIZED, PaymentStatus.COMPLETED}
    assert fate(one, amount=1) is (Fate.SHOW if holds else Fate.REPLACE)
    assert fate(one, now=one.expires_at) is (Fate.SHOW if holds else Fate.REPLACE)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (OrderState.REQUESTED, Fate.MAKE),
        (OrderState.UNKNOWN, Fate.MAKE),
        (OrderState.READY, Fate.SHOW),
        (OrderState.REFUSED, Fate.REPLACE),
    ],
)
def test_a2_a_payment_without_an_order_is_gone_on_with(state, expected):
    assert fate(payment(status=PaymentStatus.PENDING, order_state=state)) is expected


def test_c1_an_authorisation_that_lapsed_holds_no_money():
    lapsed = primary(AttemptStatus.REFUNDED, captured=False)
    assert fate(payment(status=PaymentStatus.AUTHORIZED, attempts=(lapsed,))) is Fate.REPLACE
