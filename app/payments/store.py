"""Every query and index of payments and suspense entries.

The only collection-wide queries without a tenant are the worker's claims, which hand each row back with its scope.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection

from app.database import Collection, Database, Document, Index, Session
from app.kit.bounds import HISTORY_ENTRIES
from app.kit.scope import Scope
from app.payments.documents import (
    history_to_document,
    mutable_part,
    payment_from_document,
    suspense_from_document,
    suspense_to_document,
)
from app.payments.models import (
    TRANSITIONS,
    HistoryEntry,
    Payment,
    PaymentStatus,
    Suspense,
)
from app.web.paging import Window

CHECK_LEASE_SECONDS = 60

PAYMENTS = "payments"
_SUSPENSE = "suspense"
_KEY_INDEX = "tenant_idempotency_key"
_REFERENCE_INDEX = "tenant_reference"

COLLECTIONS = (
    Collection(
        PAYMENTS,
        (
            Index(
                _KEY_INDEX,
                [("tenant", 1), ("mode", 1), ("idempotency.key", 1)],
                unique=True,
                partial={"idempotency.key": {"$type": "string"}},
            ),
            # The natural key: it still refuses a twin when the idempotency key is long forgotten (A10).
            Index(
                _REFERENCE_INDEX,
                [("tenant", 1), ("mode", 1), ("natural_key", 1)],
                unique=True,
                partial={"natural_key": {"$type": "string"}},
            ),
            Index(
                "tenant_order",
                [("tenant", 1), ("mode", 1), ("order_id", 1)],
                unique=True,
                partial={"order_id": {"$type": "string"}},
            ),
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("_id", -1)]),
            Index("tenant_status", [("tenant", 1), ("mode", 1), ("status", 1), ("_id", -1)]),
            Index("tenant_amount", [("tenant", 1), ("mode", 1), ("amount", 1), ("_id", -1)]),
            Index("tenant_attempt", [("tenant", 1), ("mode", 1), ("attempt_ids", 1)]),
            Index("due_check", [("next_check_at", 1)], partial={"next_check_at": {"$type": "date"}}),
            Index("key_expiry", [("idempotency.expires_at", 1)], partial={"idempotency.key": {"$type": "string"}}),
        ),
    ),
    Collection(
        _SUSPENSE,
        (
            Index(
                "tenant_gateway_payment",
                [("tenant", 1), ("mode", 1), ("gateway_payment_id", 1)],
                unique=True,
            ),
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("_id", -1)]),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """What a list of payments may be narrowed by. Times are aware UTC, amounts minor units."""

    status: PaymentStatus | None = None
    reference: str | None = None
    order_id: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    amount_min: int | None = None
    amount_max: int | None = None

    def query(self) -> Document:
        """Return the filter document; every value is typed, no operator comes from the caller (N4)."""
        exact = {"status": self.status and self.status.value, "natural_key": self.reference, "order_id": self.order_id}
        query: Document = {field: {"$eq": value} for field, value in exact.items() if value is not None}
        for field, least, most in (
            ("created_at", ("$gte", self.created_from), ("$lt", self.created_before)),
            ("amount", ("$gte", self.amount_min), ("$lte", self.amount_max)),
        ):
            bounds = {operator: value for operator, value in (least, most) if value is not None}
            if bounds:
                query[field] = bounds
        return query


def in_scope(scope: Scope) -> Document:
    """Return the filter that every query of a merchant's data starts with."""
    return {"tenant": scope.tenant, "mode": scope.mode.value}


def one_payment(scope: Scope, payment_id: str) -> Document:
    """Return the filter of one payment of this scope."""
    return {"_id": {"$eq": payment_id}, **in_scope(scope)}


def pushed(entry: HistoryEntry) -> Document:
    """Return the `$push` of one history entry, bounded to the newest (G10)."""
    return {"history": {"$each": [history_to_document(entry)], "$slice": -HISTORY_ENTRIES}}


def to_payment(document: Document | None) -> Payment | None:
    """Return the payment of a document, if there is one."""
    return None if document is None else payment_from_document(document)


