"""Every query and index of the outbox.

Times that decide anything are the database's (`$$NOW`), so that a machine with a wrong clock neither delays, reorders
nor steals work (T1). Whoever holds an item writes to it only with the owner and the fence of their own claim (P3).
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import ReturnDocument, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session
from app.kit.scope import Mode, Scope
from app.outbox.models import TRANSITIONS, ClaimedItem, Item, ItemKind, ItemState, Lane, NewItem
from app.web.paging import Window

LEASE_SECONDS = 30
OFFER_SECONDS = 10
OFFERED = "offered"
NO_HANDLER = "no_handler"
"""The reason of what is parked because the worker that took it does not know such work."""
BACKLOG_BOUND = 10_000
_OUTBOX = "outbox"
_PAYLOAD_VERSION = 1
_WAITING = {"state": ItemState.WAITING.value}
_IS_DUE = {"$expr": {"$lte": ["$due_at", "$$NOW"]}}
_AFRESH: Mapping[str, object] = {
    "state": ItemState.WAITING.value,
    "due_at": "$$NOW",
    "attempts": 0,
    "deferrals": 0,
    "reason": None,
    "done_at": None,
    "owner": None,
}

COLLECTIONS = (
    Collection(
        _OUTBOX,
        (
            Index("item_key", [("tenant", 1), ("mode", 1), ("key", 1)], unique=True),
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("_id", -1)]),
            Index("tenant_state", [("tenant", 1), ("mode", 1), ("state", 1), ("_id", -1)]),
            Index("tenant_name", [("tenant", 1), ("mode", 1), ("name", 1), ("_id", -1)]),
            Index("tenant_subject", [("tenant", 1), ("mode", 1), ("subject", 1), ("_id", -1)]),
            Index("parked", [("state", 1), ("_id", -1)], partial={"state": ItemState.PARKED.value}),
            Index("due_by_turn", [("lane", 1), ("turn", 1), ("due_at", 1)], partial=_WAITING),
            Index("due", [("lane", 1), ("due_at", 1)], partial=_WAITING),
        ),
        shard_key=BY_MERCHANT,
    ),
)


class LeaseLost(Exception):
    """Another worker took the item over; what this one was about to write must not happen (P3)."""


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """What a list of items may be narrowed by."""

    state: ItemState | None = None
    kind: ItemKind | None = None
    name: str | None = None
    subject: str | None = None

    def query(self) -> Document:
        """Return the filter document; every value is typed (N4)."""
        query: Document = {}
        if self.state is not None:
            query["state"] = self.state.value
        if self.kind is not None:
            query["kind"] = self.kind.value
        if self.name is not None:
            query["name"] = {"$eq": self.name}
        if self.subject is not None:
            query["subject"] = {"$eq": self.subject}
        return query


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in a lane: how many, up to a bound, and when the first of them was or will be due."""

    waiting: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class OutboxStore:
    """Keeps items: once each by their key, leased to one worker at a time.

    An item that is offered to a broker is leased too, for a shorter time and to nobody: whoever gets the message may
    claim it, and when nobody does, it is due again.
    """

    database: Database
    offer_seconds: float = OFFER_SECONDS

    async def add_items(
        self, scope: Scope, items: Sequence[tuple[str, NewItem]], *, at: datetime, session: Session
    ) -> None:
        """Insert items under these ids; one whose key is there already changes nothing, and aborts nothing."""
        await self._items.bulk_write([_insertion(scope, *one, at=at) for one in items], session=session)

    async def find_item(self, scope: Scope, item_id: str) -> Item | None:
        """Return an item of this scope by its id."""
        document = await self._items.find_one({"_id": {"$eq": item_id}, **_in(scope)})
        return None if document is None else _from_document(document)

    async def list_items(self, scope: Scope, *, where: ItemFilter, window: Window) -> list[Item]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{**_in(scope), **where.query()}, window.filter()]}
        cursor = self._items.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [_from_document(document) async for document in cursor]

    async def survey_items(
        self, *, state: ItemState | None = None, ids: Sequence[str] | None = None, limit: int = 100
    ) -> list[Item]:
        """Return items of all merchants, newest first, for whoever runs the service."""
        query: Document = {} if state is None else {"state": state.value}
        if ids is not None:
            query["_id"] = {"$in": list(ids)}
        cursor = self._items.find(query).sort("_id", -1).limit(limit)
        return [_from_document(document) async for document in cursor]

    async def requeue_item(self, scope: Scope, item_id: str) -> Item | None:
        """Make an ended item due now from its first try; None when there is none, or when it waits already."""
        sources = [state.value for state in TRANSITIONS.sources(ItemState.WAITING)]
        document = await self._items.find_one_and_update(
            {"_id": {"$eq": item_id}, **_in(scope), "state": {"$in": sources}},
            [{"$set": _AFRESH}],
            return_document=ReturnDocument.AFTER,
        )
        return None if document is None else _from_document(document)

    async def claim_unhandled(self, names: Sequence[str]) -> int:
        """Make work of these names due again that was parked because nobody knew it; return how much it was."""
        unknown = {"state": ItemState.PARKED.value, "reason": NO_HANDLER, "name": {"$in": list(names)}}
        result = await self._items.update_many({**unknown, "kind": ItemKind.JOB.value}, [{"$set": _AFRESH}])
        return result.modified_count

    async def claim_due_item(self, lane: Lane, *, owner: str, after: str = "") -> ClaimedItem | None:
        """Lease the due item whose merchant's turn is the first behind `after`; see `turn_of`."""
        return await self._claim({"lane": lane.value, "turn": {"$gt": after}, **_IS_DUE}, _lease(owner))

    async def claim_item(self, item_id: str, *, owner: str) -> ClaimedItem | None:
        """Lease one item by its id, when it is due or offered."""
        return await self._claim({"_id": {"$eq": item_id}, "$or": [{"owner": OFFERED}, _IS_DUE]}, _lease(owner))

    async def claim_or_offer(self, lane: Lane, *, owner: str, after: str = "") -> ClaimedItem | None:
        """Mark the next due item as offered, which makes its owner `OFFERED`; lease one that was offered in vain."""
        offer = {
            "owner": OFFERED,
            "fence": "$fence",
            "attempts": "$attempts",
            "due_at": {"$add": ["$$NOW", int(self.offer_seconds * 1000)]},
        }
        was_offered = {"$eq": ["$owner", OFFERED]}
        lease = _lease(owner)
        either = {name: {"$cond": [was_offered, lease[name], offer[name]]} for name in lease}
        return await self._claim({"lane": lane.value, "turn": {"$gt": after}, **_IS_DUE}, either)

    async def finish_item(
        self, scope: Scope, claimed: ClaimedItem, state: ItemState, *, at: datetime, reason: str | None = None
    ) -> None:
        """Write how an item ended, if this worker still holds it. Raises LeaseLost."""
        await self._write(scope, claimed, {"state": state.value, "done_at": at, "reason": {"$literal": reason}})

    async def postpone_item(
        self, scope: Scope, claimed: ClaimedItem, *, delay: timedelta, reason: str, is_failure: bool
    ) -> None:
        """Make a claimed item due later; one that did not fail begins to count its tries anew. Raises LeaseLost.

        What looks again every hour for days fails now and then; only failures in a row say that it can't be done.
        """
        counted: Document = {} if is_failure else {"attempts": 0, "deferrals": _plus("deferrals")}
        later = {"$add": ["$$NOW", _milliseconds(delay)]}
        await self._write(scope, claimed, {**counted, "due_at": later, "reason": {"$literal": reason}})

    async def watch_waiting(self) -> AsyncIterator[Sequence[Lane]]:
        """Yield the lanes that got something to do, as soon as a majority has it. Raises PyMongoError."""
        is_news = {"$or": [{"operationType": "insert"}, {"updateDescription.updatedFields.state": _WAITING["state"]}]}
        async with await self._items.watch([{"$match": is_news}, {"$project": {"fullDocument.lane": 1}}]) as stream:
            async for change in stream:
                # A replay is an update, and does not say of which lane.
                document = change.get("fullDocument")
                yield [Lane(document["lane"])] if document else list(Lane)

    async def measure_offered(self, ids: Iterable[str]) -> set[str]:
        """Return those of the items that are offered still, and were fetched by nobody."""
        offered = {"_id": {"$in": list(ids)}, "owner": OFFERED, **_WAITING, "$expr": {"$gt": ["$due_at", "$$NOW"]}}
        return {document["_id"] async for document in self._items.find(offered, {"_id": 1})}

    async def measure_overdue(self, *, by: timedelta, limit: int) -> list[tuple[Scope, str]]:
        """Return items, of whichever merchant, that should have been worked on so long ago (I14)."""
        late = {"$expr": {"$lte": ["$due_at", {"$subtract": ["$$NOW", _milliseconds(by)]}]}}
        found = []
        for lane in Lane:
            waiting = {"lane": lane.value, **_WAITING, **late}
            rows = self._items.find(waiting, {"tenant": 1, "mode": 1}).limit(limit)
            found += [(Scope(row["tenant"], Mode(row["mode"])), row["_id"]) async for row in rows]
        return found

    async def measure_backlog(self) -> Mapping[Lane, Backlog]:
        """Return what waits in every lane, of all merchants, for the metrics."""
        return {lane: await self._backlog(lane) for lane in Lane}

    async def measure_parked(self) -> int:
        """Count, up to a bound, what waits for a person, of all merchants, for the metrics."""
        return await self._items.count_documents({"state": ItemState.PARKED.value}, limit=BACKLOG_BOUND)

    async def _backlog(self, lane: Lane) -> Backlog:
        waiting = {"lane": lane.value, **_WAITING}
        count = await self._items.count_documents(waiting, limit=BACKLOG_BOUND)
        oldest = await self._items.find_one(waiting, {"due_at": 1}, sort=[("due_at", 1)])
        return Backlog(count, oldest["due_at"] if oldest else None)

    async def _claim(self, which: Document, changes: Document) -> ClaimedItem | None:
        # Acknowledged by a majority, as every write: so is then the fact that the item came with, which a handler reads
        # at a majority. With less a handler could miss it, and end work that it never saw.
        document = await self._items.find_one_and_update(
            {**which, **_WAITING},
            [{"$set": changes}],
            sort=[("turn", 1), ("due_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return None if document is None else ClaimedItem(_from_document(document), document["owner"])

    async def _write(self, scope: Scope, claimed: ClaimedItem, changes: Document) -> None:
        mine = {"_id": claimed.item.id, "owner": claimed.owner, "fence": claimed.item.fence}
        result = await self._items.update_one(
            {**_in(scope), **mine, **_WAITING}, [{"$set": {"owner": None, **changes}}]
        )
        if result.matched_count != 1:
            raise LeaseLost

    @property
    def _items(self) -> AsyncCollection[Document]:
        return self.database.collection(_OUTBOX)


def turn_of(scope: Scope) -> str:
    """Return by what work is shared out: a merchant's test work never stands in front of their live work either."""
    return f"{scope.tenant}:{scope.mode.value}"


def _in(scope: Scope) -> Document:
    return {"tenant": scope.tenant, "mode": scope.mode.value}


def _lease(owner: str) -> Document:
    return {
        "owner": owner,
        "fence": _plus("fence"),
        "attempts": _plus("attempts"),
        "due_at": {"$add": ["$$NOW", LEASE_SECONDS * 1000]},
    }


def _plus(name: str, number: int = 1) -> Document:
    return {"$add": [f"${name}", number]}


def _milliseconds(delay: timedelta) -> int:
    return delay // timedelta(milliseconds=1)


def _insertion(scope: Scope, item_id: str, item: NewItem, *, at: datetime) -> UpdateOne:
    # An insert of a known key would abort the transaction, and `$setOnInsert` knows no `$$NOW`.
    document = _to_document(scope, item_id, item, at=at)
    due = {"due_at": {"$add": ["$$NOW", _milliseconds(item.delay)]}}
    is_new = {"$eq": [{"$type": "$state"}, "missing"]}
    new = {"$mergeObjects": [{"$literal": document}, due]}
    return UpdateOne(
        {**_in(scope), "key": {"$eq": item.key}},
        [{"$replaceWith": {"$cond": [is_new, new, "$$ROOT"]}}],
        upsert=True,
    )


def _to_document(scope: Scope, item_id: str, item: NewItem, *, at: datetime) -> Document:
    return {
        "_id": item_id,
        **_in(scope),
        "turn": turn_of(scope),
        "kind": item.kind.value,
        "lane": item.lane.value,
        "name": item.name,
        "subject": item.subject,
        "key": item.key,
        "sequence": item.sequence,
        "payload": dict(item.payload),
        "payload_version": _PAYLOAD_VERSION,
        "state": ItemState.WAITING.value,
        "attempts": 0,
        "deferrals": 0,
        "fence": 0,
        "owner": None,
        "created_at": at,
        "done_at": None,
        "reason": None,
    }


def _from_document(document: Document) -> Item:
    return Item(
        id=document["_id"],
        scope=Scope(tenant=document["tenant"], mode=Mode(document["mode"])),
        kind=ItemKind(document["kind"]),
        lane=Lane(document["lane"]),
        name=document["name"],
        subject=document["subject"],
        payload=document["payload"],
        state=ItemState(document["state"]),
        created_at=document["created_at"],
        due_at=document["due_at"],
        sequence=document["sequence"],
        attempts=document["attempts"],
        fence=document["fence"],
        reason=document["reason"],
        done_at=document["done_at"],
        deferrals=document["deferrals"],
        key=document["key"],
    )
