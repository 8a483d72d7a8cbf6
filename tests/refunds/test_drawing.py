"""How much of somebody else's refund was nobody's money, in the books (C10)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.kit.money import Money
from app.payments.models import ReviewReason, Suspense, SuspenseEntry
from app.refunds.writing import _drawn_from
from tests.refunds.samples import SCOPE, refund

_HELD = Suspense(
    gateway_payment_id="pay_A",
    payment_id="pmt_A",
    amount=Money(50_000, "INR"),
    reason=ReviewReason.SECOND_PAYMENT,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("reserved", "refunded", "placed", "drawn"),
    [
        (20_000, 20_000, 0, 20_000),
        # A refund of ours that is only on its way holds the money, but has not taken it.
        (70_000, 20_000, 0, 20_000),
        (20_000, 20_000, 50_000, 0),
        (20_000, 20_000, 40_000, 10_000),
        (55_000, 55_000, 0, 15_000),
    ],
)
def test_c10_i4_a_foreign_refund_takes_of_suspense_what_is_still_there(reserved, refunded, placed, drawn):
    entry = SuspenseEntry(
        "sus_A", SCOPE, _HELD, refunds_reserved=reserved, amount_refunded=refunded, amount_placed=placed
    )
    foreign = replace(refund(), money=Money(20_000, "INR"))
    assert _drawn_from(entry, foreign).from_suspense == drawn
