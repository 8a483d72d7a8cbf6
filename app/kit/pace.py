"""How often something may happen: a budget, and the generic cell rate algorithm that spends it. Pure.

Of everybody who is counted one number is kept: the moment at which their budget will be whole again. Each request moves
it on by the time in which the budget earns one request; who would move it further ahead than the whole budget takes to
earn is refused. That is a token bucket without a job that refills it. Times are whole microseconds, so nothing is
rounded in anybody's favour, and Redis counts the same way (`app/ratelimits/shared.py`).
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

MICROSECONDS: Final = 1_000_000
LONGEST_SECONDS: Final = 86_400

_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_NOTATION = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,4})?([smh])")


@dataclass(frozen=True)
class Budget:
    """`quota` requests at once, and as many again in every `window_seconds`. Raises ValueError for a useless one."""

    quota: int
    window_seconds: int

    def __post_init__(self) -> None:
        """Refuse what can't be counted in microseconds, or would hold a grudge for days."""
        if not 1 <= self.window_seconds <= LONGEST_SECONDS or not 1 <= self.quota <= self.window_seconds * MICROSECONDS:
            message = f"{self} is no budget: at least one request, at most a million a second, over at most a day"
            raise ValueError(message)

    @classmethod
    def of(cls, text: str) -> "Budget":
        """Read `requests/time`: `100/s`, `2000/2s`, `600/m`, `50/h`. Raises ValueError."""
        read = _NOTATION.fullmatch(text.strip())
        if read is None:
            message = f"{text[:20]!r} is no budget; write requests/time as 100/s, 2000/2s, 600/m or 50/h"
            raise ValueError(message)
        quota, count, unit = read.groups()
        return cls(int(quota), int(count or 1) * _UNITS[unit])

    def __str__(self) -> str:
        return f"{self.quota}/{self.window_seconds}s"

    @cached_property
    def interval(self) -> int:
        """Return the microseconds in which one request is earned, rounded up: never faster than promised."""
        return -(-self.window_seconds * MICROSECONDS // self.quota)

    @cached_property
    def span(self) -> int:
        """Return the microseconds in which the whole budget is earned."""
        return self.interval * self.quota


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether one request may pass, and how the budget stands after it.

    Attributes:
        is_allowed: whether it may.
        ahead: microseconds until the budget is whole again.
        budget: which was asked.
    """

    is_allowed: bool
    ahead: int
    budget: Budget

    @property
    def remaining(self) -> int:
        """Return how many more may follow at once."""
        return max(0, (self.budget.span - self.ahead) // self.budget.interval)

    @property
    def whole_after_seconds(self) -> int:
        """Return the seconds until the budget is whole again, rounded up."""
        return _seconds(self.ahead)

    @property
    def retry_after_seconds(self) -> int:
        """Return the seconds until one would pass, rounded up; 0 when one would pass at once."""
        return _seconds(max(0, self.ahead + self.budget.interval - self.budget.span))


def spend(budget: Budget, *, whole_at: int, now: int) -> Decision:
    """Decide on one request, of somebody whose budget is whole at `whole_at` (0 for a stranger), both in microseconds.

    A refusal costs nothing: whoever keeps asking is not kept out for longer. A clock that was set back keeps nobody out
    for longer than the whole budget takes to earn.
    """
    ahead = min(max(whole_at - now, 0), budget.span)
    if ahead + budget.interval > budget.span:
        return Decision(False, ahead, budget)
    return Decision(True, ahead + budget.interval, budget)


def _seconds(microseconds: int) -> int:
    return -(-microseconds // MICROSECONDS)
