"""Queries about who paid: which payments say so, and taking that out of them (T11)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pymongo.asynchronous.collection import AsyncCollection

from app.database import Database, Document
from app.kit.scope import Scope
from app.payments.models import ERASED
from app.payments.store import PAYMENTS, in_scope


@dataclass(frozen=True, slots=True)
class Sealed:
    """Who paid a payment, sealed, and when we made the payment."""

    payment_id: str
    payer: str = field(repr=False)
    made_at: datetime


@dataclass(frozen=True, slots=True)
class PayerStore:
    """Reads and erases who paid. Nothing else of a payment changes, not even its version."""

    database: Database

    async def list_sealed(self, scope: Scope, *, after: str, limit: int) -> tuple[list[Sealed], str | None]:
        """Return who paid the next payments behind an id, and the last id that was looked at; None at the end."""
        behind = {**in_scope(scope), "_id": {"$gt": after}}
        cursor = self._payments.find(behind, {"payer": 1, "created_at": 1}).sort([("_id", 1)])
        rows = [row async for row in cursor.limit(limit)]
        # Not asked of the database: there the next one might be a million payments away.
        sealed = [row for row in rows if row.get("payer") not in {None, ERASED}]
        last = rows[-1]["_id"] if rows else None
        return [Sealed(row["_id"], row["payer"], row["created_at"]) for row in sealed], last

    async def erase_payers(self, scope: Scope, payment_ids: Sequence[str]) -> int:
        """Put the mark of the erased in the place of who paid; return of how many payments it was not there yet."""
        query = {**in_scope(scope), "_id": {"$in": list(payment_ids)}, "payer": {"$ne": ERASED}}
        result = await self._payments.update_many(query, {"$set": {"payer": ERASED}})
        return result.modified_count

    async def list_erased_among(self, scope: Scope, payment_ids: Sequence[str]) -> frozenset[str]:
        """Return which of some payments are of somebody who was erased."""
        if not payment_ids:
            return frozenset()
        query = {**in_scope(scope), "_id": {"$in": list(payment_ids)}, "payer": ERASED}
        return frozenset([row["_id"] async for row in self._payments.find(query, {"_id": 1})])

    async def list_erased(
        self, scope: Scope, *, gateway_payment_ids: Sequence[str], order_ids: Sequence[str]
    ) -> frozenset[str]:
        """Return which of some ids at the processor are of payments whose payer was erased."""
        asked = {"attempt_ids": list(gateway_payment_ids), "order_id": list(order_ids)}
        either = [{name: {"$in": ids}} for name, ids in asked.items() if ids]
        if not either:
            return frozenset()
        query = {**in_scope(scope), "payer": ERASED, "$or": either}
        found = [row async for row in self._payments.find(query, {"attempt_ids": 1, "order_id": 1})]
        known = {one for row in found for one in (*row["attempt_ids"], row["order_id"])}
        return frozenset(known & {*gateway_payment_ids, *order_ids})

    @property
    def _payments(self) -> AsyncCollection[Document]:
        return self.database.collection(PAYMENTS)
