"""What is counted over many payments: the queries behind the numbers of a span, and where new ones were made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.database import Database, Document
from app.gateways.port import AttemptStatus
from app.kit.ids import Prefix, first_id
from app.kit.scope import Mode, Scope
from app.payments.models import Part, PaymentStatus
from app.payments.store import BIRTH_SLACK, PAYMENTS, in_scope


@dataclass(frozen=True, slots=True)
class Counted:
    """How many payments of a span stand alike, and their amount in minor units."""

    currency: str
    status: PaymentStatus
    method: str | None
    count: int
    amount: int


@dataclass(frozen=True, slots=True)
class FailedAttempts:
    """How many attempts of a span's payments failed for one reason."""

    currency: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Births:
    """Where payments were made, as spans that begin at these moments, and the last id that was looked at."""

    spans: Sequence[tuple[Scope, datetime]]
    last: str | None
    looked_at: int


@dataclass(frozen=True, slots=True)
class PaymentCountStore:
    """Counts payments; each query reads an index from one moment to another."""

    database: Database

    async def count_span(
        self, scope: Scope, *, since: datetime, before: datetime
    ) -> tuple[Sequence[Counted], Sequence[FailedAttempts]]:
        """Return what the payments that were made in a span came to, as they stand now."""
        query = {
            **in_scope(scope),
            "_id": {
                "$gte": first_id(Prefix.PAYMENT, since - BIRTH_SLACK),
                "$lt": first_id(Prefix.PAYMENT, before + BIRTH_SLACK),
            },
            "created_at": {"$gte": since, "$lt": before},
        }
        pipeline = [{"$match": query}, {"$project": _FACTS}, {"$facet": {"sums": _SUMS, "failures": _FAILURES}}]
        cursor = await self.database.collection(PAYMENTS).aggregate(pipeline)
        (found,) = await cursor.to_list()
        return [_counted(row) for row in found["sums"]], [_failed(row) for row in found["failures"]]

    async def measure_births(self, *, after: str, limit: int, span_minutes: int) -> Births:
        """Return in which spans the next payments of whichever merchants behind an id were made."""
        begins = {"$dateTrunc": {"date": "$created_at", "unit": "minute", "binSize": span_minutes}}
        pipeline: list[Document] = [
            {"$match": {"_id": {"$gt": after}}},
            {"$sort": {"_id": 1}},
            {"$limit": limit},
            {
                "$group": {
                    "_id": {"tenant": "$tenant", "mode": "$mode", "at": begins},
                    "last": {"$max": "$_id"},
                    "count": {"$sum": 1},
                }
            },
        ]
        rows = await (await self.database.collection(PAYMENTS).aggregate(pipeline)).to_list()
        return births_of(rows)


def births_of(rows: Sequence[Mapping[str, Any]]) -> Births:
    """Return what the rows of a grouping by tenant, mode and span say."""
    spans = [(Scope(row["_id"]["tenant"], Mode(row["_id"]["mode"])), row["_id"]["at"]) for row in rows]
    last = max((row["last"] for row in rows), default=None)
    return Births(spans, last, sum(row["count"] for row in rows))


def _counted(row: Document) -> Counted:
    key = row["_id"]
    return Counted(key["currency"], PaymentStatus(key["status"]), key.get("method"), row["count"], int(row["amount"]))


def _failed(row: Document) -> FailedAttempts:
    return FailedAttempts(row["_id"]["currency"], row["_id"]["reason"], row["count"])


_PRIMARY = {"$filter": {"input": "$attempts", "cond": {"$eq": ["$$this.part", Part.PRIMARY.value]}, "limit": 1}}
_FACTS = {
    "currency": 1,
    "status": 1,
    "amount": 1,
    "method": {"$first": {"$map": {"input": _PRIMARY, "in": "$$this.method"}}},
    "failures": {
        "$map": {
            "input": {
                "$filter": {"input": "$attempts", "cond": {"$eq": ["$$this.status", AttemptStatus.FAILED.value]}}
            },
            "in": {"$ifNull": ["$$this.failure.reason", "$$this.failure.code", "unknown"]},
        }
    },
}
_SUMS = [
    {
        "$group": {
            "_id": {"currency": "$currency", "status": "$status", "method": "$method"},
            "count": {"$sum": 1},
            "amount": {"$sum": "$amount"},
        }
    }
]
_FAILURES = [
    {"$unwind": "$failures"},
    {"$group": {"_id": {"currency": "$currency", "reason": "$failures"}, "count": {"$sum": 1}}},
]
