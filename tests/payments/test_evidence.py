"""What single snapshots mean: late, lapsed, doubled, contradictory, of another amount (A4, B6-B20, C1, R7)."""

from dataclasses import replace

import pytest

from app.gateways.port import AttemptStatus, Failure, GatewayPayment
from app.kit.bounds import ATTEMPTS_PER_PAYMENT
from app.kit.money import Money
from app.payments.models import (
    Part,
    PaymentStatus,
    ReviewReason,
    ShownStatus,
    Source,
)
from tests.payments.books import Books, assert_conserved
from tests.payments.samples import MONEY, OTHER_ORDER, payment, snapshot

S = AttemptStatus
WRONG = (Money(49_900, "INR"), Money(50_000, "USD"), Money(1, "INR"))


def test_b6_captured_then_authorized_then_failed_stays_captured() -> None:
    books = Books().learn_all([snapshot(S.CAPTURED), snapshot(S.AUTHORIZED), snapshot(S.FAILED), snapshot(S.CREATED)])
    assert books.payment.status is PaymentStatus.COMPLETED
    assert books.changes == 1
    assert books.payment.attempts[0].failure is None


@pytest.mark.parametrize("status", [PaymentStatus.FAILED, PaymentStatus.EXPIRED])
def test_b7_a_late_authorisation_moves_a_failed_or_expired_payment_up(status: PaymentStatus) -> None:
    books = Books(payment(status=status))
    books.learn(snapshot(S.AUTHORIZED))
    assert books.payment.status is PaymentStatus.AUTHORIZED
    books.learn(snapshot(S.CAPTURED))
    assert books.payment.status is PaymentStatus.COMPLETED
    assert books.suspense == []


def test_b7_a_failure_is_told_until_the_late_authorisation() -> None:
    books = Books().learn_all([snapshot(S.FAILED)])
    failure = Failure(code="BAD_REQUEST_ERROR", reason="card_declined")
    assert (books.payment.status, books.payment.attempts[0].failure) == (PaymentStatus.FAILED, failure)
    books.learn(snapshot(S.FAILED, failure=None))
    assert books.payment.attempts[0].failure == failure
    books.learn(snapshot(S.AUTHORIZED))
    assert books.payment.attempts[0].failure is None


def test_b7_money_for_an_expired_payment_goes_to_suspense_when_the_merchant_wants_no_late_money() -> None:
    books = Books(payment(status=PaymentStatus.EXPIRED), accept_late=False)
    books.learn_all([snapshot(S.AUTHORIZED), snapshot(S.CAPTURED)])
    assert books.payment.status is PaymentStatus.EXPIRED
    assert books.payment.review == (ReviewReason.PAID_AFTER_EXPIRY,)
    assert [one.reason for one in books.suspense] == [ReviewReason.PAID_AFTER_EXPIRY]


def test_b7_money_for_a_cancelled_payment_goes_to_suspense_only_when_it_was_captured() -> None:
    books = Books(payment(status=PaymentStatus.CANCELLED))
    books.learn(snapshot(S.AUTHORIZED))
    assert (books.suspense, books.payment.review) == ([], (ReviewReason.PAID_AFTER_CANCEL,))
    books.learn(snapshot(S.CAPTURED))
    (kept,) = books.suspense
    assert (kept.reason, kept.amount, kept.payment_id) == (
        ReviewReason.PAID_AFTER_CANCEL,
        MONEY,
        books.payment.id,
    )
    assert books.payment.status is PaymentStatus.CANCELLED


@pytest.mark.parametrize("amount", WRONG)
def test_b16_another_amount_or_currency_is_not_this_payments_money(amount: Money) -> None:
    books = Books().learn_all([snapshot(S.CAPTURED, amount=amount)])
    assert books.payment.status is PaymentStatus.PENDING
    assert (books.payment.amount_captured, books.payment.review) == (0, (ReviewReason.AMOUNT_MISMATCH,))
    assert books.payment.attempts[0].part is Part.MISMATCHED
    assert [(one.amount, one.reason) for one in books.suspense] == [(amount, ReviewReason.AMOUNT_MISMATCH)]


