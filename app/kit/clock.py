"""Time as a collaborator: the only module of the house that reads the system's clocks."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the house asks of time."""

    def now(self) -> datetime:
        """Return the present moment as an aware UTC datetime, cut to milliseconds (what MongoDB keeps)."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards, for durations only."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Return the present moment, cut to milliseconds so that a value read back from MongoDB equals it."""
        moment = datetime.now(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        """Return seconds of the monotonic clock."""
        return time.monotonic()


@dataclass(slots=True)
class MovableClock:
    """A clock that stands still until it is moved: for tests and simulations."""

    moment: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def now(self) -> datetime:
        """Return the moment the clock was set to."""
        return self.moment

    def monotonic(self) -> float:
        """Return seconds since the epoch of the set moment: it moves only with the clock."""
        return self.moment.timestamp()

    def advance(self, *, seconds: float) -> None:
        """Move the clock forward."""
        self.moment += timedelta(seconds=seconds)


def to_rfc3339(moment: datetime) -> str:
    """Return an aware datetime as RFC 3339 in UTC with milliseconds and a `Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
