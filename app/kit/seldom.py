"""Saying something seldom: what happens a thousand times a second is worth one line in a while."""

from dataclasses import dataclass, field

from app.kit.clock import Clock


@dataclass(slots=True)
class Seldom:
    """Says whether it is time to speak again, at most once in `seconds`, and how much was passed over since."""

    clock: Clock
    seconds: float = 60.0
    _next_at: float | None = field(default=None, repr=False)
    _passed: int = field(default=0, repr=False)

    def count(self) -> int:
        """Count one occurrence; return how many there were since the last time to speak, or 0 when it is not time."""
        self._passed += 1
        now = self.clock.monotonic()
        if self._next_at is not None and now < self._next_at:
            return 0
        self._next_at = now + self.seconds
        passed, self._passed = self._passed, 0
        return passed