def test_b16_an_amount_that_changes_between_authorisation_and_capture_is_not_trusted() -> None:
    books = Books().learn_all([snapshot(S.AUTHORIZED), snapshot(S.CAPTURED, amount=WRONG[0])])
    assert_conserved(books)
    assert books.payment.primary is None
    assert [one.amount for one in books.suspense] == [WRONG[0]]
    books.learn(snapshot(S.CAPTURED, id="pay_B"))
    assert books.payment.status is PaymentStatus.COMPLETED
    assert_conserved(books)


def test_b16_what_was_captured_never_changes_afterwards() -> None:
    books = Books().learn_all([snapshot(S.CAPTURED), snapshot(S.REFUNDED, amount=WRONG[0], captured=True)])
    assert books.payment.attempts[0].amount == MONEY
    assert books.payment.review == (ReviewReason.AMOUNT_MISMATCH,)
    assert_conserved(books)


def test_b20_of_two_captured_payments_the_first_counts_and_the_second_is_kept_apart() -> None:
    books = Books().learn_all([snapshot(S.CAPTURED), snapshot(S.CAPTURED, id="pay_B")])
    assert books.payment.primary is not None
    assert books.payment.primary.id == "pay_A"
    assert [(one.gateway_payment_id, one.reason) for one in books.suspense] == [("pay_B", ReviewReason.SECOND_PAYMENT)]


def test_b20_captured_money_displaces_what_is_only_authorised() -> None:
    books = Books().learn_all([snapshot(S.AUTHORIZED), snapshot(S.CAPTURED, id="pay_B")])
    assert books.payment.primary is not None
    assert books.payment.primary.id == "pay_B"
    assert books.suspense == []
    books.learn(snapshot(S.CAPTURED))
    assert [one.gateway_payment_id for one in books.suspense] == ["pay_A"]
    assert_conserved(books)


def test_c1_after_a_lapsed_authorisation_another_one_takes_its_place_and_nobody_needs_to_look() -> None:
    lapsed = snapshot(S.REFUNDED, captured=False, amount_refunded=MONEY.minor)
    books = Books().learn_all([snapshot(S.AUTHORIZED), lapsed])
    assert books.payment.status is PaymentStatus.AUTHORIZED
    assert books.payment.shown_status is ShownStatus.REFUNDED
    assert (books.payment.amount_captured, books.suspense) == (0, [])
    books.learn_all([snapshot(S.AUTHORIZED, id="pay_B"), lapsed, snapshot(S.CAPTURED, id="pay_B"), lapsed])
    assert books.payment.shown_status is ShownStatus.COMPLETED
    assert books.payment.amount_refunded == 0
    assert books.payment.review == ()


def test_c1_two_lapsed_authorisations_do_not_take_turns() -> None:
    lapsed = [snapshot(S.REFUNDED, id=name, captured=False, amount_refunded=MONEY.minor) for name in ("pay_A", "pay_B")]
    books = Books().learn_all(lapsed * 3)
    assert books.changes == 2
    assert books.payment.review == ()


def test_a4_money_on_an_orphan_order_goes_to_suspense() -> None:
    for order_id in (OTHER_ORDER, None):
        books = Books().learn_all([snapshot(S.CAPTURED, order_id=order_id)])
        assert [one.reason for one in books.suspense] == [ReviewReason.ORPHAN_ORDER]
        assert books.payment.status is PaymentStatus.PENDING


@pytest.mark.parametrize(
    ("said", "doubt"),
    [
        (snapshot(S.CAPTURED, amount=None), ReviewReason.CONTRADICTORY_AMOUNT),
        (snapshot(S.UNRECOGNIZED), ReviewReason.UNRECOGNIZED_STATUS),
    ],
)
def test_r7_a_snapshot_that_makes_no_sense_moves_nothing_and_is_noted(
    said: GatewayPayment, doubt: ReviewReason
) -> None:
    books = Books().learn_all([said, said])
    assert books.payment.status is PaymentStatus.PENDING
    assert (books.payment.review, books.suspense, books.changes) == ((doubt,), [], 1)
    assert books.payment.attempts[0].status is S.CREATED
    books.learn(snapshot(S.CAPTURED))
    assert books.payment.status is PaymentStatus.COMPLETED
    books.learn(said)
    assert books.payment.status is PaymentStatus.COMPLETED
    assert_conserved(books)


