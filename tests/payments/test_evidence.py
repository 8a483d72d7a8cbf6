"""What snapshots mean: any order, any number of times, nothing doubled and nothing lost (B5, B6, B7, B16, B20, I1, I5).

What does not depend on the order in which snapshots arrive: each attempt's furthest status, whether and how much was
captured, its greatest refund, how much money is the payment's and how much is in suspense, and whether the payment is
completed, authorised or still open. What does: which of several captured attempts is the payment's own, whether an
open payment is called `pending` or `failed`, the history, and which reviews and processor data were noted on the way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.port import AttemptStatus, Failure, GatewayPayment
from app.kit.bounds import ATTEMPTS_PER_PAYMENT
from app.kit.money import Money
from app.payments.evidence import merge
from app.payments.models import (
    ATTEMPT_RANK,
    RANK,
    TRANSITIONS,
    Part,
    Payment,
    PaymentStatus,
    ReviewReason,
    ShownStatus,
    Source,
    Suspense,
)
from tests.payments.samples import MONEY, NOW, ORDER, OTHER_ORDER, payment, snapshot

S = AttemptStatus
WRONG = (Money(49_900, "INR"), Money(50_000, "USD"), Money(1, "INR"))
LIVES: tuple[tuple[tuple[AttemptStatus, bool, int], ...], ...] = (
    ((S.CREATED, False, 0),),
    ((S.CREATED, False, 0), (S.FAILED, False, 0)),
    ((S.CREATED, False, 0), (S.FAILED, False, 0), (S.AUTHORIZED, False, 0)),
    ((S.CREATED, False, 0), (S.FAILED, False, 0), (S.AUTHORIZED, False, 0), (S.CAPTURED, True, 0)),
    ((S.CREATED, False, 0), (S.AUTHORIZED, False, 0), (S.CAPTURED, True, 0)),
    ((S.CREATED, False, 0), (S.AUTHORIZED, False, 0), (S.CAPTURED, True, 0), (S.CAPTURED, True, 300)),
    ((S.CREATED, False, 0), (S.CAPTURED, True, 0), (S.CAPTURED, True, 300), (S.REFUNDED, True, 500)),
    ((S.CREATED, False, 0), (S.AUTHORIZED, False, 0), (S.REFUNDED, False, 500)),
)


@dataclass
class Books:
    """A payment as it grows, with what went to suspense on the way."""

    payment: Payment = field(default_factory=payment)
    suspense: list[Suspense] = field(default_factory=list)
    accept_late: bool = True
    changes: int = 0

    def learn(self, said: GatewayPayment, source: Source = Source.WEBHOOK) -> None:
        merged = merge(
            self.payment,
            said,
            source=source,
            at=NOW + timedelta(minutes=len(self.payment.history)),
            accept_late=self.accept_late,
        )
        assert merged.changed == (merged.payment is not self.payment)
        assert merged.payment.version == self.payment.version + merged.changed
        assert len(merged.payment.history) == len(self.payment.history) + merged.changed
        self.payment = merged.payment
        self.suspense += merged.suspense
        self.changes += merged.changed

    def learn_all(self, many: Iterable[GatewayPayment]) -> "Books":
        for said in many:
            self.learn(said)
        return self

    def move(self, target: PaymentStatus) -> None:
        """Cancel or expire as the service does: only when the table allows it."""
        if TRANSITIONS.allows(self.payment.status, target):
            self.payment = replace(self.payment, status=target, version=self.payment.version + 1)


@st.composite
def lives(draw: st.DrawFn) -> list[list[GatewayPayment]]:
    """Draw the lives of one to four attempts: each a list of what the processor would say, in its own order."""
    drawn = []
    for number in range(draw(st.integers(min_value=1, max_value=4))):
        amount = draw(st.sampled_from((MONEY, MONEY, MONEY, *WRONG)))
        order = draw(st.sampled_from((ORDER, ORDER, ORDER, OTHER_ORDER)))
        life = draw(st.sampled_from(LIVES))
        drawn.append(
            [
                snapshot(
                    status,
                    id=f"pay_{number}",
                    order_id=order,
                    amount=amount,
                    captured=captured,
                    amount_refunded=amount.minor * refunded // 500,
                )
                for status, captured, refunded in life
            ]
        )
    return drawn


@st.composite
def deliveries(draw: st.DrawFn) -> list[GatewayPayment]:
    """Draw what arrives of some lives: dropped, repeated, in any order."""
    said = [one for life in draw(lives()) for one in life]
    kept = draw(st.lists(st.sampled_from(said), min_size=1, max_size=16))
    return draw(st.permutations(kept))


def furthest(said: Sequence[GatewayPayment]) -> dict[str, tuple[AttemptStatus, bool, int, Money | None]]:
    """Return what is true of each attempt, computed without the code under test."""
    truth = {}
    for attempt_id in {one.id for one in said}:
        own = [one for one in said if one.id == attempt_id]
        status = max((one.status for one in own), key=ATTEMPT_RANK.__getitem__)
        truth[attempt_id] = (
            status,
            any(one.captured for one in own),
            max(one.amount_refunded for one in own),
            own[0].amount,
        )
    return truth


def known(books: Books) -> dict[str, tuple[AttemptStatus, bool, int, Money | None]]:
    return {one.id: (one.status, one.captured, one.amount_refunded, one.amount) for one in books.payment.attempts}


def assert_conserved(books: Books) -> None:
    """I1: every captured attempt is the completed payment's own or one entry in suspense; nothing else is either."""
    paid = books.payment
    captured = {one.id: one.amount for one in paid.attempts if one.captured}
    suspended = [one.gateway_payment_id for one in books.suspense]
    assert len(suspended) == len(set(suspended)), "money went to suspense twice"
    own = [one.id for one in paid.attempts if one.part is Part.PRIMARY and one.captured]
    assert len([one for one in paid.attempts if one.part is Part.PRIMARY]) <= 1
    assert sorted(own + suspended) == sorted(captured)
    assert all(one.amount == captured[one.gateway_payment_id] for one in books.suspense)
    assert bool(own) == (paid.status is PaymentStatus.COMPLETED)
    assert paid.amount_captured == (paid.money.minor if own else 0)
    assert all(captured[one] == paid.money for one in own)


