"""The worker's part of disputes: look at those whose check is due (D8)."""

from collections.abc import Callable
from dataclasses import dataclass

from app.disputes.outcomes import DisputeOutcomes
from app.disputes.schedule import next_check, retry_of_unreachable
from app.disputes.store import DisputeStore
from app.kit.clock import Clock
from app.kit.errors import Problem

OnCheck = Callable[[str], None]
"""Called with how a check ended: `checked`, or the code of the problem."""


@dataclass(frozen=True, slots=True)
class DisputeChecks:
    """Asks the processor how disputes stand."""

    store: DisputeStore
    outcomes: DisputeOutcomes
    clock: Clock
    on_check: OnCheck

    async def check_next(self) -> bool:
        """Check the dispute that has been due longest; tell whether there was one."""
        at = self.clock.now()
        claimed = await self.store.claim_due_check(at=at)
        if claimed is None:
            return False
        try:
            dispute = await self.outcomes.check_dispute(claimed.scope, claimed)
            due, end = next_check(dispute, now=self.clock.now()), "checked"
        except Problem as problem:
            due, end = retry_of_unreachable(self.clock.now()), problem.code
        # A change of the dispute has set its own time meanwhile, and that one stays.
        await self.store.schedule_check(claimed.scope, claimed.id, at=due, leased_at=at)
        self.on_check(end)
        return True
