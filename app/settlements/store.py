"""Every query and index of settlements and their lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session
from app.gateways.settlement import RowKind
from app.kit.scope import Scope
from app.settlements.documents import (
    line_from_document,
    line_to_document,
    mutable_part,
    settlement_from_document,
    settlement_to_document,
)
from app.settlements.models import Agreement, Line, Settlement, SettlementStatus, Tally
from app.web.paging import Window

_SETTLEMENTS = "settlements"
_LINES = "settlement_lines"
_MOST_COUNTED = 10_000

COLLECTIONS = (
    Collection(
        _SETTLEMENTS,
        (
            Index(
                "tenant_gateway_settlement",
                [("tenant", 1), ("mode", 1), ("gateway_settlement_id", 1)],
                unique=True,
            ),
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("_id", -1)]),
            Index("tenant_status", [("tenant", 1), ("mode", 1), ("status", 1), ("_id", -1)]),
            Index("tenant_agreement", [("tenant", 1), ("mode", 1), ("agreement", 1), ("_id", -1)]),
            Index("differing", [("agreement", 1), ("settled_at", 1)], partial={"agreement": Agreement.DIFFERS.value}),
        ),
        shard_key=BY_MERCHANT,
    ),
    Collection(
        _LINES,
        (
            Index(
                "tenant_line",
                [("tenant", 1), ("mode", 1), ("settlement_id", 1), ("kind", 1), ("entity_id", 1)],
                unique=True,
            ),
            Index("tenant_settlement", [("tenant", 1), ("mode", 1), ("settlement_id", 1), ("_id", -1)]),
            Index(
                "tenant_odd",
                [("tenant", 1), ("mode", 1), ("settlement_id", 1), ("_id", -1)],
                partial={"findings.0": {"$exists": True}},
            ),
        ),
        shard_key=BY_MERCHANT,
    ),
)


@dataclass(frozen=True, slots=True)
class SettlementFilter:
    """What a list of settlements may be narrowed by."""

    status: SettlementStatus | None = None
    agreement: Agreement | None = None

    def query(self) -> Document:
        """Return the filter document; every value is typed, no operator comes from the caller (N4)."""
        exact = {"status": self.status, "agreement": self.agreement}
        return {field: {"$eq": word.value} for field, word in exact.items() if word is not None}


@dataclass(frozen=True, slots=True)
class SettlementStore:
    """Reads and writes settlements; every change is one conditional update."""

    database: Database

    async def insert_settlement(self, scope: Scope, settlement: Settlement, *, session: Session) -> None:
        """Write a new one. Raises DuplicateKeyError: it is known already, and the transaction is dead."""
        document = {**settlement_to_document(settlement), "tenant": scope.tenant, "reading": None}
        await self._settlements.insert_one(document, session=session)

    async def save_settlement(self, scope: Scope, before: Settlement, after: Settlement, *, session: Session) -> bool:
        """Write a changed one if nobody else changed it meanwhile; tell whether it was written."""
        query = {**_one(scope, before.id), "version": before.version}
        result = await self._settlements.update_one(query, {"$set": mutable_part(after)}, session=session)
        return result.matched_count == 1

    async def find_settlement(self, scope: Scope, settlement_id: str) -> Settlement | None:
        """Return a settlement of this scope."""
        return _to_settlement(await self._settlements.find_one(_one(scope, settlement_id)))

    async def find_by_gateway_id(self, scope: Scope, *, gateway_settlement_id: str) -> Settlement | None:
        """Return the settlement with this id at the processor."""
        query = {**_in(scope), "gateway_settlement_id": {"$eq": gateway_settlement_id}}
        return _to_settlement(await self._settlements.find_one(query))

    async def list_settlements(self, scope: Scope, *, where: SettlementFilter, window: Window) -> list[Settlement]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{**_in(scope), **where.query()}, window.filter()]}
        cursor = self._settlements.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [settlement_from_document(document) async for document in cursor]

    async def find_reading(self, scope: Scope, settlement_id: str) -> tuple[date, int] | None:
        """Return where the reading of the lines was stopped: the day of the report, and how far in it."""
        document = await self._settlements.find_one(_one(scope, settlement_id), {"reading": 1})
        reading = None if document is None else document["reading"]
        return None if reading is None else (date.fromisoformat(reading["day"]), reading["skip"])

    async def save_reading(self, scope: Scope, settlement_id: str, *, reading: tuple[date, int] | None) -> None:
        """Keep how far the lines are read, None when they all are."""
        kept = None if reading is None else {"day": reading[0].isoformat(), "skip": reading[1]}
        await self._settlements.update_one(_one(scope, settlement_id), {"$set": {"reading": kept}})

    async def measure_differing(self, *, since: datetime) -> int:
        """Count, up to a bound, all merchants' settlements since then that differ from what is here (an alarm)."""
        query = {
            "agreement": Agreement.DIFFERS.value,
            "settled_at": {"$gte": since},
            "status": SettlementStatus.PROCESSED.value,
        }
        return await self._settlements.count_documents(query, limit=_MOST_COUNTED)

    @property
    def _settlements(self) -> AsyncCollection[Document]:
        return self.database.collection(_SETTLEMENTS)


