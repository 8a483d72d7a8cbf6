"""When work that failed is tried again: exponentially later, up to a cap, at a moment drawn evenly (full jitter).

Twenty tries reach over most of a day: longer than a processor's outage, short enough that a human hears of it.
"""

import random
from datetime import timedelta

MOST_TRIES = 20
MOST_DEFERRALS = 200
FIRST = timedelta(seconds=2)
CAP = timedelta(hours=6)


def longest_delay(tries: int) -> timedelta:
    """Return the most that is waited after so many failed tries, the first being 1."""
    # The exponent is bounded before it is used: two to the power of any number may be no duration any more.
    return min(FIRST * (1 << min(tries - 1, MOST_TRIES)), CAP)


def delay_after(tries: int, *, rng: random.Random, least: timedelta = timedelta(0)) -> timedelta:
    """Return how long to wait after so many failed tries; `least` is what the one who refused has asked for."""
    drawn = longest_delay(tries) * rng.random()
    return max(drawn, min(least, CAP))


def deferral(seconds: float) -> timedelta:
    """Return how long a handler that asked for a later try really waits: at least a second, at most the cap."""
    return min(max(timedelta(seconds=seconds), timedelta(seconds=1)), CAP)
