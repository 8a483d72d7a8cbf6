"""The worker's part of recovery that is neither a page nor a slice: whose accounts are swept."""

from dataclasses import dataclass
from typing import Protocol

from app.recovery.sweeps import Sweeps

ENROLMENT = "sweeps.enrolment"
_EVERY_SECONDS = 3600.0


class Lease(Protocol):
    """A leader's lease, by the database's clock."""

    async def hold(self, name: str, seconds: float) -> bool:
        """Take or renew it; tell whether this process holds it."""
        ...


@dataclass(slots=True)
class Enrolment:
    """Sees once an hour that every account is swept; of several workers one does it (P11)."""

    sweeps: Sweeps
    lease: Lease
    next_at: float = 0.0

    async def enroll_next(self) -> bool:
        """Look for new accounts if it is time; tell whether it was this worker's turn.

        The lease is kept for the hour and not given back, so that nobody else looks again before it is over.
        """
        now = self.sweeps.clock.monotonic()
        if now < self.next_at:
            return False
        self.next_at = now + _EVERY_SECONDS
        if not await self.lease.hold(ENROLMENT, _EVERY_SECONDS):
            return False
        await self.sweeps.enroll()
        return True
