"""What a settlement means in the books, as a table, and that whatever is booked can be taken back exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.money import MAX_MINOR, Money
from app.ledger.models import Account, Leg, Posting, Side
from app.settlements.models import Settlement, SettlementStatus
from app.settlements.postings import postings
from tests.settlements.samples import settlement

BOOKED = {
    (Account.BANK, Side.DEBIT, 50_000),
    (Account.PROCESSOR_RECEIVABLE, Side.CREDIT, 50_000),
}
RETURNED = {
    (Account.BANK, Side.CREDIT, 50_000),
    (Account.PROCESSOR_RECEIVABLE, Side.DEBIT, 50_000),
}
CREATED, PROCESSED, FAILED = SettlementStatus


@pytest.mark.parametrize(
    ("before", "after", "cause", "legs"),
    [
        (None, CREATED, None, set()),
        (None, PROCESSED, "setl_1", BOOKED),
        (None, FAILED, None, set()),
        (CREATED, PROCESSED, "setl_1", BOOKED),
        (CREATED, FAILED, None, set()),
        (PROCESSED, PROCESSED, None, set()),
        (PROCESSED, FAILED, "setl_1/failed", RETURNED),
        (FAILED, FAILED, None, set()),
    ],
)
def test_d5_what_a_settlement_s_move_books(
    before: SettlementStatus | None, after: SettlementStatus, cause: str | None, legs: set[tuple[Account, Side, int]]
) -> None:
    booked = postings(None if before is None else settlement(before), settlement(after))
    assert [posting.cause.id for posting in booked] == ([] if cause is None else [cause])
    assert {_facts(leg) for posting in booked for leg in posting.legs} == legs


def test_a_settlement_at_a_price_tells_the_fee_from_its_tax() -> None:
    (booked,) = postings(None, settlement(fees=590, tax=90))
    assert {_facts(leg) for leg in booked.legs} == {
        (Account.BANK, Side.DEBIT, 49_410),
        (Account.FEES, Side.DEBIT, 500),
        (Account.TAX, Side.DEBIT, 90),
        (Account.PROCESSOR_RECEIVABLE, Side.CREDIT, 50_000),
    }


@st.composite
def settlements(draw: st.DrawFn) -> Settlement:
    amount = draw(st.integers(1, MAX_MINOR))
    fees = draw(st.integers(0, amount))
    return settlement(money=Money(amount, "INR"), fees=fees, tax=draw(st.integers(0, fees)))


@given(paid=settlements())
def test_what_the_bank_returned_leaves_every_account_as_it_was(paid: Settlement) -> None:
    failed = settlement(FAILED, money=paid.money, fees=paid.fees, tax=paid.tax)
    there, back = postings(None, paid), postings(paid, failed)
    assert {posting.cause for posting in there}.isdisjoint(posting.cause for posting in back)
    assert not any(_balances(*there, *back).values())


def _facts(leg: Leg) -> tuple[Account, Side, int]:
    return (leg.account, leg.side, leg.amount)


def _balances(*booked: Posting) -> dict[Account, int]:
    sums = dict.fromkeys(Account, 0)
    for posting in booked:
        for leg in posting.legs:
            sums[leg.account] += leg.amount if leg.side is Side.DEBIT else -leg.amount
    return sums
