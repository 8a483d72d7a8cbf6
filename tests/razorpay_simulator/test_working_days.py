"""Working days: from Monday to Friday as India counts them, with nine o'clock as the hour of settlements."""

from datetime import UTC, date, datetime, timedelta

import pytest

from razorpay_simulator.working_days import day_of, slot_after, slot_of_cycle


def in_india(year, month, day, hour=12):
    return (datetime(year, month, day, hour, tzinfo=UTC) - timedelta(hours=5, minutes=30)).timestamp()


@pytest.mark.parametrize(
    ("captured", "due"),
    [
        ((2026, 11, 2), (2026, 11, 4)),  # Monday
        ((2026, 11, 5), (2026, 11, 9)),  # Thursday
        ((2026, 11, 6), (2026, 11, 10)),  # Friday
        ((2026, 11, 7), (2026, 11, 10)),  # Saturday
        ((2026, 11, 8), (2026, 11, 10)),  # Sunday
        ((2026, 11, 2, 0), (2026, 11, 4)),
        ((2026, 11, 2, 23), (2026, 11, 4)),
        ((2026, 12, 31), (2027, 1, 4)),
    ],
)
def test_money_is_due_at_nine_of_the_second_working_day(captured, due):
    assert slot_of_cycle(in_india(*captured)) == in_india(*due, 9)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ((2026, 11, 2, 8), (2026, 11, 2, 9)),
        ((2026, 11, 2, 9), (2026, 11, 3, 9)),
        ((2026, 11, 6, 10), (2026, 11, 9, 9)),
        ((2026, 11, 7, 1), (2026, 11, 9, 9)),
    ],
)
def test_the_next_settlements_are_made_at_the_next_nine_of_a_working_day(now, then):
    assert slot_after(in_india(*now)) == in_india(*then)


def test_a_day_begins_when_it_begins_in_india():
    midnight = datetime(2026, 11, 2, 18, 30, tzinfo=UTC).timestamp()
    assert (day_of(midnight - 1), day_of(midnight)) == (date(2026, 11, 2), date(2026, 11, 3))