def assert_monotone(books: Books) -> None:
    ranks = [RANK[entry.status] for entry in books.payment.history]
    assert ranks == sorted(ranks), "I5: the rank of the status went down"


@given(said=deliveries())
def test_b6_i1_whatever_arrives_in_whatever_order_ends_in_the_same_money(said: list[GatewayPayment]) -> None:
    forwards, backwards = Books().learn_all(said), Books().learn_all(reversed(said))
    for books in (forwards, backwards):
        assert known(books) == furthest(said)
        assert_conserved(books)
        assert_monotone(books)
    assert forwards.payment.amount_captured == backwards.payment.amount_captured
    assert sorted(one.amount.minor for one in forwards.suspense) == sorted(
        one.amount.minor for one in backwards.suspense
    )


@given(said=deliveries())
def test_b6_the_status_is_what_the_payments_own_order_and_amount_earned(said: list[GatewayPayment]) -> None:
    books = Books().learn_all(said)
    on_order = {one.id for one in said if one.order_id == ORDER and one.amount == MONEY}
    own = [truth for attempt, truth in furthest(said).items() if attempt in on_order]
    status = books.payment.status
    if any(captured for _, captured, _, _ in own):
        assert status is PaymentStatus.COMPLETED
    elif any(ATTEMPT_RANK[reached] >= ATTEMPT_RANK[S.AUTHORIZED] for reached, *_ in own):
        assert status is PaymentStatus.AUTHORIZED
    else:
        assert status in {PaymentStatus.PENDING, PaymentStatus.FAILED}


@given(data=st.data(), said=deliveries())
def test_b5_replaying_everything_shuffled_changes_nothing(data: st.DataObject, said: list[GatewayPayment]) -> None:
    books = Books().learn_all(said).learn_all(said)
    before, suspended = books.payment, list(books.suspense)
    for _ in range(2):
        books.learn_all(data.draw(st.permutations(said)))
    assert books.payment == before
    assert books.suspense == suspended


@given(said=deliveries(), at=st.integers(min_value=0, max_value=16), data=st.data())
def test_i1_money_is_conserved_whenever_the_payment_is_cancelled_or_expires(
    said: list[GatewayPayment], at: int, data: st.DataObject
) -> None:
    accept_late = data.draw(st.booleans())
    books = Books(accept_late=accept_late).learn_all(said[:at])
    before = books.payment.amount_captured
    books.move(data.draw(st.sampled_from((PaymentStatus.CANCELLED, PaymentStatus.EXPIRED))))
    books.learn_all(said[at:])
    assert_conserved(books)
    assert_monotone(books)
    if books.payment.status is PaymentStatus.CANCELLED:
        assert books.payment.amount_captured == before == 0


@given(said=deliveries())
def test_i5_no_single_step_lowers_anything(said: list[GatewayPayment]) -> None:
    books = Books()
    for one in said:
        before = books.payment
        books.learn(one)
        after = books.payment
        assert TRANSITIONS.allows(before.status, after.status) or before.status is after.status
        for attempt in before.attempts:
            later = after.attempt(attempt.id)
            assert later is not None
            assert ATTEMPT_RANK[later.status] >= ATTEMPT_RANK[attempt.status]
            assert later.captured >= attempt.captured
            assert later.amount_refunded >= attempt.amount_refunded
            assert later.amount == attempt.amount
            if attempt.captured:
                assert later.part is attempt.part, "captured money stays where it was placed"


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
    books = Books().learn_all([snapshot(S.CAPTURED), snapshot(S.CAPTURED, amount_refunded=refunded)])
    assert books.payment.status is PaymentStatus.COMPLETED
    assert (books.payment.amount_refunded, books.payment.shown_status) == (refunded, shown)
    books.learn(snapshot(S.CAPTURED))
    assert books.payment.amount_refunded == refunded


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
