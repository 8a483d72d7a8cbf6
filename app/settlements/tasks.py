"""The worker's part of settlements: compare each with what is here, until it agrees or days are over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from app.outbox.handlers import Handler, NotYet
from app.outbox.models import Item
from app.settlements.events import RECONCILE, RECONCILE_ONCE
from app.settlements.models import Agreement, Settlement
from app.settlements.reconciling import Reconciling

LATELY = timedelta(days=7)
"""For how long a settlement that differs is an alarm; its findings stay."""

_AGAIN_SECONDS = 3600.0

OnReconciled = Callable[[Agreement], None]
"""Called with how a comparison ended, for the metrics."""


@dataclass(frozen=True, slots=True)
class SettlementJobs:
    """The outbox's jobs that this room does. Doing one twice changes nothing."""

    reconciling: Reconciling
    on_reconciled: OnReconciled

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handler of each job by its name."""
        return {RECONCILE: self.reconcile, RECONCILE_ONCE: self.reconcile_once}

    async def reconcile(self, item: Item) -> None:
        """Compare a settlement's lines with what is here. Raises NotYet while what differs may still come right."""
        settlement = await self._compare(item)
        if settlement is not None and settlement.agreement is not Agreement.AGREED and settlement.may_come_right:
            raise NotYet(_AGAIN_SECONDS)

    async def reconcile_once(self, item: Item) -> None:
        """Compare a settlement's lines with what is here one more time, as somebody asked."""
        await self._compare(item)

    async def _compare(self, item: Item) -> Settlement | None:
        settlement = await self.reconciling.reconcile(item.scope, item.subject)
        if settlement is not None:
            self.on_reconciled(settlement.agreement)
        return settlement
