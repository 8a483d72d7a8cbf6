"""What a settlement means in the books, as a table, and that whatever is booked can be taken back exactly."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.settlement import RowKind
from app.ledger.models import Account, CauseKind, Posting, Side
from app.settlements.models import TRANSITIONS, Finding, Line, SettlementStatus
from app.settlements.postings import postings, refund_fees
from tests.settlements.samples import AMOUNT, line, row, settlement

PAID = ((Account.BANK, Side.DEBIT, AMOUNT), (Account.PROCESSOR_RECEIVABLE, Side.CREDIT, AMOUNT))
RETURNED = ((Account.PROCESSOR_RECEIVABLE, Side.DEBIT, AMOUNT), (Account.BANK, Side.CREDIT, AMOUNT))
CREATED, PROCESSED, FAILED = SettlementStatus


@pytest.mark.parametrize(
    ("before", "after", "booked"),
    [
        (None, CREATED, []),
        (None, PROCESSED, [("setl_1", PAID)]),
        (None, FAILED, []),
        (CREATED, PROCESSED, [("setl_1", PAID)]),
        (CREATED, FAILED, []),
        (PROCESSED, PROCESSED, []),
        (PROCESSED, FAILED, [("setl_1/7", RETURNED)]),
        (FAILED, FAILED, []),
        (FAILED, PROCESSED, [("setl_1/7", PAID)]),
    ],
)
def test_d5_what_a_settlement_s_move_books(
    before: SettlementStatus | None,
    after: SettlementStatus,
    booked: list[tuple[str, tuple[tuple[Account, Side, int], ...]]],
) -> None:
    # What the processor says that it charged beside is no part of what reached the bank.
    found = postings(None if before is None else settlement(before), settlement(after, version=7, fees=590, tax=90))
    assert [(one.cause.id, tuple((leg.account, leg.side, leg.amount) for leg in one.legs)) for one in found] == booked


FEE = ((Account.FEES, Side.DEBIT, 500), (Account.TAX, Side.DEBIT, 90), (Account.PROCESSOR_RECEIVABLE, Side.CREDIT, 590))
QUICK = row(RowKind.REFUND, fee=590, tax=90, debit=AMOUNT + 590)
OURS = {"refund_id": "ref_1", "payment_id": "pmt_1"}


@pytest.mark.parametrize(
    ("told", "booked"),
    [
        (line(QUICK, **OURS), [("rfnd_1", "pmt_1", FEE)]),
        (line(replace(QUICK, tax=0), **OURS), [("rfnd_1", "pmt_1", ((Account.FEES, Side.DEBIT, 590), FEE[-1]))]),
        (line(row(RowKind.REFUND), **OURS), []),
        # Shown, and not taken.
        (line(replace(QUICK, debit=AMOUNT), **OURS), []),
        (line(QUICK, Finding.FEE_DIFFERS, **OURS), []),
        (line(QUICK, Finding.UNKNOWN), []),
        # Of a payment the fee was told, and booked, with the capture.
        (line(row(), payment_id="pmt_1"), []),
    ],
)
def test_d5_what_a_refund_cost_that_went_at_once_is_booked_by_its_line(
    told: Line, booked: list[tuple[str, str, tuple[tuple[Account, Side, int], ...]]]
) -> None:
    found = list(refund_fees([told]))
    assert {one.cause.kind for one in found} <= {CauseKind.FEE}
    legs = [tuple((leg.account, leg.side, leg.amount) for leg in one.legs) for one in found]
    assert [(one.cause.id, one.payment_id, each) for one, each in zip(found, legs, strict=True)] == booked


@given(data=st.data())
def test_i4_however_often_the_bank_returns_it_the_books_say_where_the_money_is(data: st.DataObject) -> None:
    known, booked = settlement(CREATED), list[Posting]()
    for version in range(2, data.draw(st.integers(2, 9))):
        moved = data.draw(st.sampled_from(sorted(TRANSITIONS.table[known.status])))
        after = settlement(moved, version=version)
        booked += postings(known, after)
        known = after
    at_bank = AMOUNT if known.status is PROCESSED else 0
    assert _balances(booked) == {Account.BANK: at_bank, Account.PROCESSOR_RECEIVABLE: -at_bank}
    assert len({one.cause for one in booked}) == len(booked)


def _balances(booked: list[Posting]) -> dict[Account, int]:
    sums = {Account.BANK: 0, Account.PROCESSOR_RECEIVABLE: 0}
    for posting in booked:
        for leg in posting.legs:
            sums[leg.account] += leg.amount if leg.side is Side.DEBIT else -leg.amount
    return sums
