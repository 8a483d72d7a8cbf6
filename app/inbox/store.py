"""Every query and index of the inbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson.binary import Binary
from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session
from app.inbox.models import TRANSITIONS, ClaimedEvent, EventState, InboxEvent
from app.kit.scope import Mode, Scope
from app.web.paging import Window

LEASE_SECONDS = 30
SET_ASIDE = (EventState.PARKED, EventState.QUARANTINED)
_MOST_COUNTED = 10_000
_INBOX = "inbox_events"

COLLECTIONS = (
    Collection(
        _INBOX,
        (
            Index(
                "source_event",
                [("tenant", 1), ("mode", 1), ("source", 1), ("event_id", 1)],
                unique=True,
            ),
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("_id", -1)]),
            Index("tenant_state", [("tenant", 1), ("mode", 1), ("state", 1), ("_id", -1)]),
            Index("tenant_type", [("tenant", 1), ("mode", 1), ("type", 1), ("_id", -1)]),
            Index("due", [("next_attempt_at", 1)], partial={"state": EventState.RECEIVED.value}),
            # The few that wait for a person are counted without reading the many that do not.
            *(Index(state.value, [("state", 1)], partial={"state": state.value}) for state in SET_ASIDE),
        ),
        shard_key=BY_MERCHANT,
    ),
)


class LeaseLost(Exception):
    """Another worker took the event over; what this one was about to write must not happen (P3)."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What a list of events may be narrowed by."""

    state: EventState | None = None
    type: str | None = None

    def query(self) -> Document:
        """Return the filter document; every value is typed (N4)."""
        query: Document = {}
        if self.state is not None:
            query["state"] = self.state.value
        if self.type is not None:
            query["type"] = {"$eq": self.type}
        return query


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: how many, up to a bound, since when, and when the first of it was or will be due."""

    waiting: int
    oldest: datetime | None
    due: datetime | None


@dataclass(frozen=True, slots=True)
class InboxStore:
    """Keeps events: once each, leased to one worker at a time by the database's clock."""

    database: Database

    async def insert_event(self, scope: Scope, event: InboxEvent) -> bool:
        """Store an event; tell whether it was new. A repeated one is only counted."""
        document = _to_document(scope, event)
        # With the whole shard key, without which MongoDB could not tell where a new document belongs.
        identity = {name: document.pop(name) for name in ("_id", "tenant", "mode")}
        try:
            # Due by the database's clock, so that a machine with a wrong one neither delays nor reorders (T1).
            await self._events.update_one(
                identity, {"$setOnInsert": document, "$currentDate": {"next_attempt_at": True}}, upsert=True
            )
        except DuplicateKeyError:
            await self._events.update_one(
                {**_in(scope), "source": event.source, "event_id": {"$eq": event.event_id}}, {"$inc": {"seen": 1}}
            )
            return False
        return True

    async def find_event(self, scope: Scope, event_id: str) -> InboxEvent | None:
        """Return an event of this scope by our id."""
        document = await self._events.find_one({"_id": {"$eq": event_id}, **_in(scope)})
        return None if document is None else _from_document(document)

    async def list_events(self, scope: Scope, *, where: EventFilter, window: Window) -> list[InboxEvent]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{**_in(scope), **where.query()}, window.filter()]}
        cursor = self._events.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [_from_document(document) async for document in cursor]

    async def list_slice(self, scope: Scope, *, after: str, limit: int) -> list[InboxEvent]:
        """Return events in the order of their ids, behind one."""
        cursor = self._events.find({**_in(scope), "_id": {"$gt": after}}).sort([("_id", 1)]).limit(limit)
        return [_from_document(document) async for document in cursor]

    async def erase_body(self, scope: Scope, event_id: str, *, body: bytes, at: datetime) -> bool:
        """Put what is left of an event in the place of what arrived; tell whether it was not so yet."""
        result = await self._events.update_one(
            {"_id": event_id, **_in(scope), "erased_at": None}, {"$set": {"body": Binary(body), "erased_at": at}}
        )
        return result.modified_count == 1

    async def requeue_event(self, scope: Scope, event_id: str, *, at: datetime) -> bool:
        """Make an event due again from its first attempt; tell whether it exists and was not already due."""
        sources = [state.value for state in TRANSITIONS.sources(EventState.RECEIVED)]
        result = await self._events.update_one(
            {"_id": {"$eq": event_id}, **_in(scope), "state": {"$in": sources}},
            {"$set": {"state": EventState.RECEIVED.value, "attempts": 0, "next_attempt_at": at, "reason": None}},
        )
        return result.matched_count == 1

    async def claim_due_event(self, *, owner: str) -> ClaimedEvent | None:
        """Lease the event that has been due longest, for any merchant; its scope comes with it."""
        document = await self._events.find_one_and_update(
            {"state": EventState.RECEIVED.value, "$expr": {"$lte": ["$next_attempt_at", "$$NOW"]}},
            [
                {
                    "$set": {
                        "owner": owner,
                        "attempts": {"$add": ["$attempts", 1]},
                        "next_attempt_at": {"$add": ["$$NOW", LEASE_SECONDS * 1000]},
                    }
                }
            ],
            sort=[("next_attempt_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return None if document is None else ClaimedEvent(_from_document(document), owner)

    async def finish_event(
        self,
        scope: Scope,
        claimed: ClaimedEvent,
        state: EventState,
        *,
        at: datetime,
        type_: str | None = None,
        payment_id: str | None = None,
        reason: str | None = None,
        session: Session | None = None,
    ) -> None:
        """Write what became of an event, if this worker still holds it. Raises LeaseLost."""
        result = await self._events.update_one(
            {**_in(scope), "_id": claimed.event.id, "owner": claimed.owner, "state": EventState.RECEIVED.value},
            {
                "$set": {
                    "state": state.value,
                    "type": type_,
                    "payment_id": payment_id,
                    "reason": reason,
                    "applied_at": at if state is EventState.APPLIED else None,
                }
            },
            session=session,
        )
        if result.matched_count != 1:
            raise LeaseLost

    async def postpone_event(
        self, scope: Scope, claimed: ClaimedEvent, *, delay: timedelta, reason: str, type_: str | None
    ) -> None:
        """Make a claimed event due later, by the database's clock; the reason is a code, never a text from outside."""
        await self._events.update_one(
            {**_in(scope), "_id": claimed.event.id, "owner": claimed.owner},
            [
                {
                    "$set": {
                        "next_attempt_at": {"$add": ["$$NOW", int(delay.total_seconds() * 1000)]},
                        "reason": {"$literal": reason},
                        "type": {"$literal": type_},
                        "owner": None,
                    }
                }
            ],
        )

    async def measure_overdue(self, *, by: timedelta, limit: int) -> list[tuple[Scope, str]]:
        """Return events, of whichever merchant, that should have been applied so long ago (I14)."""
        late = {"$expr": {"$lte": ["$next_attempt_at", {"$subtract": ["$$NOW", by // timedelta(milliseconds=1)]}]}}
        cursor = self._events.find({"state": EventState.RECEIVED.value, **late}, {"tenant": 1, "mode": 1}).limit(limit)
        return [(Scope(row["tenant"], Mode(row["mode"])), row["_id"]) async for row in cursor]

    async def measure_backlog(self) -> Backlog:
        """Return what waits, of all merchants, for the metrics."""
        waiting = {"state": EventState.RECEIVED.value}
        count = await self._events.count_documents(waiting, limit=_MOST_COUNTED)
        first = await self._events.find_one(
            waiting, {"received_at": 1, "next_attempt_at": 1}, sort=[("next_attempt_at", 1)]
        )
        return Backlog(count, first["received_at"], first["next_attempt_at"]) if first else Backlog(count, None, None)

    async def measure_set_aside(self) -> Mapping[EventState, int]:
        """Count, up to a bound, what waits for a person, of all merchants, for the metrics."""
        return {
            state: await self._events.count_documents({"state": state.value}, limit=_MOST_COUNTED)
            for state in SET_ASIDE
        }

    @property
    def _events(self) -> AsyncCollection[Document]:
        return self.database.collection(_INBOX)


def _in(scope: Scope) -> Document:
    return {"tenant": scope.tenant, "mode": scope.mode.value}


def _to_document(scope: Scope, event: InboxEvent) -> Document:
    return {
        "_id": event.id,
        **_in(scope),
        "source": event.source,
        "event_id": event.event_id,
        "body": Binary(event.body),
        "body_digest": event.body_digest,
        "state": event.state.value,
        "type": event.type,
        "seen": event.seen,
        "attempts": event.attempts,
        "received_at": event.received_at,
        "applied_at": event.applied_at,
        "payment_id": event.payment_id,
        "reason": event.reason,
        "owner": None,
    }


def _from_document(document: Document) -> InboxEvent:
    return InboxEvent(
        id=document["_id"],
        scope=Scope(tenant=document["tenant"], mode=Mode(document["mode"])),
        source=document["source"],
        event_id=document["event_id"],
        body=bytes(document["body"]),
        body_digest=document["body_digest"],
        state=EventState(document["state"]),
        received_at=document["received_at"],
        type=document["type"],
        seen=document["seen"],
        attempts=document["attempts"],
        applied_at=document["applied_at"],
        payment_id=document["payment_id"],
        reason=document["reason"],
        erased_at=document.get("erased_at"),
    )
