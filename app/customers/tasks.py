"""The worker's part of customers: what payments and refunds tell becomes work of its own, and the work is counting.

The work stands in the lane for what can wait, so that no merchant's news waits for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.customers.erasing import ERASE, Erasing
from app.customers.gathering import Gathering
from app.outbox.handlers import Handler
from app.outbox.models import Item, Lane, job
from app.outbox.service import Outbox

GATHER = "customer.gather"
"""Counts a payment for whoever paid it (subject: the payment)."""

_NEWS = frozenset({"payment.completed", "refund.pending", "refund.processed", "refund.failed"})


@dataclass(frozen=True, slots=True)
class CustomerJobs:
    """The outbox's jobs that this room does. Doing one twice changes nothing."""

    gathering: Gathering
    erasing: Erasing
    outbox: Outbox

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handler of each job by its name."""
        return {GATHER: self.gather, ERASE: self.erase}

    async def hear(self, item: Item) -> None:
        """Make work of an event that changes what a customer paid; heard twice, it is the same piece of work."""
        if item.name not in _NEWS:
            return
        work = job(GATHER, item.payload["payment_id"], lane=Lane.BULK, once=item.id)
        database = self.gathering.store.database
        await database.transaction(lambda session: self.outbox.add(item.scope, [work], session=session))

    async def gather(self, item: Item) -> None:
        """Count a payment. Raises PyMongoError: try again."""
        await self.gathering.gather_payment(item.scope, item.subject)

    async def erase(self, item: Item) -> None:
        """Bring an erasure on. Raises PyMongoError: try again."""
        await self.erasing.carry_on(item.scope, item.subject)
