"""What may be given back: the counters of refunds on a payment and on money in suspense, and nothing else.

A refund is reserved before the processor hears of it, by one conditional update: so any number of refunds at one time
never give back more than was captured (C4). Every verb runs in the transaction of the refund's own change; the counters
are those of `Payment` and `SuspenseEntry`:

    reserve     a refund is to be sent            reserved +
    accept      the processor took it             refunded +   (reserved + as well, when it was not ours)
    release     it was refused or cancelled       reserved -
    unaccept    it failed after it was accepted   refunded -, reserved -

A verb that takes back what was never counted raises `CountersBroken`, and the transaction writes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from bson.int64 import Int64
from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection

from app.database import Database, Document, Session
from app.kit.bounds import HISTORY_ENTRIES
from app.kit.scope import Scope
from app.payments.documents import payment_from_document, suspense_from_document
from app.payments.models import (
    NO_REFUND_WHILE,
    DisputeState,
    Payment,
    PaymentStatus,
    ReviewReason,
    SuspenseEntry,
    SuspenseState,
)
from app.payments.store import PAYMENTS, one_payment
from app.payments.suspense_store import SUSPENSE, one_entry

_RESERVED: Document = {"$ifNull": ["$refunds_reserved", Int64(0)]}
# Without a counter of ours, `amount_refunded` is still the processor's word, from before there were refunds here.
_REFUNDED: Document = {
    "$cond": [
        {"$eq": [{"$type": "$refunds_reserved"}, "missing"]},
        Int64(0),
        {"$ifNull": ["$amount_refunded", Int64(0)]},
    ]
}
_IN_HAND: Document = {"$subtract": ["$amount", {"$ifNull": ["$amount_placed", Int64(0)]}]}
_SOURCE = "refunds"
_EXCESS = ReviewReason.REFUNDS_EXCEED_CAPTURE.value
_EXCESS_NOTED: Document = {
    "review": {
        "$cond": [
            {"$gt": ["$refunds_reserved", "$amount_captured"]},
            {"$concatArrays": [{"$setDifference": ["$review", [_EXCESS]]}, [_EXCESS]]},
            "$review",
        ]
    }
}
# A refund may fail after what remained was placed; then the rest of it is here again, and somebody decides anew.
_SUSPENSE_STATE: Document = {
    "state": {
        "$switch": {
            "branches": [
                {
                    "case": {
                        "$and": [
                            {"$eq": ["$state", SuspenseState.PLACED.value]},
                            {"$lte": [{"$subtract": [_IN_HAND, _RESERVED]}, 0]},
                        ]
                    },
                    "then": SuspenseState.PLACED.value,
                },
                {
                    "case": {"$and": [{"$gt": [_REFUNDED, 0]}, {"$gte": [_REFUNDED, _IN_HAND]}]},
                    "then": SuspenseState.RETURNED.value,
                },
            ],
            "default": SuspenseState.OPEN.value,
        }
    }
}

Changed = TypeVar("Changed", Payment, SuspenseEntry)


class CountersBroken(RuntimeError):
    """A refund was taken back that the counters do not hold: a defect of ours, and nothing was written."""


@dataclass(frozen=True, slots=True)
class RefundableStore:
    """Counts refunds on payments. Every verb bumps the version and adds to the history. Amounts are minor units."""

    database: Database

    async def reserve(
        self, scope: Scope, payment_id: str, *, amount: int, at: datetime, session: Session
    ) -> Payment | None:
        """Reserve an amount of a completed payment; None when it has too little left, or is disputed (C4, C11)."""
        query = {
            "status": PaymentStatus.COMPLETED.value,
            "dispute_state": {"$nin": sorted(NO_REFUND_WHILE)},
            **_fits(amount, "$amount_captured"),
        }
        fact = _Fact("refund.reserved", at, query, _sums(reserved=amount))
        return await self._write(scope, payment_id, fact, session)

    async def release(self, scope: Scope, payment_id: str, *, amount: int, at: datetime, session: Session) -> Payment:
        """Give a reservation back. Raises CountersBroken."""
        fact = _Fact("refund.released", at, _under_way(amount), _sums(reserved=-amount))
        return _held(await self._write(scope, payment_id, fact, session))

    async def accept(
        self, scope: Scope, payment_id: str, *, amount: int, reserved: bool, at: datetime, session: Session
    ) -> Payment | None:
        """Count a refund that the processor accepted; None when the payment is not completed, as we know it.

        A refund that was not `reserved` here (made in the processor's dashboard) is reserved as well: it has happened,
        so no limit refuses it, but one beyond what was captured is noted for review (C10).

        Raises:
            CountersBroken: it was to be reserved and is not.
        """
        completed = {"status": PaymentStatus.COMPLETED.value}
        if reserved:
            fact = _Fact("refund.accepted", at, completed | _under_way(amount), _sums(refunded=amount))
            return _held(await self._write(scope, payment_id, fact, session))
        fact = _Fact("refund.imported", at, completed, _sums(reserved=amount, refunded=amount))
        return await self._write(scope, payment_id, fact, session)

    async def unaccept(self, scope: Scope, payment_id: str, *, amount: int, at: datetime, session: Session) -> Payment:
        """Take back a refund that failed after it was accepted (C9). Raises CountersBroken."""
        fact = _Fact("refund.failed", at, _accepted(amount), _sums(reserved=-amount, refunded=-amount))
        return _held(await self._write(scope, payment_id, fact, session))

    async def set_dispute(
        self, scope: Scope, payment_id: str, *, state: DisputeState | None, at: datetime, session: Session
    ) -> Payment:
        """Write what the payment's disputes come to. Raises CountersBroken when there is no such payment."""
        word = state.value if state is not None else None
        fact = _Fact(f"dispute.{word or 'none'}", at, {}, {"dispute_state": word})
        return _held(await self._write(scope, payment_id, fact, session))

    async def _write(self, scope: Scope, payment_id: str, fact: "_Fact", session: Session) -> Payment | None:
        noted = {"at": fact.at, "event": fact.event, "status": "$status", "source": _SOURCE, "attempt": None}
        document = await self._payments.find_one_and_update(
            one_payment(scope, payment_id) | fact.query,
            [{"$set": {**fact.changes, "updated_at": fact.at}}, {"$set": _EXCESS_NOTED}, {"$set": _told(noted)}],
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        return None if document is None else payment_from_document(document)

    @property
    def _payments(self) -> AsyncCollection[Document]:
        return self.database.collection(PAYMENTS)


@dataclass(frozen=True, slots=True)
class RefundableSuspenseStore:
    """Counts refunds on money in suspense, by the same verbs. It is returned once all of it went back."""

    database: Database

    async def reserve(
        self, scope: Scope, suspense_id: str, *, amount: int, at: datetime, session: Session
    ) -> SuspenseEntry | None:
        """Reserve an amount of an open entry; None when it holds too little, or was placed or returned."""
        query = {"state": SuspenseState.OPEN.value, **_fits(amount, _IN_HAND)}
        fact = _Fact("refund.reserved", at, query, _sums(reserved=amount))
        return await self._write(scope, suspense_id, fact, session)

    async def release(
        self, scope: Scope, suspense_id: str, *, amount: int, at: datetime, session: Session
    ) -> SuspenseEntry:
        """Give a reservation back. Raises CountersBroken."""
        fact = _Fact("refund.released", at, _under_way(amount), _sums(reserved=-amount))
        return _held(await self._write(scope, suspense_id, fact, session))

    async def accept(
        self, scope: Scope, suspense_id: str, *, amount: int, reserved: bool, at: datetime, session: Session
    ) -> SuspenseEntry | None:
        """Count a refund that the processor accepted, `reserved` here or not; None when there is no such entry.

        Raises:
            CountersBroken: it was to be reserved and is not.
        """
        if reserved:
            fact = _Fact("refund.accepted", at, _under_way(amount), _sums(refunded=amount))
            return _held(await self._write(scope, suspense_id, fact, session))
        fact = _Fact("refund.imported", at, {}, _sums(reserved=amount, refunded=amount))
        return await self._write(scope, suspense_id, fact, session)

    async def unaccept(
        self, scope: Scope, suspense_id: str, *, amount: int, at: datetime, session: Session
    ) -> SuspenseEntry:
        """Take back a refund that failed after it was accepted: the money is here again (C9). Raises CountersBroken."""
        fact = _Fact("refund.failed", at, _accepted(amount), _sums(reserved=-amount, refunded=-amount))
        return _held(await self._write(scope, suspense_id, fact, session))

    async def _write(self, scope: Scope, suspense_id: str, fact: "_Fact", session: Session) -> SuspenseEntry | None:
        noted = {"at": fact.at, "event": fact.event, "state": "$state"}
        document = await self._suspense.find_one_and_update(
            one_entry(scope, suspense_id) | fact.query,
            [{"$set": fact.changes}, {"$set": _SUSPENSE_STATE}, {"$set": _told(noted)}],
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        return None if document is None else suspense_from_document(document)

    @property
    def _suspense(self) -> AsyncCollection[Document]:
        return self.database.collection(SUSPENSE)


@dataclass(frozen=True, slots=True)
class _Fact:
    """One change of counters: what it is called, what must hold before it, and what it sets."""

    event: str
    at: datetime
    query: Document
    changes: Document


def _sums(*, reserved: int = 0, refunded: int = 0) -> Document:
    return {
        "refunds_reserved": {"$add": [_RESERVED, Int64(reserved)]},
        "amount_refunded": {"$add": [_REFUNDED, Int64(refunded)]},
    }


def _told(noted: Document) -> Document:
    """Return the new version and the history with one entry more, bounded to the newest (G10)."""
    history = {"$concatArrays": [{"$ifNull": ["$history", []]}, [noted]]}
    return {
        "version": {"$add": [{"$ifNull": ["$version", 1]}, 1]},
        "history": {"$slice": [history, -HISTORY_ENTRIES]},
    }


def _fits(amount: int, whole: str | Document) -> Document:
    return {"$expr": {"$lte": [{"$add": [_RESERVED, Int64(amount)]}, whole]}}


def _under_way(amount: int) -> Document:
    return {"$expr": {"$lte": [{"$add": [_REFUNDED, Int64(amount)]}, _RESERVED]}}


def _accepted(amount: int) -> Document:
    return {"$expr": {"$lte": [Int64(amount), _REFUNDED]}}


def _held(changed: Changed | None) -> Changed:
    if changed is None:
        message = "the counters do not hold this refund"
        raise CountersBroken(message)
    return changed