Also = Callable[[Session], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PaymentStore:
    """Reads and writes payments; every change is one conditional update."""

    database: Database

    async def find_payment(self, scope: Scope, payment_id: str) -> Payment | None:
        """Return a payment of this scope."""
        return to_payment(await self._payments.find_one(one_payment(scope, payment_id)))

    async def find_by_order(self, scope: Scope, *, order_id: str) -> Payment | None:
        """Return the payment whose order this is."""
        return to_payment(await self._payments.find_one({**in_scope(scope), "order_id": {"$eq": order_id}}))

    async def list_payments(self, scope: Scope, *, where: PaymentFilter, window: Window) -> list[Payment]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{**in_scope(scope), **where.query()}, window.filter()]}
        cursor = self._payments.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [payment_from_document(document) async for document in cursor]

    async def save_evidence(
        self,
        scope: Scope,
        before: Payment,
        after: Payment,
        *,
        suspense: Sequence[tuple[str, Suspense]] = (),
        next_check_at: datetime | None = None,
        also: Also | None = None,
    ) -> bool:
        """Write a merged payment if nobody else changed it meanwhile; tell whether it was written.

        With suspense entries or `also` everything goes into one transaction (D4); else it is one update.
        """
        if not suspense and also is None:
            return await self._compare_and_set(scope, before, after, next_check_at=next_check_at, session=None)

        async def work(session: Session) -> bool:
            if after is not before:
                written = await self._compare_and_set(
                    scope, before, after, next_check_at=next_check_at, session=session
                )
                if not written:
                    return False
            for suspense_id, item in suspense:
                await self._keep_apart(scope, suspense_id, item, session=session)
            if also is not None:
                await also(session)
            return True

        return await self.database.transaction(work)

    async def move_status(self, scope: Scope, before: Payment, target: PaymentStatus, *, entry: HistoryEntry) -> bool:
        """Move a payment by the table, if it is still as the caller saw it; tell whether it moved."""
        update: Document = {
            "$set": {"status": target.value, "updated_at": entry.at},
            "$inc": {"version": 1},
            "$push": pushed(entry),
        }
        result = await self._payments.update_one(
            {
                **one_payment(scope, before.id),
                "version": before.version,
                "status": {"$in": [state.value for state in TRANSITIONS.sources(target)]},
            },
            update,
        )
        return result.matched_count == 1

    async def add_history(self, scope: Scope, payment_id: str, *, entry: HistoryEntry) -> None:
        """Write down an intent or a remark that moves nothing."""
        await self._payments.update_one(
            one_payment(scope, payment_id),
            {"$push": pushed(entry), "$set": {"updated_at": entry.at}, "$inc": {"version": 1}},
        )

    async def claim_due_check(self, *, at: datetime) -> Payment | None:
        """Take one payment whose check is due; a worker that dies gives it back when the lease runs out."""
        document = await self._payments.find_one_and_update(
            {"next_check_at": {"$lte": at}},
            {"$set": {"next_check_at": at + timedelta(seconds=CHECK_LEASE_SECONDS)}},
            sort=[("next_check_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return to_payment(document)

    async def schedule_check(
        self,
        scope: Scope,
        payment_id: str,
        *,
        at: datetime | None,
        checks: int | None = None,
        leased_at: datetime | None = None,
    ) -> None:
        """Set when the processor is asked next, or never.

        With `leased_at`, the moment of the claim, only if nobody has set another time since.
        """
        changes: Document = {"checks": checks} if checks is not None else {}
        update: Document = {"$set": {**changes, "next_check_at": at}} if at else {"$unset": {"next_check_at": ""}}
        if at is None and changes:
            update["$set"] = changes
        query = one_payment(scope, payment_id)
        if leased_at is not None:
            query["next_check_at"] = leased_at + timedelta(seconds=CHECK_LEASE_SECONDS)
        await self._payments.update_one(query, update)

    async def list_suspense(self, scope: Scope, *, window: Window) -> list[tuple[str, Suspense]]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [in_scope(scope), window.filter()]}
        cursor = self._suspense.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [suspense_from_document(document) async for document in cursor]

    async def _keep_apart(self, scope: Scope, suspense_id: str, item: Suspense, *, session: Session) -> None:
        """Write one suspense entry, once per payment of the processor: a twin must not block the evidence for ever."""
        row = suspense_to_document(item, suspense_id=suspense_id, scope=scope)
        identity = {**in_scope(scope), "gateway_payment_id": {"$eq": item.gateway_payment_id}}
        for field in ("tenant", "mode", "gateway_payment_id"):
            del row[field]
        await self._suspense.update_one(identity, {"$setOnInsert": row}, upsert=True, session=session)

    async def _compare_and_set(
        self,
        scope: Scope,
        before: Payment,
        after: Payment,
        *,
        next_check_at: datetime | None,
        session: Session | None,
    ) -> bool:
        new_entries = after.history[len(before.history) :]
        stays = after.status is before.status
        allowed = {before.status} if stays else TRANSITIONS.sources(after.status)
        changes = mutable_part(after)
        update: Document = {
            "$set": changes,
            "$push": {
                "history": {
                    "$each": [history_to_document(entry) for entry in new_entries],
                    "$slice": -HISTORY_ENTRIES,
                }
            },
        }
        if next_check_at is not None:
            changes["next_check_at"] = next_check_at
        result = await self._payments.update_one(
            {**one_payment(scope, before.id), "version": before.version, "status": {"$in": sorted(allowed)}},
            update,
            session=session,
        )
        return result.matched_count == 1

    @property
    def _payments(self) -> AsyncCollection[Document]:
        return self.database.collection(PAYMENTS)

    @property
    def _suspense(self) -> AsyncCollection[Document]:
        return self.database.collection(_SUSPENSE)
