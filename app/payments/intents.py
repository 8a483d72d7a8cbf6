"""Writes of a payment's birth: the intent with its idempotency key, then the fact that the order exists (D1)."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bson.binary import Binary
from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from app.database import Database, Document, Session, exactly
from app.kit.bounds import IDEMPOTENCY_DAYS
from app.kit.faultpoints import faultpoint
from app.kit.scope import Scope
from app.payments.documents import payment_from_document, payment_to_document
from app.payments.models import ORDER_TRANSITIONS, TRANSITIONS, HistoryEntry, OrderState, Payment, PaymentStatus
from app.payments.store import PAYMENTS, UNKNOWN_INDEX, in_scope, one_payment, pushed

KEY_LEASE_SECONDS = 30
_MOST_COUNTED = 10_000
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

Told = Callable[[Payment, Payment, Session], Awaitable[None]]
"""Writes what the change of a payment from one state to another causes."""


class InsertResult(StrEnum):
    """How the insertion of a new payment ended."""

    INSERTED = "inserted"
    KEY_TAKEN = "key_taken"
    REFERENCE_TAKEN = "reference_taken"


@dataclass(frozen=True, slots=True)
class Claim:
    """A client's Idempotency-Key, the fingerprint of its request and the token of the process that serves it."""

    key: str
    fingerprint: str
    owner: str


