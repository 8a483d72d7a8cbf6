"""The verbs of settlements for people: show them and what they are made of, and compare one again."""

from dataclasses import dataclass

from app.database import Database, Session
from app.kit.clock import Clock
from app.kit.faultpoints import faultpoint
from app.kit.ids import Ids, Prefix
from app.kit.scope import Scope
from app.payments.facts import Facts
from app.settlements.events import reconcile_once
from app.settlements.models import Line, Settlement, SettlementStatus
from app.settlements.problems import SettlementNotFound, SettlementNotPaid
from app.settlements.store import LineFilter, LineStore, SettlementFilter, SettlementStore
from app.web.paging import Slice, Window


@dataclass(frozen=True, slots=True)
class Settlements:
    """Shows settlements, and has one compared again."""

    database: Database
    store: SettlementStore
    lines: LineStore
    facts: Facts
    clock: Clock
    ids: Ids

    async def get_settlement(self, scope: Scope, settlement_id: str) -> Settlement:
        """Return a settlement. Raises SettlementNotFound."""
        settlement = await self.store.find_settlement(scope, settlement_id)
        if settlement is None:
            raise SettlementNotFound
        return settlement

    async def list_settlements(self, scope: Scope, *, where: SettlementFilter, window: Window) -> Slice[Settlement]:
        """Return one page of settlements, newest first."""
        rows = await self.store.list_settlements(scope, where=where, window=window)
        return Slice.cut(rows, window, id_of=lambda settlement: settlement.id)

    async def list_lines(self, scope: Scope, settlement_id: str, *, where: LineFilter, window: Window) -> Slice[Line]:
        """Return one page of what a settlement is made of. Raises SettlementNotFound."""
        await self.get_settlement(scope, settlement_id)
        rows = await self.lines.list_lines(scope, settlement_id=settlement_id, where=where, window=window)
        return Slice.cut(rows, window, id_of=lambda line: line.id)

    async def reconcile_settlement(self, scope: Scope, settlement_id: str) -> Settlement:
        """Have a settlement compared again, soon. Raises SettlementNotFound, SettlementNotPaid."""
        settlement = await self.get_settlement(scope, settlement_id)
        if settlement.status is not SettlementStatus.PROCESSED:
            raise SettlementNotPaid
        again = reconcile_once(settlement.id, once=self.ids.new(Prefix.REQUEST))

        async def work(session: Session) -> None:
            await self.facts.write(scope, items=[again], at=self.clock.now(), session=session)

        faultpoint("settlements.requeueing")
        await self.database.transaction(work)
        faultpoint("settlements.requeued")
        return settlement
