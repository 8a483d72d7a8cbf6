"""A circuit breaker: stops asking a host that does not answer, and finds out carefully when it does again.

It counts unknown outcomes among the latest calls. A refusal is an answer, so it counts as one. Pure but for the clock
that is passed in.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from app.kit.clock import Clock


class BreakerState(StrEnum):
    """Whether calls may go out."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Verdict(StrEnum):
    """What a call told of the host's health."""

    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    NOTHING = "nothing"


@dataclass(slots=True)
class Breaker:
    """Opens when `failures` of the latest `window` calls went unanswered; after a pause one probe may go out.

    Attributes:
        failures: how many unanswered calls open it.
        window: how many of the latest calls are remembered.
        pause_seconds: how long it stays open before the next probe.
    """

    clock: Clock
    failures: int = 10
    window: int = 20
    pause_seconds: float = 5.0
    state: BreakerState = field(default=BreakerState.CLOSED, init=False)
    # The latest calls as bits, the newest last; a set bit is an unanswered call.
    _latest: int = field(default=0, init=False)
    _opened_at: float = field(default=0.0, init=False)
    # Every change of state begins a new generation, so that a call from before it has no say afterwards.
    _generation: int = field(default=0, init=False)

    def admit(self) -> int | None:
        """Return a ticket to hand back to `record`, or None when the call must not go out."""
        match self.state:
            case BreakerState.CLOSED:
                return self._generation
            case BreakerState.HALF_OPEN:
                return None
            case BreakerState.OPEN:
                if self.clock.monotonic() - self._opened_at < self.pause_seconds:
                    return None
                self._enter(BreakerState.HALF_OPEN)
                return self._generation
            case _:
                assert_never(self.state)

    def record(self, ticket: int, verdict: Verdict) -> None:
        """Learn how the call with this ticket ended. Every admitted call is recorded, also a cancelled one."""
        if ticket != self._generation:
            return
        if self.state is BreakerState.HALF_OPEN:
            self._end_probe(verdict)
        elif verdict is not Verdict.NOTHING:
            self._count(failed=verdict is Verdict.UNANSWERED)

    def _end_probe(self, verdict: Verdict) -> None:
        match verdict:
            case Verdict.ANSWERED:
                self._latest = 0
                self._enter(BreakerState.CLOSED)
            case Verdict.UNANSWERED:
                self._opened_at = self.clock.monotonic()
                self._enter(BreakerState.OPEN)
            case Verdict.NOTHING:
                # The probe never went out or was broken off: the next call may probe at once.
                self._enter(BreakerState.OPEN)
            case _:
                assert_never(verdict)

    def _count(self, *, failed: bool) -> None:
        self._latest = ((self._latest << 1) | failed) & ((1 << self.window) - 1)
        if self._latest.bit_count() >= self.failures:
            self._opened_at = self.clock.monotonic()
            self._enter(BreakerState.OPEN)

    def _enter(self, state: BreakerState) -> None:
        self.state = state
        self._generation += 1
