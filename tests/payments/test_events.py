"""Which events and jobs a change of a payment causes: tables (B7, B20, C10, I6)."""

from dataclasses import replace

import pytest

from app.outbox.models import ItemKind, Lane
from app.payments.events import IMPORT_DELAY, items, returned_by
from app.payments.models import (
    TRANSITIONS,
    Part,
    PaymentStatus,
    ReviewReason,
    Suspense,
    SuspenseEntry,
)
from app.tenants.models import LatePayments, MoneySettings, SurplusPayments
from tests.payments.samples import MONEY, NOW, SCOPE, attempt, payment, primary
from tests.payments.test_evidence import S

R = ReviewReason
BY_ITSELF = {R.SECOND_PAYMENT, R.PAID_AFTER_CANCEL, R.PAID_AFTER_EXPIRY}


@pytest.mark.parametrize(
    ("before", "after"),
    [(before, after) for before in PaymentStatus for after in PaymentStatus if TRANSITIONS.allows(before, after)],
)
def test_i6_every_move_of_a_payment_has_its_event(before, after):
    moved = payment(status=after, version=8, attempts=(primary(S.CAPTURED),))
    (told,) = items(payment(status=before, version=7), moved)
    assert (told.kind, told.lane, told.name) == (ItemKind.EVENT, Lane.WEBHOOKS, f"payment.{after}")
    assert (told.subject, told.sequence, told.key) == (moved.id, 8, f"payment.{after}:{moved.id}:8")
    assert told.payload == {
        "payment_id": moved.id,
        "status": after.value,
        "amount": 50_000,
        "currency": "INR",
        "amount_captured": 50_000,
        "order_id": moved.order_id,
        "gateway_payment_id": "pay_A",
    }


def test_i6_what_changes_no_status_has_no_event():
    before = payment(attempts=(attempt(S.CREATED),))
    assert items(before, replace(before, attempts=(attempt(S.FAILED),), version=2)) == ()


def test_i6_only_new_doubts_are_told():
    before = payment(review=(R.UNRECOGNIZED_STATUS,))
    (told,) = items(before, replace(before, review=(*before.review, R.SECOND_PAYMENT), version=2))
    assert (told.name, told.payload["reasons"]) == ("payment.needs_review", ["second_payment"])
    assert told.payload["gateway_payment_id"] is None


@pytest.mark.parametrize("reason", list(R))
@pytest.mark.parametrize("returned", [frozenset(), frozenset(BY_ITSELF)])
def test_b20_money_in_suspense_is_told_and_goes_back_only_for_the_reasons_given(reason, returned):
    entry = SuspenseEntry(id="sus_A", scope=SCOPE, held=Suspense("pay_B", "pmt_A", MONEY, reason, NOW))
    told, *jobs = items(payment(), payment(version=2), opened=[entry], returned=returned)
    assert (told.name, told.subject, told.sequence) == ("suspense.opened", "sus_A", 1)
    assert (told.payload["reason"], told.payload["amount"], told.payload["payment_id"]) == (reason, 50_000, "pmt_A")
    assert [(one.kind, one.name, one.subject, one.lane) for one in jobs] == (
        [(ItemKind.JOB, "suspense.return", "sus_A", Lane.PAYMENTS)] if reason in returned else []
    )


@pytest.mark.parametrize(
    ("late", "surplus", "returned"),
    [
        (LatePayments.ACCEPT, SurplusPayments.REFUND, {R.SECOND_PAYMENT, R.PAID_AFTER_CANCEL}),
        (LatePayments.SUSPENSE, SurplusPayments.REFUND, {R.SECOND_PAYMENT, R.PAID_AFTER_CANCEL}),
        (LatePayments.REFUND, SurplusPayments.REFUND, BY_ITSELF),
        (LatePayments.REFUND, SurplusPayments.HOLD, {R.PAID_AFTER_EXPIRY}),
        (LatePayments.ACCEPT, SurplusPayments.HOLD, set()),
    ],
)
def test_b7_b20_the_merchant_says_what_goes_back_by_itself(late, surplus, returned):
    assert returned_by(MoneySettings(late, surplus)) == returned


@pytest.mark.parametrize(
    ("before", "after", "counted", "imported"),
    [
        (None, primary(S.CAPTURED), 0, None),
        (None, primary(S.CAPTURED, amount_refunded=300), 0, 300),
        (primary(S.CAPTURED), primary(S.CAPTURED, amount_refunded=300), 0, 300),
        (primary(S.CAPTURED), primary(S.CAPTURED, amount_refunded=300), 300, None),
        (primary(S.CAPTURED, amount_refunded=300), primary(S.REFUNDED, amount_refunded=500), 300, 500),
        (primary(S.CAPTURED, amount_refunded=300), primary(S.CAPTURED, amount_refunded=300, fee=1), 0, None),
        (primary(S.AUTHORIZED), primary(S.REFUNDED, captured=False, amount_refunded=500), 0, None),
        (primary(S.REFUNDED, captured=False, amount_refunded=500), primary(S.REFUNDED, amount_refunded=500), 0, 500),
        (
            attempt(S.CAPTURED, captured=True, part=Part.SURPLUS),
            attempt(S.REFUNDED, captured=True, part=Part.SURPLUS, amount_refunded=500),
            500,
            500,
        ),
    ],
)
def test_c10_what_the_processor_counts_and_we_do_not_is_imported(before, after, counted, imported):
    known = payment(attempts=() if before is None else (before,), amount_refunded=counted)
    told = items(known, replace(known, attempts=(after,), version=2))
    assert [(one.kind, one.name, one.subject, one.payload, one.delay, one.key) for one in told] == (
        []
        if imported is None
        else [
            (
                ItemKind.JOB,
                "refunds.import",
                known.id,
                {"gateway_payment_id": "pay_A", "amount_refunded": imported},
                IMPORT_DELAY,
                f"refunds.import:{known.id}:pay_A:{imported}",
            )
        ]
    )
