"""When a delivery is tried again, and how a failing endpoint is slowed down: pure.

Ten tries reach over 75 hours, so that a receiver that is down from Friday evening to Monday morning misses nothing. The
steps are those that the Standard Webhooks specification recommends.
"""

import random
from datetime import timedelta

DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The pauses between the tries of one delivery."""

MOST_TRIES = len(DELAYS) + 1
_JITTER = 0.1
_FIRST_REST = timedelta(seconds=1)
_LONGEST_REST = timedelta(minutes=10)


def delay_after(tries: int, *, rng: random.Random) -> timedelta | None:
    """Return how long to wait after so many failed tries; None when that was the last.

    At most a tenth is added, never taken off, so that the last try is as late as promised.
    """
    return None if tries >= MOST_TRIES else DELAYS[tries - 1] * (1 + _JITTER * rng.random())


def rest_after(failures: int) -> timedelta:
    """Return how long an endpoint is left alone after so many failures in a row, whatever waits for it (W7)."""
    return min(_FIRST_REST * (1 << min(failures - 1, 16)), _LONGEST_REST) if failures else timedelta(0)
