"""Mistakes about settlements: old news believed, a return not booked, lines left out or told twice."""

from typing import Any

from app.gateways.settlement import SettlementRow
from app.ledger.models import CauseKind
from app.payments.facts import Facts
from app.settlements.documents import line_to_document
from app.settlements.models import Line, Settlement
from app.settlements.outcomes import Recorded, SettlementOutcomes
from app.settlements.reconciling import Reconciling
from app.settlements.store import _LINES, LineStore


class BelievesOldPayouts(SettlementOutcomes):
    """Takes an event for how the settlement is now, also after the bank sent it back."""

    async def record_settlement(self, scope: Any, snapshot: Any, **more: Any) -> Recorded:
        return await super().record_settlement(scope, snapshot, **{**more, "is_present": True})


class BooksNoReturns(Facts):
    """Leaves in the books of the bank what that sent back."""

    async def write(self, scope: Any, *, postings: Any = (), **more: Any) -> Any:
        kept = [one for one in postings if one.cause.kind is not CauseKind.SETTLEMENT or "/" not in one.cause.id]
        return await super().write(scope, postings=kept, **more)


class BooksNoRefundFees(SettlementOutcomes):
    """Leaves out what a refund cost that went at once."""

    async def book(self, scope: Any, booked: Any) -> None:
        """Book nothing."""


class ReadsOnePage(Reconciling):
    """Takes the first page of the report for all of it."""

    async def _keep(self, settlement: Settlement, gateway: Any, rows: Any) -> None:
        reading = await self.store.find_reading(settlement.scope, settlement.id)
        if reading is None or not reading[1]:
            await super()._keep(settlement, gateway, rows)


class JudgesWithoutAsking(Reconciling):
    """Compares with what is known, and asks about nothing that is not."""

    async def _ask(self, scope: Any, gateway: Any, asked: Any) -> list[str]:
        return []


class TellsLinesAgain(LineStore):
    """Writes a line anew each time that it is read."""

    async def put_lines(self, scope: Any, lines: Any) -> None:
        documents = [{**line_to_document(line), **_key(scope, line, line.row)} for line in lines]
        await self.database.collection(_LINES).insert_many(documents)


def _key(scope: Any, line: Line, row: SettlementRow) -> dict[str, Any]:
    return {
        "_id": line.id,
        "tenant": scope.tenant,
        "mode": scope.mode.value,
        "settlement_id": line.settlement_id,
        "kind": row.kind.value,
        "entity_id": row.entity_id,
        "gateway_settlement_id": row.settlement_id,
    }
