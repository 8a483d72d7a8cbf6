"""Saying something seldom, without losing count."""

from app.kit.clock import MovableClock
from app.kit.seldom import Seldom


def test_it_speaks_at_first_and_once_a_minute_with_the_number_of_times() -> None:
    clock = MovableClock()
    seldom = Seldom(clock)
    assert [seldom.count() for _ in range(4)] == [1, 0, 0, 0]
    clock.advance(seconds=59.9)
    assert seldom.count() == 0
    clock.advance(seconds=0.1)
    assert [seldom.count() for _ in range(2)] == [5, 0]
