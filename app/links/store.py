"""Every query and index of payment links.

The one query without a tenant is that of a link's public page: the address carries the link's id with a MAC, and the
link brings its merchant.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pymongo.asynchronous.collection import AsyncCollection

from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session, exactly
from app.kit.faultpoints import faultpoint
from app.kit.scope import Scope
from app.links.documents import link_from_document, link_to_document, slot_to_document
from app.links.models import TRANSITIONS, Link, LinkStatus, ShownStatus, Slot
from app.payments.models import ERASED
from app.web.paging import Window

_LINKS = "payment_links"

COLLECTIONS = (
    Collection(
        _LINKS,
        (
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("_id", -1)]),
            Index("tenant_status", [("tenant", 1), ("mode", 1), ("status", 1), ("_id", -1)]),
            Index(
                "tenant_reference",
                [("tenant", 1), ("mode", 1), ("reference", 1), ("_id", -1)],
                partial={"reference": {"$type": "string"}},
            ),
            Index(
                "tenant_request_key",
                [("tenant", 1), ("mode", 1), ("request_key", 1), ("created_at", -1)],
                partial={"request_key": {"$type": "string"}},
            ),
        ),
        shard_key=BY_MERCHANT,
    ),
)

Also = Callable[[Session], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class LinkFilter:
    """What a list of links may be narrowed by; `at` is the moment at which a link has expired or not."""

    at: datetime
    status: ShownStatus | None = None
    reference: str | None = None

    def query(self) -> Document:
        """Return the filter document; every value is typed, no operator comes from the caller (N4)."""
        query: Document = {} if self.reference is None else {"reference": {"$eq": self.reference}}
        match self.status:
            case None:
                pass
            case ShownStatus.ACTIVE:
                query |= {
                    "status": LinkStatus.ACTIVE.value,
                    "$or": [{"expires_at": None}, {"expires_at": {"$gt": self.at}}],
                }
            case ShownStatus.EXPIRED:
                query |= {"status": LinkStatus.ACTIVE.value, "expires_at": {"$lte": self.at}}
            case ShownStatus.PAID | ShownStatus.CANCELLED:
                query["status"] = self.status.value
        return query


@dataclass(frozen=True, slots=True)
class Named:
    """To whom a link goes, sealed, and when the link was made."""

    link_id: str
    notify: str = field(repr=False)
    made_at: datetime


@dataclass(frozen=True, slots=True)
class LinkStore:
    """Reads and writes payment links; every change is one conditional update."""

    database: Database

    async def insert_link(self, scope: Scope, link: Link, *, also: Also) -> None:
        """Write a new link, and what it causes, in one transaction."""

        async def work(session: Session) -> None:
            await self._links.insert_one({**link_to_document(link), **_in(scope)}, session=session)
            await also(session)
            faultpoint("links.committing")

        faultpoint("links.writing")
        await self.database.transaction(work)
        faultpoint("links.written")

    async def find_link(self, scope: Scope, link_id: str) -> Link | None:
        """Return a link of this scope."""
        return _to_link(await self._links.find_one(_one(scope, link_id)))

    async def find_by_request(self, scope: Scope, *, request_key: str, since: datetime) -> Link | None:
        """Return the newest link that a request with this key has made since a moment."""
        query = {**_in(scope), "request_key": exactly(request_key), "created_at": {"$gte": since}}
        return _to_link(await self._links.find_one(query, sort=[("created_at", -1)]))

    async def find_public(self, link_id: str) -> Link | None:
        """Return the link of a public address whose MAC was checked."""
        return _to_link(await self._links.find_one({"_id": {"$eq": link_id}}))

    async def list_links(self, scope: Scope, *, where: LinkFilter, window: Window) -> list[Link]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{**_in(scope), **where.query()}, window.filter()]}
        cursor = self._links.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [link_from_document(document) async for document in cursor]

    async def claim_slot(self, scope: Scope, link: Link, slot: Slot) -> bool:
        """Give an active link its next payment's slot, if it still has the one that the caller saw."""
        seen: Document = {"slot": None} if link.slot is None else _is_slot(link.slot)
        result = await self._links.update_one(
            {**_one(scope, link.id), **seen, "status": LinkStatus.ACTIVE.value},
            {"$set": {"slot": slot_to_document(slot)}},
        )
        return result.matched_count == 1

    async def record_payment(self, scope: Scope, link_id: str, *, number: int, payment_id: str) -> bool:
        """Write which payment a slot has; tell whether the slot is still the link's, and the link active."""
        result = await self._links.update_one(
            {
                **_one(scope, link_id),
                "slot.number": number,
                "slot.payment_id": {"$in": [None, payment_id]},
                "status": LinkStatus.ACTIVE.value,
            },
            {"$set": {"slot.payment_id": payment_id}},
        )
        return result.matched_count == 1

    async def take_turn(self, scope: Scope, link_id: str, *, at: datetime, most: int, seconds: int) -> bool:
        """Count one more payment of a link, unless it had its most in so many seconds; tell whether it was counted."""
        start = at - timedelta(seconds=seconds)
        is_over = {"$lte": [{"$ifNull": ["$turns.since", start]}, start]}
        fresh: Document = {"since": at, "count": 1}
        more = {"since": "$turns.since", "count": {"$add": ["$turns.count", 1]}}
        result = await self._links.update_one(
            {
                **_one(scope, link_id),
                "$or": [{"turns": None}, {"turns.since": {"$lte": start}}, {"turns.count": {"$lt": most}}],
            },
            [{"$set": {"turns": {"$cond": [is_over, {"$literal": fresh}, more]}}}],
        )
        return result.matched_count == 1

    async def move_status(self, scope: Scope, before: Link, target: LinkStatus, *, at: datetime, also: Also) -> bool:
        """Move a link by the table, if it is still as the caller saw it; tell whether it moved.

        What the move causes is written in the same transaction.
        """
        sources = sorted(status.value for status in TRANSITIONS.sources(target))
        return await self._change(scope, before, {"status": target.value, "updated_at": at}, sources=sources, also=also)

    async def record_resent(self, scope: Scope, before: Link, *, at: datetime, notify: str | None, also: Also) -> bool:
        """Write that a link is sent once more, if it is still as the caller saw it; tell whether it was written."""
        changes = {"resent_at": at, "updated_at": at, "notify": notify}
        return await self._change(scope, before, changes, sources=[LinkStatus.ACTIVE.value], also=also)

    async def list_named(self, scope: Scope, *, after: str, limit: int) -> tuple[list[Named], str | None]:
        """Return to whom the next links behind an id go, and the last id that was looked at; None at the end."""
        behind = {**_in(scope), "_id": {"$gt": after}}
        cursor = self._links.find(behind, {"notify": 1, "created_at": 1}).sort([("_id", 1)])
        rows = [row async for row in cursor.limit(limit)]
        # Not asked of the database: there the next one might be a million links away.
        named = [row for row in rows if row.get("notify") not in {None, ERASED}]
        last = rows[-1]["_id"] if rows else None
        return [Named(row["_id"], row["notify"], row["created_at"]) for row in named], last

    async def erase_notify(self, scope: Scope, seen: Named) -> bool:
        """Put the mark of the erased in the place of whom a link goes to, unless that is somebody else by now.

        The version moves, or whoever sends the link again at this moment would write back whom it went to.
        """
        result = await self._links.update_one(
            {**_one(scope, seen.link_id), "notify": seen.notify}, {"$set": {"notify": ERASED}, "$inc": {"version": 1}}
        )
        return result.modified_count == 1

    async def _change(self, scope: Scope, before: Link, changes: Document, *, sources: list[str], also: Also) -> bool:
        query = {**_one(scope, before.id), "version": before.version, "status": {"$in": sources}}

        async def work(session: Session) -> bool:
            result = await self._links.update_one(query, {"$set": changes, "$inc": {"version": 1}}, session=session)
            if result.matched_count != 1:
                return False
            await also(session)
            faultpoint("links.committing_move")
            return True

        faultpoint("links.moving")
        changed = await self.database.transaction(work)
        faultpoint("links.moved")
        return changed

    @property
    def _links(self) -> AsyncCollection[Document]:
        return self.database.collection(_LINKS)


def _in(scope: Scope) -> Document:
    return {"tenant": scope.tenant, "mode": scope.mode.value}


def _one(scope: Scope, link_id: str) -> Document:
    return {"_id": {"$eq": link_id}, **_in(scope)}


def _is_slot(slot: Slot) -> Document:
    return {"slot.number": slot.number, "slot.payment_id": slot.payment_id}


def _to_link(document: Document | None) -> Link | None:
    return None if document is None else link_from_document(document)
