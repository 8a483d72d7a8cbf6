"""India's working days, from Monday to Friday, and the hour at which settlements are made on them.

Bank holidays are left out: they are a list that changes every year, and a test that counts days must be able to count.
"""

from datetime import date, timedelta

from razorpay_simulator.entities import DAY_SECONDS

INDIA_SECONDS = 19_800
"""How far India's clocks are ahead of universal time; it has no summer time."""

_SETTLING_HOUR_SECONDS = 9 * 3600
_EPOCH = date(1970, 1, 1)


def day_of(moment: float) -> date:
    """Return the date in India."""
    return _EPOCH + timedelta(days=int((moment + INDIA_SECONDS) // DAY_SECONDS))


def slot_after(moment: float) -> float:
    """Return when the next settlements are made: at nine of the first working day whose nine is still to come."""
    day = day_of(moment)
    while not _is_working(day) or _slot(day) <= moment:
        day += timedelta(days=1)
    return _slot(day)


def slot_of_cycle(moment: float, *, working_days: int = 2) -> float:
    """Return when money of this moment is settled: at nine of the so-manieth working day after its day."""
    day = day_of(moment)
    while working_days > 0:
        day += timedelta(days=1)
        working_days -= _is_working(day)
    return _slot(day)


def _is_working(day: date) -> bool:
    return day.isoweekday() <= 5


def _slot(day: date) -> float:
    return (day - _EPOCH).days * DAY_SECONDS - INDIA_SECONDS + _SETTLING_HOUR_SECONDS
