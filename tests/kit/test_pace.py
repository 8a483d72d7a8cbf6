"""Budgets: never more than promised, whatever the times of asking; and never less for long."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.pace import LONGEST_SECONDS, MICROSECONDS, Budget, spend

budgets = st.builds(Budget, st.integers(1, 5_000), st.integers(1, 3_600))
gaps = st.lists(st.integers(0, 4_000_000), min_size=1, max_size=80)
START = 1_790_000_000 * MICROSECONDS


def ask_all(budget: Budget, waits: list[int], start: int = START) -> list[tuple[int, bool]]:
    """Ask after each of the waits; return when, and whether it passed."""
    now, whole_at, asked = start, 0, []
    for wait in waits:
        now += wait
        decision = spend(budget, whole_at=whole_at, now=now)
        whole_at = now + decision.ahead
        asked.append((now, decision.is_allowed))
    return asked


@given(budgets, gaps)
def test_no_span_of_time_lets_more_through_than_the_burst_and_what_was_earned(budget: Budget, waits: list[int]) -> None:
    passed = [moment for moment, is_allowed in ask_all(budget, waits) if is_allowed]
    for first, last in itertools.combinations_with_replacement(range(len(passed)), 2):
        number, took = last - first + 1, passed[last] - passed[first]
        assert (number - budget.quota) * budget.window_seconds * MICROSECONDS <= took * budget.quota


@given(budgets)
def test_the_whole_budget_may_be_spent_at_once_and_not_one_more(budget: Budget) -> None:
    asked = ask_all(budget, [0] * (budget.quota + 3))
    assert [is_allowed for _, is_allowed in asked] == [True] * budget.quota + [False] * 3


@given(budgets, gaps, st.integers(0, 10**9))
def test_whoever_waits_longer_has_no_less(budget: Budget, waits: list[int], more: int) -> None:
    now, whole_at = START, 0
    for wait in waits:
        now += wait
        whole_at = now + spend(budget, whole_at=whole_at, now=now).ahead
    sooner, later = (spend(budget, whole_at=whole_at, now=moment) for moment in (now, now + more))
    assert later.remaining >= sooner.remaining
    assert later.is_allowed or not sooner.is_allowed
    assert later.retry_after_seconds <= sooner.retry_after_seconds


@given(budgets, gaps)
def test_a_refusal_costs_nothing_and_says_when_one_passes(budget: Budget, waits: list[int]) -> None:
    now, whole_at = START, 0
    for wait in [*waits, *[0] * budget.quota]:
        now += wait
        decision = spend(budget, whole_at=whole_at, now=now)
        if not decision.is_allowed:
            assert now + decision.ahead == max(whole_at, now)
            assert decision.remaining == 0
            assert decision.retry_after_seconds >= 1
            then = now + decision.retry_after_seconds * MICROSECONDS
            assert spend(budget, whole_at=whole_at, now=then).is_allowed
            return
        assert decision.remaining <= budget.quota - 1
        whole_at = now + decision.ahead


@given(budgets, st.integers(0, 10**12))
def test_a_clock_that_was_set_back_keeps_nobody_out_for_longer_than_the_budget_takes(budget: Budget, back: int) -> None:
    decision = spend(budget, whole_at=START + back, now=START)
    assert decision.ahead <= budget.span
    assert spend(budget, whole_at=START + decision.ahead, now=START + budget.span).remaining == budget.quota - 1


@given(budgets)
def test_what_is_promised_per_window_is_earned_within_a_window_and_a_rounding(budget: Budget) -> None:
    exact = budget.window_seconds * MICROSECONDS
    assert exact <= budget.span < exact + budget.quota


@pytest.mark.parametrize(
    ("text", "quota", "seconds"),
    [("100/s", 100, 1), ("2000/2s", 2000, 2), ("600/m", 600, 60), (" 50/h ", 50, 3600), ("1/24h", 1, LONGEST_SECONDS)],
)
def test_a_budget_is_read_as_people_write_it(text: str, quota: int, seconds: int) -> None:
    assert Budget.of(text) == Budget(quota, seconds)


@given(budgets)
def test_a_budget_is_written_as_it_is_read(budget: Budget) -> None:
    assert Budget.of(str(budget)) == budget


@pytest.mark.parametrize("text", ["", "100", "0/s", "10/0s", "1.5/s", "-3/s", "10/d", "25/25h", "2000000/s", "1/s/s"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no budget"):
        Budget.of(text)
