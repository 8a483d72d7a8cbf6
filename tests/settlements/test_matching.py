"""What is wrong with a line of a settlement, as tables."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.gateways.settlement import RowKind
from app.kit.money import Money
from app.payments.models import Attempt
from app.refunds.models import HistoryEntry, RefundStatus
from app.settlements.matching import Known, findings_of
from app.settlements.models import PATIENCE, Agreement, Finding
from tests.disputes.samples import dispute, said
from tests.payments.samples import NOW, payment
from tests.payments.test_evidence import S
from tests.refunds.samples import refund
from tests.settlements.samples import AMOUNT, FEE, TAX, row, settlement, tally

PAID = Attempt(
    id="pay_1",
    status=S.CAPTURED,
    amount=Money(AMOUNT, "INR"),
    method="upi",
    created_at=NOW,
    captured=True,
    fee=FEE,
    tax=TAX,
)
F = Finding


@pytest.mark.parametrize(
    ("attempt", "told", "found"),
    [
        ({}, {}, ()),
        ({"status": S.REFUNDED, "amount_refunded": AMOUNT}, {}, ()),
        ({"status": S.AUTHORIZED, "captured": False}, {}, (F.NOT_BOOKED,)),
        ({"amount": None}, {}, (F.NOT_BOOKED,)),
        ({"id": "pay_2"}, {}, (F.UNKNOWN,)),
        ({}, {"amount": AMOUNT - 1, "credit": AMOUNT - 1 - FEE}, (F.AMOUNT_DIFFERS,)),
        ({}, {"fee": FEE + 1, "credit": AMOUNT - FEE - 1}, (F.FEE_DIFFERS,)),
        ({}, {"tax": TAX + 1}, (F.FEE_DIFFERS,)),
        ({"fee": None, "tax": None}, {}, (F.FEE_DIFFERS,)),
        ({"fee": None, "tax": None}, {"fee": 0, "tax": 0, "credit": AMOUNT}, ()),
        ({}, {"credit": AMOUNT}, (F.SUM_DIFFERS,)),
        ({}, {"debit": 1}, (F.SUM_DIFFERS,)),
        ({"amount": Money(600, "USD"), "fee": 12, "tax": 0}, {}, ()),
    ],
)
def test_a_payment_s_line_is_compared_with_its_capture_and_its_fee(attempt, told, found):
    known = Known(payment=payment(attempts=(replace(PAID, **attempt),)))
    assert findings_of(row(**told), known) == found


@pytest.mark.parametrize(
    ("status", "told", "found"),
    [
        (RefundStatus.PROCESSED, {}, ()),
        (RefundStatus.PENDING, {}, ()),
        (RefundStatus.PROCESSED, {"fee": 500, "debit": AMOUNT + 500}, ()),
        (RefundStatus.FAILED, {"settled_at": None}, (F.NOT_BOOKED,)),
        # Its line was right: the bank sent it back afterwards, and the money comes by another line.
        (RefundStatus.FAILED, {"settled_at": NOW - timedelta(days=1)}, ()),
        (RefundStatus.FAILED, {"settled_at": NOW + timedelta(days=1)}, (F.NOT_BOOKED,)),
        (RefundStatus.CANCELLED, {}, (F.NOT_BOOKED,)),
        (RefundStatus.PROCESSED, {"amount": 1, "debit": 1}, (F.AMOUNT_DIFFERS,)),
        (RefundStatus.PROCESSED, {"debit": AMOUNT - 1}, (F.SUM_DIFFERS,)),
        (RefundStatus.PROCESSED, {"credit": 1}, (F.SUM_DIFFERS,)),
        (RefundStatus.PROCESSED, {"fee": 500}, ()),
        (RefundStatus.PROCESSED, {"fee": 500, "tax": 501, "debit": AMOUNT + 500}, (F.FEE_DIFFERS,)),
    ],
)
def test_a_refund_s_line_is_compared_with_what_went_back(status, told, found):
    failed = HistoryEntry(at=NOW, event="refund.failed", status=RefundStatus.FAILED, source="webhook")
    history = (failed,) if status is RefundStatus.FAILED else ()
    known = Known(refund=refund(status, money=Money(AMOUNT, "INR"), history=history))
    assert findings_of(row(RowKind.REFUND, **told), known) == found


@pytest.mark.parametrize(("booked", "found"), [(None, ()), (590, ()), (0, (F.FEE_DIFFERS,)), (591, (F.FEE_DIFFERS,))])
def test_the_fee_of_a_refund_that_went_at_once_is_what_was_booked_for_it_before(booked, found):
    known = Known(refund=refund(RefundStatus.PROCESSED, money=Money(AMOUNT, "INR")), refund_fee=booked)
    assert findings_of(row(RowKind.REFUND, fee=590, tax=90, debit=AMOUNT + 590), known) == found


@pytest.mark.parametrize(
    ("status", "deducted", "told", "found"),
    [
        ("lost", AMOUNT, {}, ()),
        ("lost", AMOUNT, {"debit": AMOUNT + 1}, (F.AMOUNT_DIFFERS,)),
        ("lost", 100, {"debit": 100}, ()),
        ("lost", 100, {}, (F.AMOUNT_DIFFERS,)),
        ("lost", AMOUNT, {"debit": 0, "credit": AMOUNT}, (F.NOT_BOOKED,)),
        ("under_review", 0, {}, (F.NOT_BOOKED,)),
        ("won", 0, {"debit": 0, "credit": AMOUNT}, ()),
        ("won", 0, {"debit": 0, "credit": AMOUNT + 1}, (F.AMOUNT_DIFFERS,)),
        # What took was right when it was lost, and what gives back is another line.
        ("won", 0, {}, ()),
    ],
)
def test_an_adjustment_is_compared_with_what_a_dispute_cost(status, deducted, told, found):
    known = Known(dispute=dispute(said(status, deducted=deducted)))
    assert findings_of(row(RowKind.ADJUSTMENT, dispute_id="disp_1", **told), known) == found


def test_an_adjustment_that_names_no_dispute_is_left_to_people():
    assert findings_of(row(RowKind.ADJUSTMENT, dispute_id=None), Known()) == (F.UNEXPLAINED,)


@pytest.mark.parametrize("kind", RowKind)
def test_money_of_nobody_here_is_named_so(kind):
    assert findings_of(row(kind), Known()) == (F.UNKNOWN,)


@pytest.mark.parametrize(
    ("counted", "agreement"),
    [
        (None, Agreement.PENDING),
        (tally(net=0, lines=0), Agreement.PENDING),
        (tally(net=0, lines=0, waited=PATIENCE), Agreement.DIFFERS),
        (tally(), Agreement.AGREED),
        (tally(with_findings=3, waited=PATIENCE), Agreement.DIFFERS),
        (tally(with_findings=1), Agreement.DIFFERS),
        (tally(net=AMOUNT - 1), Agreement.DIFFERS),
    ],
)
def test_a_settlement_agrees_when_its_lines_make_up_its_amount_and_none_is_odd(counted, agreement):
    assert settlement(tally=counted).agreement is agreement


def test_patience_begins_when_it_was_paid():
    silent = tally(net=0, lines=0, waited=PATIENCE)
    assert settlement(tally=silent, paid_at=silent.counted_at - timedelta(days=1)).may_come_right
    assert not settlement(tally=silent).may_come_right
