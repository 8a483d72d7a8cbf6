"""Every query and index of the ledger's entries. Entries are inserted and sealed, never changed and never removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson.codec_options import DatetimeConversion
from pymongo import ReturnDocument, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session
from app.kit.scope import Mode, Scope
from app.ledger.balances import Balances, Turnover
from app.ledger.documents import ENTRY_VALIDATOR, entry_from_document, entry_to_document, seal_to_document
from app.ledger.models import Account, CauseKind, Entry, Seal, Side
from app.web.paging import Window

_ENTRIES = "ledger_entries"
_UNSEALED_INDEX = "tenant_unsealed"
_UNSEALED: Mapping[str, Any] = {"seal": {"$type": "null"}}
_SEALED: Mapping[str, Any] = {"seal.sequence": {"$gt": 0}}
_PLACE: Mapping[str, Any] = {"$type": "long"}
"""With this the database knows that its index of places holds what is asked for. A forger's place of another type is
missing from the chain then, and found in the sums of its day."""
_SOUND: Mapping[str, Any] = {"$or": [_SEALED, ENTRY_VALIDATOR]}
_SOUND_LEG = {"legs.amount": {"$type": "long"}, "legs.account": {"$type": "string"}}
_COUNTED_MAX = 10_000

COLLECTIONS = (
    Collection(
        _ENTRIES,
        (
            # One fact, one entry (D5): whoever books it again finds it.
            Index(
                "tenant_cause",
                [("tenant", 1), ("mode", 1), ("cause.kind", 1), ("cause.id", 1)],
                unique=True,
            ),
            Index(
                "tenant_sequence",
                [("tenant", 1), ("mode", 1), ("seal.sequence", 1)],
                unique=True,
                partial={"seal.sequence": {"$type": "long"}},
            ),
            Index(_UNSEALED_INDEX, [("tenant", 1), ("mode", 1), ("_id", 1)], partial=_UNSEALED),
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("_id", -1)]),
            Index("tenant_payment", [("tenant", 1), ("mode", 1), ("payment_id", 1), ("_id", -1)]),
            Index("tenant_moment", [("tenant", 1), ("mode", 1), ("recorded_at", 1), ("_id", 1)]),
            Index("tenant_account", [("tenant", 1), ("mode", 1), ("legs.account", 1), ("_id", -1)]),
        ),
        validator=ENTRY_VALIDATOR,
        shard_key=BY_MERCHANT,
    ),
)


def _amount_if(side: Side) -> Document:
    return {"$cond": [{"$eq": ["$legs.side", side.value]}, "$legs.amount", 0]}


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """What a list of entries may be narrowed by. Times are aware UTC."""

    payment_id: str | None = None
    account: Account | None = None
    cause: CauseKind | None = None
    cause_id: str | None = None
    currency: str | None = None
    recorded_from: datetime | None = None
    recorded_before: datetime | None = None

    def query(self) -> Document:
        """Return the filter document; every value is typed, no operator comes from the caller (N4)."""
        exact = {
            "payment_id": self.payment_id,
            "legs.account": self.account and self.account.value,
            "cause.kind": self.cause and self.cause.value,
            "cause.id": self.cause_id,
            "currency": self.currency,
        }
        query: Document = {field: {"$eq": value} for field, value in exact.items() if value is not None}
        bounds = {"$gte": self.recorded_from, "$lt": self.recorded_before}
        if moments := {operator: moment for operator, moment in bounds.items() if moment is not None}:
            query["recorded_at"] = moments
        return query


def in_scope(scope: Scope) -> Document:
    """Return the filter that every query of a merchant's books starts with."""
    return {"tenant": scope.tenant, "mode": scope.mode.value}