@dataclass(frozen=True, slots=True)
class ClaimedPayment:
    """A stored payment with what its idempotency key remembers."""

    payment: Payment
    fingerprint: str
    owner: str
    response: bytes | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IntentStore:
    """Reads and writes payments by their idempotency key, until their order is ready or refused."""

    database: Database

    async def insert_payment(
        self, scope: Scope, payment: Payment, *, claim: Claim, next_check_at: datetime
    ) -> InsertResult:
        """Write the intent: the payment with its key and a lease by the database's clock, in one write (D1, A9)."""
        document = payment_to_document(payment)
        natural_key = payment.reference if payment.link is None else payment.link.natural_key
        if natural_key is not None:
            document["natural_key"] = natural_key
        document |= {
            "next_check_at": next_check_at,
            "idempotency.key": claim.key,
            "idempotency.fingerprint": claim.fingerprint,
            "idempotency.owner": claim.owner,
            "idempotency.expires_at": payment.created_at + timedelta(days=IDEMPOTENCY_DAYS),
        }
        # With the whole shard key, without which MongoDB could not tell where a new document belongs.
        identity = {"_id": document.pop("_id"), **in_scope(scope)}
        for field in in_scope(scope):
            del document[field]
        try:
            await self._payments.update_one(
                identity,
                {"$setOnInsert": document, "$currentDate": {"idempotency.leased_at": True}},
                upsert=True,
            )
        except DuplicateKeyError as error:
            pattern = (error.details or {}).get("keyPattern", {})
            return InsertResult.KEY_TAKEN if "idempotency.key" in pattern else InsertResult.REFERENCE_TAKEN
        return InsertResult.INSERTED

    async def adopt_payment(self, scope: Scope, payment: Payment) -> Payment | None:
        """Write a payment anew that a restored backup does not know (G12); return what is stored under its id."""
        document = payment_to_document(payment) | {"next_check_at": payment.updated_at}
        identity = {"_id": document.pop("_id"), **in_scope(scope)}
        for field in in_scope(scope):
            del document[field]
        # Another worker that adopts it too inserts the same id, or has given the order to it already.
        with suppress(DuplicateKeyError):
            await self._payments.update_one(identity, {"$setOnInsert": document}, upsert=True)
        stored = await self._payments.find_one(one_payment(scope, payment.id))
        return None if stored is None else payment_from_document(stored)

    async def find_by_key(self, scope: Scope, *, key: str) -> ClaimedPayment | None:
        """Return the payment that carries this idempotency key."""
        document = await self._payments.find_one({**in_scope(scope), "idempotency.key": exactly(key)})
        return None if document is None else _claimed(document)

    async def take_over_key(self, scope: Scope, payment_id: str, *, new_owner: str) -> ClaimedPayment | None:
        """Become the owner of a payment's key whose lease is over by the database's clock, and return both as they are.

        None means that somebody holds it, or that the payment has no key (any more).
        """
        oldest = {"$subtract": ["$$NOW", KEY_LEASE_SECONDS * 1000]}
        document = await self._payments.find_one_and_update(
            {
                **one_payment(scope, payment_id),
                "idempotency.owner": {"$type": "string"},
                "$expr": {"$lt": ["$idempotency.leased_at", oldest]},
            },
            {"$set": {"idempotency.owner": new_owner}, "$currentDate": {"idempotency.leased_at": True}},
            return_document=ReturnDocument.AFTER,
        )
        return None if document is None else _claimed(document)

    async def has_key(self, scope: Scope, payment_id: str) -> bool:
        """Tell whether a payment has a key, so that a request under that may be under way."""
        has_owner = {**one_payment(scope, payment_id), "idempotency.owner": {"$type": "string"}}
        return await self._payments.find_one(has_owner, {"_id": 1}) is not None

    async def release_key(self, scope: Scope, payment_id: str, *, owner: str) -> None:
        """End the lease early, so that the client's next try may go on at once; the key stays bound."""
        await self._payments.update_one(
            {**one_payment(scope, payment_id), "idempotency.owner": owner},
            {"$set": {"idempotency.leased_at": _LONG_AGO}},
        )

    async def forget_key(self, scope: Scope, payment_id: str, *, before: datetime) -> None:
        """Unbind a key that is past its days; the natural key still refuses a twin (A10)."""
        await self._payments.update_one(
            {**one_payment(scope, payment_id), "idempotency.expires_at": {"$lte": before}},
            {"$unset": {"idempotency": ""}},
        )

    async def record_order(
        self, scope: Scope, payment: Payment, *, owner: str | None, response: bytes | None, next_check_at: datetime
    ) -> bool:
        """Write the fact that the order exists, once; tell whether this caller was the one (A4, A9).

        `owner` is the key's owner as the caller knows it: a holder that lost its lease matches no document. One who has
        no answer to keep, the worker, lets go of the key, so that the client's next try may go on at once.
        """
        query = {
            **one_payment(scope, payment.id),
            "order_id": None,
            "order_state": {"$in": [state.value for state in ORDER_TRANSITIONS.sources(OrderState.READY)]},
        }
        if owner is not None:
            query["idempotency.owner"] = owner
        changes: Document = {
            "order_id": payment.order_id,
            "order_state": OrderState.READY.value,
            "next_check_at": next_check_at,
            "updated_at": payment.updated_at,
        }
        if response is not None:
            changes["idempotency.response"] = Binary(response)
        elif owner is not None:
            changes["idempotency.leased_at"] = _LONG_AGO
        result = await self._payments.update_one(query, {"$set": changes, "$inc": {"version": 1}})
        return result.matched_count == 1

    async def record_response(self, scope: Scope, payment_id: str, *, owner: str, response: bytes) -> bool:
        """Keep the answer to the key's request, once; tell whether this caller was the one."""
        result = await self._payments.update_one(
            {**one_payment(scope, payment_id), "idempotency.owner": owner, "idempotency.response": None},
            {"$set": {"idempotency.response": Binary(response)}},
        )
        return result.matched_count == 1

    async def record_order_unknown(
        self, scope: Scope, payment_id: str, *, owner: str | None, at: datetime, next_check_at: datetime
    ) -> None:
        """Write that nobody knows whether the order exists, and let the key's next try go on at once.

        `owner` is the key's owner as the caller knows it, None for a payment without a key: only the holder of the
        lease ends it, so that a client's request under way is not joined by a twin (A9).
        """
        query = {
            **one_payment(scope, payment_id),
            "order_state": {"$in": [OrderState.REQUESTED.value, OrderState.UNKNOWN.value]},
        }
        changes: Document = {
            "order_state": OrderState.UNKNOWN.value,
            "updated_at": at,
            "next_check_at": next_check_at,
        }
        if owner is not None:
            query["idempotency.owner"] = owner
            changes["idempotency.leased_at"] = _LONG_AGO
        await self._payments.update_one(query, {"$set": changes, "$inc": {"version": 1}})

    async def record_order_refused(
        self, scope: Scope, payment_id: str, *, reason: str, at: datetime, told: Told
    ) -> None:
        """Write that the processor refused the order: the payment failed, key and reference are free (A11).

        A payment that was cancelled meanwhile stays cancelled (I5). `told` writes what a move causes, in the same
        transaction.
        """

        async def work(session: Session) -> None:
            for source in (PaymentStatus.PENDING, PaymentStatus.CANCELLED):
                status = PaymentStatus.FAILED if TRANSITIONS.allows(source, PaymentStatus.FAILED) else source
                query, update = _refusal(source, status, reason=reason, at=at)
                document = await self._payments.find_one_and_update(
                    {**one_payment(scope, payment_id), **query}, update, session=session
                )
                if document is not None:
                    before = payment_from_document(document)
                    await told(before, replace(before, status=status, version=before.version + 1), session)
                    break
            faultpoint("payments.committing_refusal")

        faultpoint("payments.refusing")
        await self.database.transaction(work)
        faultpoint("payments.refused")

    async def measure_unknown(self) -> tuple[int, datetime | None]:
        """Count the payments, of all merchants, whose order the processor may or may not have, and date the oldest.

        Up to a bound, and over an index that holds no others.
        """
        is_unknown = {"order_state": OrderState.UNKNOWN.value, "status": {"$ne": PaymentStatus.CANCELLED.value}}
        cursor = self._payments.find(is_unknown, {"created_at": 1}, limit=_MOST_COUNTED, hint=UNKNOWN_INDEX)
        born = [document["created_at"] async for document in cursor]
        return len(born), min(born, default=None)

    @property
    def _payments(self) -> AsyncCollection[Document]:
        return self.database.collection(PAYMENTS)


def _claimed(document: Document) -> ClaimedPayment:
    remembered = document["idempotency"]
    response = remembered.get("response")
    return ClaimedPayment(
        payment=payment_from_document(document),
        fingerprint=remembered["fingerprint"],
        owner=remembered["owner"],
        response=None if response is None else bytes(response),
        expires_at=remembered["expires_at"],
    )


def _refusal(source: PaymentStatus, status: PaymentStatus, *, reason: str, at: datetime) -> tuple[Document, Document]:
    """Return the filter and the update by which a refused order moves a payment from one status to another."""
    query = {
        "status": source.value,
        "order_state": {"$in": [state.value for state in ORDER_TRANSITIONS.sources(OrderState.REFUSED)]},
    }
    entry = HistoryEntry(at=at, event="order.refused", status=status, source="processor")
    update = {
        "$set": {
            "order_state": OrderState.REFUSED.value,
            "status": status.value,
            "razorpay_data": {"order_refused": reason},
            "updated_at": at,
        },
        "$unset": {"idempotency": "", "natural_key": "", "next_check_at": ""},
        "$push": pushed(entry),
        "$inc": {"version": 1},
    }
    return query, update
