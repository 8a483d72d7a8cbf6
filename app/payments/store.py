"""Every query and index of payments, but for those of their birth (intents.py) and of their refunds (refundable.py).

The only collection-wide queries without a tenant are the worker's claims, which hand each row back with its scope.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection

from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session, exactly
from app.gateways.port import AttemptStatus
from app.kit.bounds import HISTORY_ENTRIES
from app.kit.faultpoints import faultpoint
from app.kit.ids import Prefix, first_id
from app.kit.scope import Mode, Scope
from app.payments.documents import (
    history_to_document,
    mutable_part,
    payment_from_document,
)
from app.payments.models import (
    TRANSITIONS,
    HistoryEntry,
    LinkVisit,
    OrderState,
    Part,
    Payment,
    PaymentStatus,
)
from app.web.paging import Window

CHECK_LEASE_SECONDS = 60

PAYMENTS = "payments"
_MOST_COUNTED = 10_000
BIRTH_SLACK = timedelta(minutes=1)
"""An id is made a moment before or behind the payment's own time, never by as much as this."""

_KEY_INDEX = "tenant_idempotency_key"
_REFERENCE_INDEX = "tenant_reference"
UNKNOWN_INDEX = "tenant_unknown"

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
            Index(
                "tenant_link",
                [("tenant", 1), ("mode", 1), ("link_id", 1), ("_id", -1)],
                partial={"link_id": {"$type": "string"}},
            ),
            # The few that wait for a person are found without reading the many that do not.
            Index(
                UNKNOWN_INDEX,
                [("tenant", 1), ("mode", 1), ("order_state", 1), ("_id", -1)],
                partial={"order_state": OrderState.UNKNOWN.value},
            ),
            Index("tenant_review", [("tenant", 1), ("mode", 1), ("_id", -1)], partial={"review.0": {"$exists": True}}),
            Index("authorized", [("created_at", 1)], partial={"status": PaymentStatus.AUTHORIZED.value}),
            Index("due_check", [("next_check_at", 1)], partial={"next_check_at": {"$type": "date"}}),
            Index("key_expiry", [("idempotency.expires_at", 1)], partial={"idempotency.key": {"$type": "string"}}),
        ),
        shard_key=BY_MERCHANT,
    ),
)


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """What a list of payments may be narrowed by. Times are aware UTC, amounts minor units."""

    status: PaymentStatus | None = None
    reference: str | None = None
    order_id: str | None = None
    link_id: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    order_state: OrderState | None = None
    in_review: bool = False

    def query(self) -> Document:
        """Return the filter document; every value is typed, no operator comes from the caller (N4)."""
        exact = {
            "status": self.status and self.status.value,
            "natural_key": self.reference,
            "order_id": self.order_id,
            "link_id": self.link_id,
            "order_state": self.order_state and self.order_state.value,
        }
        query: Document = {field: exactly(value) for field, value in exact.items() if value is not None}
        for field, least, most in (
            ("created_at", ("$gte", self.created_from), ("$lt", self.created_before)),
            ("amount", ("$gte", self.amount_min), ("$lte", self.amount_max)),
        ):
            bounds = {operator: value for operator, value in (least, most) if value is not None}
            if bounds:
                query[field] = bounds
        if born := self._born():
            query["_id"] = born
        if self.in_review:
            query["review.0"] = {"$exists": True}
        return query

    def _born(self) -> Document:
        """Return the bounds of the ids that were made in the time asked for: the index is in their order."""
        bounds: Document = {}
        if self.created_from is not None:
            bounds["$gte"] = first_id(Prefix.PAYMENT, self.created_from - BIRTH_SLACK)
        if self.created_before is not None:
            bounds["$lt"] = first_id(Prefix.PAYMENT, self.created_before + BIRTH_SLACK)
        return bounds


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

    async def find_payment(self, scope: Scope, payment_id: str, *, session: Session | None = None) -> Payment | None:
        """Return a payment of this scope."""
        return to_payment(await self._payments.find_one(one_payment(scope, payment_id), session=session))

    async def find_scope(self, payment_id: str) -> Scope | None:
        """Return whose a payment is, for a customer whose address holds its id and our MAC over it."""
        found = await self._payments.find_one({"_id": {"$eq": payment_id}}, {"tenant": 1, "mode": 1})
        return None if found is None else Scope(found["tenant"], Mode(found["mode"]))

    async def measure_slice(self, *, after: str, limit: int) -> list[Payment]:
        """Return payments of whichever merchant in the order of their ids, behind one."""
        cursor = self._payments.find({"_id": {"$gt": after}}).sort([("_id", 1)]).limit(limit)
        return [payment_from_document(document) async for document in cursor]

    async def find_by_order(self, scope: Scope, *, order_id: str) -> Payment | None:
        """Return the payment whose order this is."""
        return to_payment(await self._payments.find_one({**in_scope(scope), "order_id": exactly(order_id)}))

    async def find_by_attempt(self, scope: Scope, *, gateway_payment_id: str) -> Payment | None:
        """Return the payment that an attempt at the processor was made for; attempts in suspense have one too."""
        return to_payment(
            await self._payments.find_one({**in_scope(scope), "attempt_ids": {"$eq": gateway_payment_id}})
        )

    async def list_by_attempts(self, scope: Scope, *, gateway_payment_ids: Sequence[str]) -> list[Payment]:
        """Return the payments that some attempts at the processor were made for."""
        cursor = self._payments.find({**in_scope(scope), "attempt_ids": {"$in": list(gateway_payment_ids)}})
        return [payment_from_document(document) async for document in cursor]

    async def find_by_visit(self, scope: Scope, visit: LinkVisit) -> Payment | None:
        """Return the payment that a visit of a payment link made."""
        return to_payment(await self._payments.find_one({**in_scope(scope), "natural_key": exactly(visit.natural_key)}))

    async def list_open_of_link(self, scope: Scope, *, link_id: str, limit: int) -> list[str]:
        """Return the ids of payments made through a link that wait for money, oldest first."""
        open_states = [PaymentStatus.PENDING.value, PaymentStatus.FAILED.value]
        query = {**in_scope(scope), "link_id": exactly(link_id), "status": {"$in": open_states}}
        cursor = self._payments.find(query, {"_id": 1}).sort("_id", 1).limit(limit)
        return [document["_id"] async for document in cursor]

    async def list_by_ids(self, scope: Scope, payment_ids: Sequence[str]) -> list[Payment]:
        """Return the payments of these ids that are there, newest first."""
        query = {"_id": {"$in": list(payment_ids)}, **in_scope(scope)}
        return [payment_from_document(document) async for document in self._payments.find(query).sort("_id", -1)]

    async def list_completed(self, scope: Scope, payment_ids: Sequence[str]) -> frozenset[str]:
        """Return which of some payments are completed."""
        query = {
            "_id": {"$in": list(payment_ids)},
            **in_scope(scope),
            "status": PaymentStatus.COMPLETED.value,
        }
        return frozenset([document["_id"] async for document in self._payments.find(query, {"_id": 1})])

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
        next_check_at: datetime | None = None,
        also: Also | None = None,
    ) -> bool:
        """Write a merged payment if nobody else changed it meanwhile; tell whether it was written.

        With `also`, what the change causes is written in the same transaction (D4); without it, it is one update.
        """
        faultpoint("payments.learning")
        if also is None:
            written = await self._compare_and_set(scope, before, after, next_check_at=next_check_at, session=None)
        else:
            written = await self.database.transaction(
                lambda session: self._learn(
                    scope, before, after, next_check_at=next_check_at, also=also, session=session
                )
            )
        faultpoint("payments.learnt")
        return written

    async def move_status(
        self, scope: Scope, before: Payment, target: PaymentStatus, *, entry: HistoryEntry, also: Also
    ) -> bool:
        """Move a payment by the table, if it is still as the caller saw it; tell whether it moved.

        What the move causes is written in the same transaction.
        """
        update: Document = {
            "$set": {"status": target.value, "updated_at": entry.at},
            "$inc": {"version": 1},
            "$push": pushed(entry),
        }
        query = {
            **one_payment(scope, before.id),
            "version": before.version,
            "status": {"$in": [state.value for state in TRANSITIONS.sources(target)]},
        }

        async def work(session: Session) -> bool:
            result = await self._payments.update_one(query, update, session=session)
            if result.matched_count != 1:
                return False
            await also(session)
            faultpoint("payments.committing_move")
            return True

        faultpoint("payments.moving")
        moved = await self.database.transaction(work)
        faultpoint("payments.moved")
        return moved

    async def add_history(self, scope: Scope, payment_id: str, *, entry: HistoryEntry) -> None:
        """Write down an intent or a remark that moves nothing, with the status that the payment has then (I5).

        Others may have moved the payment since the caller read it, and a history never goes back.
        """
        remark = {name: {"$literal": value} for name, value in history_to_document(entry).items()}
        longer = {"$concatArrays": ["$history", [{**remark, "status": "$status"}]]}
        changes = {"history": {"$slice": [longer, -HISTORY_ENTRIES]}, "version": {"$add": ["$version", 1]}}
        changed_at = {"updated_at": entry.at}
        await self._payments.update_one(one_payment(scope, payment_id), [{"$set": changes | changed_at}])

    async def claim_due_check(self, *, at: datetime) -> Payment | None:
        """Take one payment whose check is due; a worker that dies gives it back when the lease runs out."""
        document = await self._payments.find_one_and_update(
            {"next_check_at": {"$lte": at}},
            {"$set": {"next_check_at": at + timedelta(seconds=CHECK_LEASE_SECONDS)}},
            sort=[("next_check_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return to_payment(document)

    async def measure_authorized(self, *, before: datetime) -> int:
        """Count payments whose money was authorised before a moment and neither captured nor sent back, up to a bound.

        The processor counts from the birth of the attempt, so that is what is compared.
        """
        attempt = {"part": Part.PRIMARY.value, "status": AttemptStatus.AUTHORIZED.value, "created_at": {"$lt": before}}
        return await self._payments.count_documents(
            {
                "status": PaymentStatus.AUTHORIZED.value,
                "created_at": {"$lt": before},
                "attempts": {"$elemMatch": attempt},
            },
            limit=_MOST_COUNTED,
        )

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

    async def _learn(
        self,
        scope: Scope,
        before: Payment,
        after: Payment,
        *,
        next_check_at: datetime | None,
        also: Also,
        session: Session,
    ) -> bool:
        if after is not before and not await self._compare_and_set(
            scope, before, after, next_check_at=next_check_at, session=session
        ):
            return False
        await also(session)
        faultpoint("payments.committing")
        return True

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
        if before.payer is not None:
            # The first word stays, so there is nothing to write; and who was erased meanwhile must not come back (T11).
            changes.pop("payer", None)
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
