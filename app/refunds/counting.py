"""What is counted over many refunds: the query behind the numbers of a span, and where new ones were asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.database import Database, Document
from app.kit.ids import Prefix, first_id
from app.kit.scope import Scope
from app.payments.counting import Births, births_of
from app.payments.store import BIRTH_SLACK
from app.refunds.models import RefundStatus
from app.refunds.store import REFUNDS

_NEVER = [RefundStatus.FAILED.value, RefundStatus.CANCELLED.value]


@dataclass(frozen=True, slots=True)
class RefundCountStore:
    """Counts refunds; each query reads an index from one moment to another."""

    database: Database

    async def count_span(self, scope: Scope, *, since: datetime, before: datetime) -> Sequence[tuple[str, int, int]]:
        """Return currency, count and amount in minor units of what was asked for in a span and has not failed."""
        query = {
            "tenant": scope.tenant,
            "mode": scope.mode.value,
            "_id": {
                "$gte": first_id(Prefix.REFUND, since - BIRTH_SLACK),
                "$lt": first_id(Prefix.REFUND, before + BIRTH_SLACK),
            },
            "created_at": {"$gte": since, "$lt": before},
            "status": {"$nin": _NEVER},
        }
        group = {"_id": "$currency", "count": {"$sum": 1}, "amount": {"$sum": "$amount"}}
        cursor = await self.database.collection(REFUNDS).aggregate([{"$match": query}, {"$group": group}])
        return [(row["_id"], row["count"], int(row["amount"])) async for row in cursor]

    async def measure_births(self, *, after: str, limit: int, span_minutes: int) -> Births:
        """Return in which spans the next refunds of whichever merchants behind an id were asked for."""
        begins = {"$dateTrunc": {"date": "$created_at", "unit": "minute", "binSize": span_minutes}}
        key = {"tenant": "$tenant", "mode": "$mode", "at": begins}
        pipeline: list[Document] = [
            {"$match": {"_id": {"$gt": after}}},
            {"$sort": {"_id": 1}},
            {"$limit": limit},
            {"$group": {"_id": key, "last": {"$max": "$_id"}, "count": {"$sum": 1}}},
        ]
        return births_of(await (await self.database.collection(REFUNDS).aggregate(pipeline)).to_list())
