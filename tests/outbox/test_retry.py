"""When work is tried again: later and later, up to a cap, at a moment that nobody can foresee."""

import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.outbox.retry import CAP, FIRST, MOST_TRIES, deferral, delay_after, longest_delay


def drawn_from(seed):
    return random.Random(seed)  # noqa: S311  jitter, no secret


tries = st.integers(min_value=1, max_value=10_000)


def test_the_longest_delay_doubles_up_to_the_cap():
    delays = [longest_delay(number) for number in range(1, MOST_TRIES + 1)]
    assert delays[:5] == [FIRST * factor for factor in (1, 2, 4, 8, 16)]
    assert delays == sorted(delays)
    assert delays[-1] == CAP
    assert timedelta(hours=12) < sum(delays, timedelta()) / 2 < timedelta(hours=36)


@given(number=tries, seed=st.integers())
def test_a_delay_lies_anywhere_between_nothing_and_the_longest(number, seed):
    assert timedelta(0) <= delay_after(number, rng=drawn_from(seed)) <= longest_delay(number)


def test_full_jitter_spreads_over_the_whole_range():
    rng = drawn_from(7)
    drawn = [delay_after(10, rng=rng) / longest_delay(10) for _ in range(2000)]
    for tenth in range(10):
        assert 120 < sum(tenth <= 10 * share < tenth + 1 for share in drawn) < 280


@given(number=tries, seconds=st.floats(0, 10**6))
def test_who_asked_to_be_left_alone_is_left_alone_up_to_the_cap(number, seconds):
    least = timedelta(seconds=seconds)
    assert delay_after(number, rng=drawn_from(1), least=least) >= min(least, CAP)


@given(seconds=st.floats(-(10**6), 10**6))
def test_a_handler_that_asks_for_time_gets_some_of_it(seconds):
    assert timedelta(seconds=1) <= deferral(seconds) <= CAP