@dataclass(frozen=True, slots=True)
class EntryStore:
    """Inserts and reads entries."""

    database: Database

    async def insert_entry(self, scope: Scope, entry: Entry, *, session: Session) -> Entry | None:
        """Insert an entry unless its cause has one; return the one that was there before."""
        cause = entry.posting.cause
        identity = {**in_scope(scope), "cause.kind": {"$eq": cause.kind.value}, "cause.id": {"$eq": cause.id}}
        # What the filter says by equality, MongoDB puts into the new document itself.
        given = {"tenant", "mode", "cause"}
        row = {field: value for field, value in entry_to_document(entry).items() if field not in given}
        found = await self._entries.find_one_and_update(
            identity,
            {"$setOnInsert": row},
            upsert=True,
            return_document=ReturnDocument.BEFORE,
            session=session,
        )
        return None if found is None else entry_from_document(found)

    async def find_entry(self, scope: Scope, entry_id: str) -> Entry | None:
        """Return one entry of this scope."""
        found = await self._entries.find_one({"_id": {"$eq": entry_id}, **in_scope(scope)})
        return None if found is None else entry_from_document(found)

    async def list_entries(self, scope: Scope, *, where: EntryFilter, window: Window) -> list[Entry]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{**in_scope(scope), **where.query()}, window.filter()]}
        cursor = self._entries.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [entry_from_document(document) async for document in cursor]

    async def list_by_moment(
        self, scope: Scope, *, where: EntryFilter, after: tuple[datetime, str] | None, limit: int
    ) -> list[Entry]:
        """Return entries in the order in which they were booked, behind a moment and an id."""
        query: Document = {"$and": [{**in_scope(scope), **where.query()}]}
        if after is not None:
            moment, entry_id = after
            query["recorded_at"] = {"$gte": moment}
            query["$or"] = [{"recorded_at": {"$gt": moment}}, {"_id": {"$gt": entry_id}}]
        cursor = self._entries.find(query, sort=[("recorded_at", 1), ("_id", 1)], limit=limit)
        return [entry_from_document(document) async for document in cursor]

    async def list_booked(
        self, scope: Scope, *, kind: CauseKind, cause_ids: Sequence[str], session: Session | None = None
    ) -> Mapping[str, int]:
        """Return the amounts booked for facts, in minor units by the fact's id; one that is not booked is not in it."""
        query = {**in_scope(scope), "cause.kind": {"$eq": kind.value}, "cause.id": {"$in": list(cause_ids)}}
        cursor = self._entries.find(query, {"cause.id": 1, "legs": 1}, session=session)
        return {row["cause"]["id"]: _debited(row) async for row in cursor}

    async def claim_unsealed_book(self, *, after: Scope | None) -> Scope | None:
        """Return the next book, in the circle of merchants, that has an entry without a seal."""
        ranges: list[Document] = [{}]
        if after is not None:
            tenant, mode = after.tenant, after.mode.value
            ranges = [{"tenant": tenant, "mode": {"$gt": mode}}, {"tenant": {"$gt": tenant}}, {}]
        for where in ranges:
            found = await self._entries.find_one(
                {**_UNSEALED, **where},
                {"tenant": 1, "mode": 1},
                sort=[("tenant", 1), ("mode", 1), ("_id", 1)],
                hint=_UNSEALED_INDEX,
            )
            if found is not None:
                return Scope(found["tenant"], Mode(found["mode"]))
        return None

    async def list_unsealed(self, scope: Scope, *, limit: int) -> list[Document]:
        """Return entries without a seal as they are stored, oldest first."""
        cursor = self._raw.find({**in_scope(scope), **_UNSEALED}, sort=[("_id", 1)], limit=limit)
        return await cursor.to_list()

    async def set_seals(self, scope: Scope, seals: Mapping[str, Seal], *, session: Session) -> bool:
        """Seal entries, all of them; tell whether each was there without a seal."""
        changes = [
            UpdateOne({"_id": entry_id, **in_scope(scope), **_UNSEALED}, {"$set": {"seal": seal_to_document(seal)}})
            for entry_id, seal in seals.items()
        ]
        result = await self._entries.bulk_write(changes, session=session)
        return result.modified_count == len(seals)

    async def list_chain(self, scope: Scope, *, after: int, up_to: int, limit: int) -> list[Document]:
        """Return sealed entries as they are stored, in the order of the chain."""
        query = {**in_scope(scope), "seal.sequence": {"$gt": after, "$lte": up_to, **_PLACE}}
        return await self._raw.find(query, sort=[("seal.sequence", 1)], limit=limit).to_list()

    async def find_highest(self, scope: Scope) -> int:
        """Return the highest place that an entry has in the chain, or 0."""
        query = {**in_scope(scope), "seal.sequence": {"$gt": 0, **_PLACE}}
        found = await self._entries.find_one(query, {"seal.sequence": 1}, sort=[("seal.sequence", -1)])
        return 0 if found is None else int(found["seal"]["sequence"])

    async def sum_unsealed(self, scope: Scope, *, session: Session) -> Balances:
        """Return what the entries without a seal come to."""
        return await self._sum(scope, _UNSEALED, session=session)

    async def sum_of_day(self, scope: Scope, *, midnight: datetime, session: Session) -> Balances:
        """Return what the sealed entries of one day come to."""
        day = {"$gte": midnight, "$lt": midnight + timedelta(days=1)}
        return await self._sum(scope, {**_SEALED, "recorded_at": day}, session=session)

    async def sum_since_midnight(
        self, scope: Scope, *, midnight: datetime, before: datetime, session: Session
    ) -> Balances:
        """Return what the entries between two moments come to, and those before that have no seal yet."""
        last_day = {"recorded_at": {"$gte": midnight, "$lt": before}}
        late = {**_UNSEALED, "recorded_at": {"$lt": midnight}}
        return await self._sum(scope, {"$or": [last_day, late]}, session=session)

    async def _sum(self, scope: Scope, where: Mapping[str, Any], *, session: Session) -> Balances:
        # What the validator would not take is no entry, and must not get into a balance. Whoever seals has looked; what
        # somebody forced into a sealed entry since must at least not stop the sum, which the check then finds wrong.
        pipeline: list[Document] = [
            {"$match": {"$and": [in_scope(scope), where, _SOUND]}},
            {"$unwind": "$legs"},
            {"$match": _SOUND_LEG},
            {
                "$group": {
                    "_id": {"currency": "$currency", "account": "$legs.account"},
                    "debit": {"$sum": _amount_if(Side.DEBIT)},
                    "credit": {"$sum": _amount_if(Side.CREDIT)},
                }
            },
        ]
        rows = await self._entries.aggregate(pipeline, session=session)
        return {
            (row["_id"]["currency"], row["_id"]["account"]): Turnover(int(row["debit"]), int(row["credit"]))
            async for row in rows
        }

    async def measure_unsealed(self) -> tuple[int, datetime | None]:
        """Return how many entries of all merchants have no seal, up to 10,000, and when the oldest was booked."""
        pipeline: list[Document] = [
            {"$match": dict(_UNSEALED)},
            {"$limit": _COUNTED_MAX},
            {"$group": {"_id": None, "count": {"$sum": 1}, "oldest": {"$min": "$recorded_at"}}},
        ]
        rows = await (await self._entries.aggregate(pipeline, hint=_UNSEALED_INDEX)).to_list()
        return (int(rows[0]["count"]), rows[0]["oldest"]) if rows else (0, None)

    async def find_oldest_unsealed(self, scope: Scope) -> datetime | None:
        """Return when the first entry without a seal was booked."""
        found = await self._entries.find_one(
            {**in_scope(scope), **_UNSEALED}, {"recorded_at": 1}, sort=[("_id", 1)], hint=_UNSEALED_INDEX
        )
        return None if found is None else found["recorded_at"]

    @property
    def _raw(self) -> AsyncCollection[Document]:
        # A moment that no calendar holds can only be a forger's; it must not stop the reading.
        options = self._entries.codec_options.with_options(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
        return self._entries.with_options(codec_options=options)

    @property
    def _entries(self) -> AsyncCollection[Document]:
        return self.database.collection(_ENTRIES)


def _debited(row: Document) -> int:
    return sum(int(leg["amount"]) for leg in row["legs"] if leg["side"] == Side.DEBIT.value)
