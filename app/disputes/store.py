"""Every query and index of disputes.

The only collection-wide queries without a tenant are the worker's claims, which hand each row back with its scope.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection

from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session
from app.disputes.documents import dispute_from_document, dispute_to_document, history_to_document, mutable_part
from app.disputes.models import OPEN, Dispute, DisputeStatus
from app.kit.bounds import HISTORY_ENTRIES
from app.kit.scope import Scope
from app.web.paging import Window

CHECK_LEASE_SECONDS = 60
_DISPUTES = "disputes"
_OPEN = sorted(status.value for status in OPEN)
ERASED_NAME = "erased"
_ERASED = {"name": ERASED_NAME}
_MOST_OF_A_PAYMENT = 100
_MOST_COUNTED = 10_000

COLLECTIONS = (
    Collection(
        _DISPUTES,
        (
            Index(
                "tenant_gateway_dispute",
                [("tenant", 1), ("mode", 1), ("gateway_dispute_id", 1)],
                unique=True,
            ),
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("_id", -1)]),
            Index("tenant_status", [("tenant", 1), ("mode", 1), ("status", 1), ("_id", -1)]),
            Index("tenant_urgency", [("tenant", 1), ("mode", 1), ("status", 1), ("respond_by", 1)]),
            Index("tenant_payment", [("tenant", 1), ("mode", 1), ("payment_id", 1), ("_id", -1)]),
            Index("tenant_gateway_payment", [("tenant", 1), ("mode", 1), ("gateway_payment_id", 1)]),
            Index("due_check", [("next_check_at", 1)], partial={"next_check_at": {"$type": "date"}}),
            Index("unanswered", [("status", 1), ("answered", 1), ("respond_by", 1)]),
        ),
        shard_key=BY_MERCHANT,
    ),
)


@dataclass(frozen=True, slots=True)
class DisputeFilter:
    """What a list of disputes may be narrowed by."""

    status: DisputeStatus | None = None
    payment_id: str | None = None

    def query(self) -> Document:
        """Return the filter document; every value is typed, no operator comes from the caller (N4)."""
        exact = {"status": self.status and self.status.value, "payment_id": self.payment_id}
        return {field: {"$eq": value} for field, value in exact.items() if value is not None}


@dataclass(frozen=True, slots=True)
class DisputeStore:
    """Reads and writes disputes; every change is one conditional update."""

    database: Database

    async def insert_dispute(
        self, scope: Scope, dispute: Dispute, *, next_check_at: datetime | None, session: Session
    ) -> None:
        """Write a new dispute. Raises DuplicateKeyError: it is known already, and the transaction is dead."""
        document = {**dispute_to_document(dispute), "tenant": scope.tenant, "next_check_at": next_check_at}
        await self._disputes.insert_one(document, session=session)

    async def save_dispute(
        self, scope: Scope, before: Dispute, after: Dispute, *, next_check_at: datetime | None, session: Session
    ) -> bool:
        """Write a changed dispute if nobody else changed it meanwhile; tell whether it was written."""
        new = [history_to_document(entry) for entry in after.history[len(before.history) :]]
        result = await self._disputes.update_one(
            {**_one(scope, before.id), "version": before.version},
            {
                "$set": {**mutable_part(after), "next_check_at": next_check_at},
                "$push": {"history": {"$each": new, "$slice": -HISTORY_ENTRIES}},
            },
            session=session,
        )
        return result.matched_count == 1

    async def find_dispute(self, scope: Scope, dispute_id: str) -> Dispute | None:
        """Return a dispute of this scope."""
        return _to_dispute(await self._disputes.find_one(_one(scope, dispute_id)))

    async def find_by_gateway_id(self, scope: Scope, *, gateway_dispute_id: str) -> Dispute | None:
        """Return the dispute with this id at the processor."""
        query = {**_in(scope), "gateway_dispute_id": {"$eq": gateway_dispute_id}}
        return _to_dispute(await self._disputes.find_one(query))

    async def list_by_gateway_ids(self, scope: Scope, *, ids: Sequence[str]) -> list[Dispute]:
        """Return the disputes with these ids at the processor."""
        query = {**_in(scope), "gateway_dispute_id": {"$in": list(ids)}}
        return [dispute_from_document(document) async for document in self._disputes.find(query)]

    async def list_disputes(self, scope: Scope, *, where: DisputeFilter, window: Window) -> list[Dispute]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{**_in(scope), **where.query()}, window.filter()]}
        cursor = self._disputes.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [dispute_from_document(document) async for document in cursor]

    async def list_urgent(self, scope: Scope, *, limit: int) -> list[Dispute]:
        """Return the open disputes, those with the nearest last day first; those without one come last."""
        # One status at a time reads each from its index in order; together they are at most twice the limit.
        found: list[Dispute] = []
        for status in _OPEN:
            query = {**_in(scope), "status": status, "respond_by": {"$type": "date"}}
            cursor = self._disputes.find(query).sort([("respond_by", 1)]).limit(limit)
            found += [dispute_from_document(document) async for document in cursor]
        found.sort(key=lambda dispute: (dispute.respond_by or dispute.opened_at, dispute.id))
        if len(found) < limit:
            query = {**_in(scope), "status": {"$in": _OPEN}, "respond_by": None}
            cursor = self._disputes.find(query).limit(limit - len(found))
            found += [dispute_from_document(document) async for document in cursor]
        return found[:limit]

    async def list_open_payments(self, scope: Scope, *, limit: int) -> list[str]:
        """Return the payments whose money a bank is asking back."""
        query = {**_in(scope), "status": {"$in": _OPEN}}
        return [row["payment_id"] async for row in self._disputes.find(query, {"payment_id": 1}).limit(limit)]

    async def erase_words(self, scope: Scope, payment_ids: Sequence[str]) -> list[str]:
        """Take what merchants wrote, and what they called their files, out of the ended disputes of some payments.

        Returns the disputes that had such words.
        """
        has_words = {"$or": [{"summary": {"$type": "string"}}, {"evidence.0.name": {"$nin": [None, ERASED_NAME]}}]}
        query = {**_in(scope), "payment_id": {"$in": list(payment_ids)}, "status": {"$nin": _OPEN}, **has_words}
        found = [row["_id"] async for row in self._disputes.find(query, {"_id": 1})]
        named = {"$map": {"input": {"$ifNull": ["$evidence", []]}, "in": {"$mergeObjects": ["$$this", _ERASED]}}}
        # With a new version, so that nobody who read the dispute before writes the words back.
        erased = {"summary": None, "evidence": named, "version": {"$add": ["$version", 1]}}
        await self._disputes.update_many({**query, "_id": {"$in": found}}, [{"$set": erased}])
        return found

    async def list_statuses(self, scope: Scope, *, gateway_payment_id: str, session: Session) -> list[DisputeStatus]:
        """Return where the disputes of a payment at the processor stand, as this transaction sees them."""
        query = {**_in(scope), "gateway_payment_id": {"$eq": gateway_payment_id}}
        cursor = self._disputes.find(query, {"status": 1}, session=session).limit(_MOST_OF_A_PAYMENT)
        return [DisputeStatus(document["status"]) async for document in cursor]

    async def claim_due_check(self, *, at: datetime) -> Dispute | None:
        """Take one dispute whose check is due; a worker that dies gives it back when the lease runs out."""
        document = await self._disputes.find_one_and_update(
            {"next_check_at": {"$lte": at}},
            {"$set": {"next_check_at": at + timedelta(seconds=CHECK_LEASE_SECONDS)}, "$inc": {"checks": 1}},
            sort=[("next_check_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return _to_dispute(document)

    async def schedule_check(self, scope: Scope, dispute_id: str, *, at: datetime | None, leased_at: datetime) -> None:
        """Set when the processor is asked next, or never, unless a change of the dispute has set it since the claim."""
        leased_until = leased_at + timedelta(seconds=CHECK_LEASE_SECONDS)
        query = {**_one(scope, dispute_id), "next_check_at": leased_until}
        await self._disputes.update_one(query, {"$set": {"next_check_at": at}})

    async def hasten_check(self, scope: Scope, dispute_id: str, *, at: datetime) -> None:
        """Bring the next look at the processor forward."""
        # One that is not looked at any more has no time, which would be less than any.
        soonest = {"$min": [{"$ifNull": ["$next_check_at", at]}, at]}
        await self._disputes.update_one(_one(scope, dispute_id), [{"$set": {"next_check_at": soonest}}])

    async def measure_unanswered(self, *, before: datetime) -> int:
        """Count, up to a bound, the open disputes that nobody answered and whose last day is near (an alarm)."""
        query = {"status": DisputeStatus.OPEN.value, "answered": None, "respond_by": {"$lt": before}}
        return await self._disputes.count_documents(query, limit=_MOST_COUNTED)

    @property
    def _disputes(self) -> AsyncCollection[Document]:
        return self.database.collection(_DISPUTES)


def _in(scope: Scope) -> Document:
    return {"tenant": scope.tenant, "mode": scope.mode.value}


def _one(scope: Scope, dispute_id: str) -> Document:
    return {"_id": {"$eq": dispute_id}, **_in(scope)}


def _to_dispute(document: Document | None) -> Dispute | None:
    return None if document is None else dispute_from_document(document)
