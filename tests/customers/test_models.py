"""What a customer's payments add up to, and by how many names they are found."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.customers.models import MOST_KEYS, Customer, Purchase, Turnover
from app.kit.scope import Mode, Scope

DAY = datetime(2026, 1, 1, tzinfo=UTC)
NOBODY = Customer("cus_1", Scope("mer_1", Mode.TEST), "own", ("own",), "sealed", DAY, DAY, DAY)
AMOUNTS = st.integers(0, 10**9)
PURCHASES = st.builds(
    Purchase,
    payment_id=st.just("pmt_1"),
    version=st.integers(1, 9),
    currency=st.sampled_from(["INR", "USD"]),
    turnover=st.builds(Turnover, st.just(1), AMOUNTS, AMOUNTS),
    paid_at=st.integers(0, 99).map(lambda days: DAY + timedelta(days=days)),
)


@given(states=st.lists(PURCHASES, min_size=1, max_size=6))
def test_i3_of_a_payment_that_changes_only_the_last_state_counts(states):
    customer, before = NOBODY, None
    for state in states:
        customer, before = customer.counted(before, state), state
    assert customer.turnovers == {states[-1].currency: states[-1].turnover}
    assert customer.payments == 1
    assert customer.last_paid_at == max(state.paid_at for state in states)


def test_only_so_many_names_are_kept_and_the_newest_is_among_them():
    customer = NOBODY
    for number in range(MOST_KEYS * 2):
        customer = customer.named(identity="own", keys=["own", f"mail-{number}"], payer="sealed", at=DAY)
    assert len(customer.keys) == MOST_KEYS
    assert customer.keys[:2] == ("own", f"mail-{MOST_KEYS * 2 - 1}")


def test_a_representation_shows_no_sealed_text():
    assert "sealed" not in repr(NOBODY)