@dataclass(frozen=True, slots=True)
class LineFilter:
    """What a settlement's lines may be narrowed by."""

    kind: RowKind | None = None
    has_findings: bool = False

    def query(self) -> Document:
        """Return the filter document; every value is typed, no operator comes from the caller (N4)."""
        kind: Document = {} if self.kind is None else {"kind": {"$eq": self.kind.value}}
        return {**kind, **({"findings.0": {"$exists": True}} if self.has_findings else {})}


@dataclass(frozen=True, slots=True)
class LineStore:
    """Reads and writes the lines of settlements; a line that is read again takes its own place."""

    database: Database

    async def put_lines(self, scope: Scope, lines: Sequence[Line]) -> None:
        """Write lines, or write them again: one for each settlement, kind and thing."""
        writes = [
            UpdateOne(
                {
                    **_in(scope),
                    "settlement_id": line.settlement_id,
                    "kind": line.row.kind.value,
                    "entity_id": line.row.entity_id,
                },
                {
                    "$set": line_to_document(line),
                    "$setOnInsert": {"_id": line.id, "gateway_settlement_id": line.row.settlement_id},
                },
                upsert=True,
            )
            for line in lines
        ]
        if writes:
            await self._lines.bulk_write(writes, ordered=False)

    async def list_lines(self, scope: Scope, *, settlement_id: str, where: LineFilter, window: Window) -> list[Line]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{**_in(scope), "settlement_id": {"$eq": settlement_id}, **where.query()}, window.filter()]}
        cursor = self._lines.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [line_from_document(document) async for document in cursor]

    async def tally_lines(self, scope: Scope, *, settlement_id: str, at: datetime) -> Tally:
        """Return what the lines of a settlement come to."""
        has_findings = {"$cond": [{"$gt": [{"$size": "$findings"}, 0]}, 1, 0]}
        totals = {
            "_id": None,
            "lines": {"$sum": 1},
            "credit": {"$sum": "$credit"},
            "debit": {"$sum": "$debit"},
            "with_findings": {"$sum": has_findings},
        }
        which = {"$match": {**_in(scope), "settlement_id": {"$eq": settlement_id}}}
        cursor = await self._lines.aggregate([which, {"$group": totals}])
        async for row in cursor:
            return Tally(row["lines"], int(row["credit"]), int(row["debit"]), row["with_findings"], at)
        return Tally(0, 0, 0, 0, at)

    @property
    def _lines(self) -> AsyncCollection[Document]:
        return self.database.collection(_LINES)


def _in(scope: Scope) -> Document:
    return {"tenant": scope.tenant, "mode": scope.mode.value}


def _one(scope: Scope, settlement_id: str) -> Document:
    return {"_id": {"$eq": settlement_id}, **_in(scope)}


def _to_settlement(document: Document | None) -> Settlement | None:
    return None if document is None else settlement_from_document(document)
