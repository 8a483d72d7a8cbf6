"""Postings balance, or they are not postings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.money import MAX_MINOR, Money
from app.ledger.models import NORMAL_SIDE, Account, Cause, CauseKind, Leg, Posting, Side, Unbalanced, transfer

CAUSE = Cause(CauseKind.CAPTURE, "pay_1")
amounts = st.integers(1, MAX_MINOR)


@given(st.lists(st.tuples(st.sampled_from(Account), st.sampled_from(Side), st.integers(-5, 20)), max_size=6))
def test_t4_i4_a_posting_exists_only_when_its_sides_are_equal_and_its_amounts_positive(rows):
    legs = tuple(Leg(account, side, amount) for account, side, amount in rows)
    debit = sum(leg.amount for leg in legs if leg.side is Side.DEBIT)
    credit = sum(leg.amount for leg in legs if leg.side is Side.CREDIT)
    is_sound = bool(legs) and debit == credit and all(leg.amount > 0 for leg in legs)
    if is_sound:
        assert Posting(CAUSE, "INR", legs).legs == legs
    else:
        with pytest.raises(Unbalanced):
            Posting(CAUSE, "INR", legs)


@pytest.mark.parametrize("amount", [0, -1, MAX_MINOR + 1, 1.0, True, "1"])
def test_t3_an_amount_that_is_no_integer_in_bounds_is_refused(amount):
    legs = (Leg(Account.BANK, Side.DEBIT, amount), Leg(Account.FEES, Side.CREDIT, amount))
    with pytest.raises((Unbalanced, TypeError)):
        Posting(CAUSE, "INR", legs)


@given(amounts)
def test_a_transfer_debits_one_account_and_credits_the_other(amount):
    posting = transfer(CAUSE, Money(amount, "INR"), debit=Account.BANK, credit=Account.FEES, payment_id="pmt_1")
    assert posting.legs == (Leg(Account.BANK, Side.DEBIT, amount), Leg(Account.FEES, Side.CREDIT, amount))
    assert (posting.currency, posting.payment_id) == ("INR", "pmt_1")


def test_every_account_has_its_side():
    assert set(NORMAL_SIDE) == set(Account)
