"""The budget's one promise."""

from hypothesis import given
from hypothesis import strategies as st

from app.gateways.razorpay.budget import RetryBudget


@given(st.lists(st.booleans(), max_size=500), st.integers(1, 50))
def test_r4_repetitions_never_exceed_their_share_of_the_calls(asks: list[bool], percent: int) -> None:
    budget = RetryBudget(percent=percent)
    calls = repetitions = 0

    for asks_to_repeat in asks:
        if asks_to_repeat:
            repetitions += budget.withdraw()
        else:
            budget.deposit()
            calls += 1
        assert repetitions * 100 <= calls * percent


def test_no_more_is_saved_up_than_the_bucket_holds() -> None:
    budget = RetryBudget(percent=10, most=3)
    for _ in range(1000):
        budget.deposit()

    assert [budget.withdraw() for _ in range(5)] == [True, True, True, False, False]
