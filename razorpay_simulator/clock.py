"""Simulated time: it runs with the real one, can be stopped and moved, and fires what was planned on the way."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Awaitable, Callable

Action = Callable[[], None]
_LONGEST_NAP_SECONDS = 3600.0


class Clock:
    """The time of the simulated world, with the timers that wait for it.

    Args:
        epoch: the Unix time to start at, None for the present.
    """

    def __init__(self, epoch: int | None = None) -> None:
        self._offset = 0.0 if epoch is None else epoch - time.time()
        self._frozen_at: float | None = None
        self._timers: list[tuple[float, int, Action]] = []
        self._numbers = itertools.count()
        self._nap: asyncio.TimerHandle | None = None
        self._is_advancing = False

    def now(self) -> float:
        """Return the Unix time in seconds."""
        return time.time() + self._offset if self._frozen_at is None else self._frozen_at

    @staticmethod
    def real_nanoseconds() -> int:
        """Return the real Unix time in nanoseconds, which no start shares with another."""
        return time.time_ns()

    def seconds(self) -> int:
        """Return the Unix time in whole seconds, as entities carry it."""
        return int(self.now())

    @property
    def is_frozen(self) -> bool:
        """Tell whether time stands still."""
        return self._frozen_at is not None

    @property
    def waiting(self) -> int:
        """Return how many timers are planned."""
        return len(self._timers)

    def freeze(self) -> None:
        """Stop the time; only `advance` moves it from here."""
        self._frozen_at = self.now()
        self._arm()

    def unfreeze(self) -> None:
        """Let the time run again from where it stands."""
        if self._frozen_at is not None:
            self._offset = self._frozen_at - time.time()
            self._frozen_at = None
            self._arm()

    def at(self, due: float, action: Action) -> None:
        """Plan an action for a Unix time; one in the past happens as soon as the loop is free."""
        heapq.heappush(self._timers, (due, next(self._numbers), action))
        self._arm()

    def after(self, seconds: float, action: Action) -> None:
        """Plan an action for some seconds from now."""
        self.at(self.now() + seconds, action)

    async def advance(self, seconds: float, settle: Callable[[], Awaitable[None]]) -> int:
        """Move the time on, stopping at every timer on the way, and return how many fired.

        Args:
            seconds: how far.
            settle: awaited after every timer, so that what it started ends at its own time.
        """
        target = self.now() + seconds
        fired = 0
        self._is_advancing = True
        try:
            await settle()
            while self._timers and self._timers[0][0] <= target:
                due, _, action = heapq.heappop(self._timers)
                self._move_to(max(due, self.now()))
                action()
                fired += 1
                await settle()
            self._move_to(max(target, self.now()))
        finally:
            self._is_advancing = False
            self._arm()
        return fired

    def clear(self) -> None:
        """Forget every timer."""
        self._timers.clear()
        self._arm()

    def _move_to(self, moment: float) -> None:
        if self._frozen_at is None:
            self._offset = moment - time.time()
        else:
            self._frozen_at = moment

    def _arm(self) -> None:
        """Sleep until the next timer; nothing to do while `advance` walks through them itself."""
        if self._nap is not None:
            self._nap.cancel()
            self._nap = None
        if not self._timers or self._is_advancing:
            return
        wait = self._timers[0][0] - self.now()
        if wait > 0 and self.is_frozen:
            return
        nap = min(max(wait, 0.0), _LONGEST_NAP_SECONDS)
        self._nap = asyncio.get_running_loop().call_later(nap, self._fire_due)

    def _fire_due(self) -> None:
        self._nap = None
        now = self.now()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
        self._arm()
