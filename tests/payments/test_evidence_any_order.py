"""What snapshots mean: any order, any number of times, nothing doubled and nothing lost (B5, B6, B7, B16, B20, I1, I5).

What does not depend on the order in which snapshots arrive: each attempt's furthest status, whether and how much was
captured, its greatest refund, how much money is the payment's and how much is in suspense, and whether the payment is
completed, authorised or still open. What does: which of several captured attempts is the payment's own, whether an
open payment is called `pending` or `failed`, the history, and which reviews and processor data were noted on the way.
"""

from hypothesis import given
from hypothesis import strategies as st

from app.gateways.port import AttemptStatus, GatewayPayment
from app.kit.money import Money
from app.payments.models import (
    ATTEMPT_RANK,
    TRANSITIONS,
    PaymentStatus,
)
from tests.payments.books import Books, assert_booked, assert_conserved, assert_monotone, assert_told, furthest, known
from tests.payments.samples import MONEY, ORDER, OTHER_ORDER, snapshot

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


@st.composite
def lives(draw: st.DrawFn) -> list[list[GatewayPayment]]:
    """Draw the lives of one to four attempts: each a list of what the processor would say, in its own order."""
    drawn = []
    for number in range(draw(st.integers(min_value=1, max_value=4))):
        amount = draw(st.sampled_from((MONEY, MONEY, MONEY, *WRONG)))
        order = draw(st.sampled_from((ORDER, ORDER, ORDER, OTHER_ORDER)))
        life = draw(st.sampled_from(LIVES))
        fee, tax = draw(st.sampled_from(((None, None), (0, 0), (1_180, 180), (30, None), (180, 1_180))))
        drawn.append(
            [
                snapshot(
                    status,
                    id=f"pay_{number}",
                    order_id=order,
                    amount=amount,
                    captured=captured,
                    amount_refunded=amount.minor * refunded // 500,
                    fee=fee if draw(st.booleans()) else None,
                    tax=tax,
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


@given(said=deliveries())
def test_b6_i1_i2_i6_whatever_arrives_in_whatever_order_ends_in_the_same_money(said: list[GatewayPayment]) -> None:
    forwards, backwards = Books().learn_all(said), Books().learn_all(reversed(said))
    for books in (forwards, backwards):
        assert known(books) == furthest(said)
        assert_conserved(books)
        assert_monotone(books)
        assert_booked(books)
        assert_told(books)
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
    before, suspended, booked, told = books.payment, list(books.suspense), list(books.booked), list(books.told)
    for _ in range(2):
        books.learn_all(data.draw(st.permutations(said)))
    assert books.payment == before
    assert (books.suspense, books.booked, books.told) == (suspended, booked, told)


@given(said=deliveries(), at=st.integers(min_value=0, max_value=16), data=st.data())
def test_i1_i2_money_is_conserved_whenever_the_payment_is_cancelled_or_expires(
    said: list[GatewayPayment], at: int, data: st.DataObject
) -> None:
    accept_late = data.draw(st.booleans())
    books = Books(accept_late=accept_late).learn_all(said[:at])
    before = books.payment.amount_captured
    books.move(data.draw(st.sampled_from((PaymentStatus.CANCELLED, PaymentStatus.EXPIRED))))
    books.learn_all(said[at:])
    assert_conserved(books)
    assert_monotone(books)
    assert_booked(books)
    assert_told(books)
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