@pytest.mark.parametrize(
    ("refunded", "shown"),
    [
        (0, ShownStatus.COMPLETED),
        (1, ShownStatus.PARTIALLY_REFUNDED),
        (49_999, ShownStatus.PARTIALLY_REFUNDED),
        (50_000, ShownStatus.REFUNDED),
    ],
)
def test_d3_refunds_are_counted_and_shown_but_are_no_state(refunded: int, shown: ShownStatus) -> None:
    books = Books(payment(amount_refunded=refunded, refunds_reserved=refunded)).learn_all([snapshot(S.CAPTURED)])
    assert books.payment.status is PaymentStatus.COMPLETED
    assert (books.payment.amount_refunded, books.payment.shown_status) == (refunded, shown)


def test_d3_what_the_processor_says_of_refunds_is_noted_at_the_attempt_and_moves_no_counter() -> None:
    books = Books().learn_all([snapshot(S.CAPTURED), snapshot(S.CAPTURED, amount_refunded=300), snapshot(S.CAPTURED)])
    assert books.payment.attempts[0].amount_refunded == 300
    counters = (books.payment.refunds_reserved, books.payment.amount_refunded, books.payment.shown_status)
    assert counters == (0, 0, ShownStatus.COMPLETED)


def test_g10_failed_tries_beyond_the_bound_are_forgotten_but_money_never_is() -> None:
    many = [snapshot(S.FAILED, id=f"pay_{number}") for number in range(ATTEMPTS_PER_PAYMENT + 20)]
    books = Books().learn_all(many)
    assert len(books.payment.attempts) == ATTEMPTS_PER_PAYMENT
    assert books.changes == ATTEMPTS_PER_PAYMENT
    books.learn(many[0])
    assert books.changes == ATTEMPTS_PER_PAYMENT
    books.learn_all([snapshot(S.CAPTURED, id="pay_paid"), snapshot(S.CAPTURED, id="pay_69")])
    assert books.payment.status is PaymentStatus.COMPLETED
    assert len(books.suspense) == 1
    assert_conserved(books)


def test_the_processors_data_of_the_payments_own_attempt_is_kept() -> None:
    books = Books().learn_all([snapshot(S.FAILED, raw={"try": 1}), snapshot(S.FAILED, id="pay_B", raw={"try": 2})])
    assert books.payment.razorpay_data == {"try": 2}
    books.learn(snapshot(S.CAPTURED, raw={"try": 3}))
    books.learn(snapshot(S.FAILED, id="pay_C", raw={"try": 4}))
    assert books.payment.razorpay_data == {"try": 3}
    books.learn(snapshot(S.REFUNDED, captured=True, amount_refunded=1, raw={}))
    assert books.payment.razorpay_data == {"try": 3}


def test_fees_and_method_are_kept_once_they_are_known() -> None:
    books = Books().learn_all(
        [
            snapshot(S.AUTHORIZED, method=None),
            snapshot(S.CAPTURED, fee=1180, tax=180, method="upi"),
            snapshot(S.CAPTURED, fee=None, tax=None, method="card", amount_refunded=1),
        ]
    )
    (attempt,) = books.payment.attempts
    assert (attempt.fee, attempt.tax, attempt.method) == (1180, 180, "upi")


@pytest.mark.parametrize("source", list(Source))
def test_d2_the_source_is_written_down_and_decides_nothing(source: Source) -> None:
    books = Books()
    books.learn(snapshot(S.CAPTURED), source)
    assert books.payment.history[-1].source == source.value
    assert replace(books.payment, history=()) == replace(Books().learn_all([snapshot(S.CAPTURED)]).payment, history=())
