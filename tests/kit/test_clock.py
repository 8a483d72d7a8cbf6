"""Time: aware, UTC, in milliseconds, and one direction."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.clock import MovableClock, SystemClock, to_rfc3339


def test_t1_the_system_clock_is_utc_and_keeps_what_the_database_keeps() -> None:
    now = SystemClock().now()
    assert now.utcoffset() == timedelta(0)
    assert now.microsecond % 1000 == 0


def test_t1_durations_never_run_backwards() -> None:
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(1000)]
    assert readings == sorted(readings)


def test_a_movable_clock_stands_still_until_it_is_moved() -> None:
    clock = MovableClock()
    before, mark = clock.now(), clock.monotonic()
    assert (clock.now(), clock.monotonic()) == (before, mark)
    clock.advance(seconds=90.5)
    assert clock.now() - before == timedelta(seconds=90.5)
    assert clock.monotonic() - mark == 90.5


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC), "2026-01-02T03:04:05.678Z"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00.000Z"),
        (datetime(2026, 1, 1, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2025-12-31T21:00:00.000Z"),
    ],
)
def test_a_moment_is_written_in_utc_with_milliseconds(moment: datetime, shown: str) -> None:
    assert to_rfc3339(moment) == shown


@given(
    moment=st.datetimes(
        min_value=datetime(1970, 1, 2),  # noqa: DTZ001  hypothesis adds the zone
        max_value=datetime(9999, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
        timezones=st.integers(min_value=-14 * 60, max_value=14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
    )
)
def test_what_is_written_reads_back_to_the_millisecond(moment: datetime) -> None:
    lost = moment - datetime.fromisoformat(to_rfc3339(moment))
    assert timedelta(0) <= lost < timedelta(milliseconds=1)
