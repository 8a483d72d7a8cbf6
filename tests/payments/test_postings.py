"""What a change of a payment books: a table (C2, I2, T5)."""

from dataclasses import replace

import pytest

from app.kit.money import Money
from app.ledger.models import Account, Cause, CauseKind, Side
from app.payments.models import Attempt, Part, Payment, ReviewReason, Suspense, SuspenseEntry
from app.payments.postings import placement, postings
from tests.payments.samples import MONEY, NOW, SCOPE, attempt, payment, primary
from tests.payments.test_evidence import S

A, D, C = Account, Side.DEBIT, Side.CREDIT
CAPTURE = ((A.PROCESSOR_RECEIVABLE, D, 50_000), (A.MERCHANT_PAYABLE, C, 50_000))
HELD = ((A.PROCESSOR_RECEIVABLE, D, 50_000), (A.SUSPENSE, C, 50_000))
FEE = ((A.FEES, D, 1_000), (A.TAX, D, 180), (A.PROCESSOR_RECEIVABLE, C, 1_180))

AUTHORISED = primary(S.AUTHORIZED)
CAPTURED = primary(S.CAPTURED)
WITH_FEE = primary(S.CAPTURED, fee=1_180, tax=180)
SURPLUS = attempt(S.CAPTURED, id="pay_B", part=Part.SURPLUS, captured=True)
MISMATCHED = replace(SURPLUS, part=Part.MISMATCHED, amount=Money(7, "USD"), fee=3, tax=0)
LAPSED = primary(S.REFUNDED, captured=False, amount_refunded=50_000)


def of(*attempts: Attempt) -> Payment:
    return payment(attempts=attempts)


def told(before: Payment, after: Payment) -> list[tuple[str, str, str, tuple[tuple[Account, Side, int], ...]]]:
    return [
        (
            one.cause.kind.value,
            one.cause.id,
            one.currency,
            tuple((leg.account, leg.side, leg.amount) for leg in one.legs),
        )
        for one in postings(before, after)
    ]


@pytest.mark.parametrize(
    ("before", "after", "booked"),
    [
        ((), (attempt(S.CREATED),), []),
        ((), (attempt(S.FAILED),), []),
        ((), (AUTHORISED,), []),
        ((AUTHORISED,), (LAPSED,), []),
        ((AUTHORISED,), (replace(AUTHORISED, fee=1_180, tax=180),), []),
        ((), (CAPTURED,), [("capture", "pay_A", "INR", CAPTURE)]),
        ((AUTHORISED,), (CAPTURED,), [("capture", "pay_A", "INR", CAPTURE)]),
        ((AUTHORISED,), (WITH_FEE,), [("capture", "pay_A", "INR", CAPTURE), ("fee", "pay_A", "INR", FEE)]),
        ((CAPTURED,), (WITH_FEE,), [("fee", "pay_A", "INR", FEE)]),
        ((CAPTURED,), (replace(CAPTURED, fee=0, tax=0),), []),
        ((WITH_FEE,), (replace(WITH_FEE, amount_refunded=300),), []),
        ((WITH_FEE,), (replace(WITH_FEE, status=S.REFUNDED, amount_refunded=50_000),), []),
        (
            (CAPTURED,),
            (replace(CAPTURED, fee=30),),
            [("fee", "pay_A", "INR", ((A.FEES, D, 30), (A.PROCESSOR_RECEIVABLE, C, 30)))],
        ),
        (
            (CAPTURED,),
            (replace(CAPTURED, fee=30, tax=30),),
            [("fee", "pay_A", "INR", ((A.TAX, D, 30), (A.PROCESSOR_RECEIVABLE, C, 30)))],
        ),
        ((CAPTURED,), (CAPTURED, SURPLUS), [("capture", "pay_B", "INR", HELD)]),
        (
            (AUTHORISED, replace(SURPLUS, captured=False, status=S.AUTHORIZED)),
            (CAPTURED, SURPLUS),
            [("capture", "pay_A", "INR", CAPTURE), ("capture", "pay_B", "INR", HELD)],
        ),
        (
            (),
            (MISMATCHED,),
            [
                ("capture", "pay_B", "USD", ((A.PROCESSOR_RECEIVABLE, D, 7), (A.SUSPENSE, C, 7))),
                ("fee", "pay_B", "USD", ((A.FEES, D, 3), (A.PROCESSOR_RECEIVABLE, C, 3))),
            ],
        ),
    ],
)
def test_i2_what_each_change_books(before, after, booked):
    assert told(of(*before), of(*after)) == booked


def test_every_entry_names_its_payment():
    assert {one.payment_id for one in postings(of(), of(WITH_FEE, SURPLUS))} == {payment().id}


def test_a_capture_without_an_amount_is_a_defect_and_books_nothing():
    with pytest.raises(ValueError, match="pay_A was captured without an amount"):
        postings(of(), of(replace(CAPTURED, amount=None)))


def test_placing_books_the_open_rest_and_a_second_placement_is_another_fact():
    held = Suspense("pay_B", "pmt_first", MONEY, ReviewReason.AMOUNT_MISMATCH, NOW)
    entry = SuspenseEntry(id="sus_A", scope=SCOPE, held=held)
    first = placement(entry, payment_id=None)
    assert first.cause == Cause(CauseKind.SUSPENSE_PLACEMENT, "sus_A")
    assert first.payment_id == "pmt_first"
    assert [(leg.account, leg.side, leg.amount) for leg in first.legs] == [
        (A.SUSPENSE, D, 50_000),
        (A.MERCHANT_PAYABLE, C, 50_000),
    ]
    again = placement(replace(entry, amount_placed=49_000, refunds_reserved=300), payment_id="pmt_other")
    assert (again.cause.id, again.payment_id) == ("sus_A/49000", "pmt_other")
    assert {leg.amount for leg in again.legs} == {700}
