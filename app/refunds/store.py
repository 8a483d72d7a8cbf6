"""Every query and index of refunds.

The only collection-wide queries without a tenant are the worker's claims, which hand each row back with its scope.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection

from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session, exactly
from app.kit.bounds import HISTORY_ENTRIES
from app.kit.scope import Mode, Scope
from app.refunds.documents import history_to_document, mutable_part, refund_from_document, refund_to_document
from app.refunds.models import TRANSITIONS, Refund, RefundStatus
from app.web.paging import Window

CHECK_LEASE_SECONDS = 60
SEND_LEASE_SECONDS = 30
REFUNDS = "refunds"
_MOST_COUNTED = 10_000

COLLECTIONS = (
    Collection(
        REFUNDS,
        (
            # A client's key lives in the refund that it made: whatever resumes the key finds that one (A2, A9).
            Index(
                "payment_request_key",
                [("tenant", 1), ("mode", 1), ("payment_id", 1), ("request_key", 1)],
                unique=True,
                partial={"request_key": {"$type": "string"}},
            ),
            Index(
                "tenant_gateway_refund",
                [("tenant", 1), ("mode", 1), ("gateway_refund_id", 1)],
                unique=True,
                partial={"gateway_refund_id": {"$type": "string"}},
            ),
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("_id", -1)]),
            Index("tenant_status", [("tenant", 1), ("mode", 1), ("status", 1), ("_id", -1)]),
            Index("tenant_payment", [("tenant", 1), ("mode", 1), ("payment_id", 1), ("_id", -1)]),
            Index("due_check", [("next_check_at", 1)], partial={"next_check_at": {"$type": "date"}}),
            Index("open_since", [("status", 1), ("created_at", 1)]),
        ),
        shard_key=BY_MERCHANT,
    ),
)


@dataclass(frozen=True, slots=True)
class RefundFilter:
    """What a list of refunds may be narrowed by. Times are aware UTC."""

    status: RefundStatus | None = None
    payment_id: str | None = None
    gateway_refund_id: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None

    def query(self) -> Document:
        """Return the filter document; every value is typed, no operator comes from the caller (N4)."""
        exact = {
            "status": self.status and self.status.value,
            "payment_id": self.payment_id,
            "gateway_refund_id": self.gateway_refund_id,
        }
        query: Document = {field: exactly(value) for field, value in exact.items() if value is not None}
        bounds = {"$gte": self.created_from, "$lt": self.created_before}
        if told := {operator: value for operator, value in bounds.items() if value is not None}:
            query["created_at"] = told
        return query


@dataclass(frozen=True, slots=True)
class RefundStore:
    """Reads and writes refunds; every change is one conditional update."""

    database: Database

    async def insert_refund(
        self, scope: Scope, refund: Refund, *, next_check_at: datetime | None, session: Session
    ) -> None:
        """Write a new refund.

        Raises:
            DuplicateKeyError: its request key or its id at the processor is another refund's; the transaction is dead.
        """
        due = {"next_check_at": next_check_at} if next_check_at is not None else {}
        await self._refunds.insert_one({**refund_to_document(refund), **_in(scope), **due}, session=session)

    async def save_refund(
        self,
        scope: Scope,
        before: Refund,
        after: Refund,
        *,
        next_check_at: datetime | None,
        session: Session,
        only_if: Document | None = None,
    ) -> bool:
        """Write a changed refund if nobody else changed it meanwhile; tell whether it was written.

        `only_if` asks for more: that it never left the house (`UNSENT`), or that one still holds its lease (`held_by`).
        """
        stays = after.status is before.status
        allowed = {before.status} if stays else TRANSITIONS.sources(after.status)
        new = [history_to_document(entry) for entry in after.history[len(before.history) :]]
        due: Document = (
            {"$set": {**mutable_part(after), "next_check_at": next_check_at}}
            if next_check_at is not None
            else {"$set": mutable_part(after), "$unset": {"next_check_at": ""}}
        )
        result = await self._refunds.update_one(
            {
                **_one(scope, before.id),
                **(only_if or {}),
                "version": before.version,
                "status": {"$in": sorted(status.value for status in allowed)},
            },
            {**due, "$push": {"history": {"$each": new, "$slice": -HISTORY_ENTRIES}}},
            session=session,
        )
        return result.matched_count == 1

    async def find_refund(self, scope: Scope, refund_id: str) -> Refund | None:
        """Return a refund of this scope."""
        return _to_refund(await self._refunds.find_one(_one(scope, refund_id)))

    async def find_by_key(self, scope: Scope, *, payment_id: str, key: str) -> Refund | None:
        """Return the refund that a client's key made on a payment."""
        query = {**_in(scope), "payment_id": {"$eq": payment_id}, "request_key": exactly(key)}
        return _to_refund(await self._refunds.find_one(query))

    async def find_by_gateway_id(self, scope: Scope, *, gateway_refund_id: str) -> Refund | None:
        """Return the refund with this id at the processor."""
        query = {**_in(scope), "gateway_refund_id": exactly(gateway_refund_id)}
        return _to_refund(await self._refunds.find_one(query))

    async def list_by_gateway_ids(self, scope: Scope, *, ids: Sequence[str]) -> list[Refund]:
        """Return the refunds with these ids at the processor."""
        query = {**_in(scope), "gateway_refund_id": {"$in": list(ids), "$type": "string"}}
        return [refund_from_document(document) async for document in self._refunds.find(query)]

    async def list_refunds(self, scope: Scope, *, where: RefundFilter, window: Window) -> list[Refund]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{**_in(scope), **where.query()}, window.filter()]}
        cursor = self._refunds.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [refund_from_document(document) async for document in cursor]

    async def claim_send(self, scope: Scope, refund_id: str, *, owner: str, at: datetime) -> Refund | None:
        """Take a requested refund for sending, and count the send before it leaves; None when it is not to be had.

        The lease runs by the database's clock (T1); `at` is kept to tell how long ago a send was.
        """
        # Nobody's lease is null, and null is less than any moment.
        is_free = {"$lt": ["$leased_until", "$$NOW"]}
        document = await self._refunds.find_one_and_update(
            {
                **_one(scope, refund_id),
                "status": RefundStatus.REQUESTED.value,
                "gateway_refund_id": None,
                "$expr": is_free,
            },
            [
                {
                    "$set": {
                        "owner": owner,
                        "leased_until": {"$add": ["$$NOW", SEND_LEASE_SECONDS * 1000]},
                        "sends": {"$add": ["$sends", 1]},
                        "sent_before": "$sent_at",
                        "sent_at": at,
                    }
                }
            ],
            return_document=ReturnDocument.AFTER,
        )
        return _to_refund(document)

    async def release_send(self, scope: Scope, refund_id: str, *, owner: str, came_to_nothing: bool) -> None:
        """Let go of a refund whose outcome is still open, if one still holds it.

        A send that certainly `came_to_nothing` is taken back as if it had not been.
        """
        let_go: Document = {"owner": None, "leased_until": None}
        undone: Document = {"sends": {"$subtract": ["$sends", 1]}, "sent_at": "$sent_before"}
        await self._refunds.update_one(
            {**_one(scope, refund_id), **held_by(owner)}, [{"$set": let_go | (undone if came_to_nothing else {})}]
        )

    async def claim_due_check(self, *, at: datetime) -> Refund | None:
        """Take one refund whose check is due; a worker that dies gives it back when the lease runs out."""
        document = await self._refunds.find_one_and_update(
            {"next_check_at": {"$lte": at}},
            {"$set": {"next_check_at": at + timedelta(seconds=CHECK_LEASE_SECONDS)}, "$inc": {"checks": 1}},
            sort=[("next_check_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return _to_refund(document)

    async def schedule_check(self, scope: Scope, refund_id: str, *, at: datetime | None, leased_at: datetime) -> None:
        """Set when the processor is asked next, or never, unless a change of the refund has set it since the claim."""
        update: Document = {"$set": {"next_check_at": at}} if at is not None else {"$unset": {"next_check_at": ""}}
        leased_until = leased_at + timedelta(seconds=CHECK_LEASE_SECONDS)
        await self._refunds.update_one({**_one(scope, refund_id), "next_check_at": leased_until}, update)

    async def list_holdings(
        self, scope: Scope, *, payment_ids: Sequence[str], session: Session | None = None
    ) -> Mapping[str, int]:
        """Return what the refunds of payments hold of their captured money, by payment; none is not in it (I10).

        Refunds of money in suspense are held by the suspense entry.
        """
        over = [RefundStatus.FAILED.value, RefundStatus.CANCELLED.value]
        query = {**_in(scope), "payment_id": {"$in": list(payment_ids)}, "suspense_id": None, "status": {"$nin": over}}
        held: dict[str, int] = {}
        async for row in self._refunds.find(query, {"payment_id": 1, "amount": 1}, session=session):
            held[row["payment_id"]] = held.get(row["payment_id"], 0) + int(row["amount"])
        return held

    async def measure_unsent(self, *, before: datetime, limit: int) -> list[tuple[Scope, str]]:
        """Return refunds, of whichever merchant, asked for before a moment that the processor has not got (I14)."""
        query = {"status": RefundStatus.REQUESTED.value, "created_at": {"$lt": before}}
        rows = self._refunds.find(query, {"tenant": 1, "mode": 1}).limit(limit)
        return [(Scope(row["tenant"], Mode(row["mode"])), row["_id"]) async for row in rows]

    async def measure_open(self, *, before: datetime) -> int:
        """Count, up to a bound, what is still not through of all that was asked for before a moment (an alarm)."""
        states = [RefundStatus.REQUESTED.value, RefundStatus.PENDING.value]
        query = {"status": {"$in": states}, "created_at": {"$lt": before}}
        return await self._refunds.count_documents(query, limit=_MOST_COUNTED)

    async def measure_unanswered(self) -> tuple[int, datetime | None]:
        """Count, up to a bound, the refunds that the processor may or may not have, and date the oldest."""
        query = {"status": RefundStatus.REQUESTED.value}
        count = await self._refunds.count_documents(query, limit=_MOST_COUNTED)
        oldest = await self._refunds.find_one(query, {"created_at": 1}, sort=[("created_at", 1)])
        return count, oldest["created_at"] if oldest else None

    @property
    def _refunds(self) -> AsyncCollection[Document]:
        return self.database.collection(REFUNDS)


UNSENT: Document = {"sends": 0}
"""Of a refund that never left the house."""


def held_by(owner: str) -> Document:
    """Return the condition that a refund is still held by whoever began to send it (P3)."""
    return {"owner": owner}


def _in(scope: Scope) -> Document:
    return {"tenant": scope.tenant, "mode": scope.mode.value}


def _one(scope: Scope, refund_id: str) -> Document:
    return {"_id": {"$eq": refund_id}, **_in(scope)}


def _to_refund(document: Document | None) -> Refund | None:
    return None if document is None else refund_from_document(document)
