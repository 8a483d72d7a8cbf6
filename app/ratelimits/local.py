"""Budgets in this process: of a bounded number of askers, each a number."""

from collections import OrderedDict
from dataclasses import dataclass, field

from app.kit.clock import Clock
from app.kit.pace import MICROSECONDS, Budget, Decision, spend
from app.ratelimits.models import Policy


@dataclass(slots=True)
class LocalBuckets:
    """Implements `Buckets`. Another instance counts for itself.

    Each policy has a table of its own, so that a flood from many addresses can't push a key's budget out. Of `capacity`
    askers the one who was silent for longest is forgotten first; their budget is then whole, as it would be soon.
    """

    clock: Clock
    capacity: int = 20_000
    _tables: dict[Policy, OrderedDict[str, int]] = field(
        default_factory=lambda: {policy: OrderedDict() for policy in Policy}, repr=False
    )

    async def spend(self, policy: Policy, subject: str, budget: Budget) -> Decision:
        """Decide on one request and remember it."""
        table, now = self._tables[policy], int(self.clock.monotonic() * MICROSECONDS)
        decision = spend(budget, whole_at=table.get(subject, 0), now=now)
        table[subject] = now + decision.ahead
        table.move_to_end(subject)
        if len(table) > self.capacity:
            table.popitem(last=False)
        return decision

    async def close(self) -> None:
        """Have nothing to close."""

    @property
    def askers(self) -> int:
        """Return of how many askers something is remembered."""
        return sum(map(len, self._tables.values()))
