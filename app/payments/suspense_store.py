"""Every query and index of suspense entries, but for those of their refunds (refundable.py)."""

from dataclasses import dataclass
from datetime import datetime

from pymongo.asynchronous.collection import AsyncCollection

from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session
from app.kit.bounds import HISTORY_ENTRIES
from app.kit.scope import Scope
from app.payments.documents import suspense_from_document, suspense_to_document
from app.payments.models import SuspenseEntry, SuspenseState
from app.payments.store import in_scope
from app.web.paging import Window

SUSPENSE = "suspense"
_MOST_COUNTED = 10_000

COLLECTIONS = (
    Collection(
        SUSPENSE,
        (
            Index(
                "tenant_gateway_payment",
                [("tenant", 1), ("mode", 1), ("gateway_payment_id", 1)],
                unique=True,
            ),
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("_id", -1)]),
            Index("tenant_state", [("tenant", 1), ("mode", 1), ("state", 1), ("_id", -1)]),
            Index("open", [("created_at", 1)], partial={"state": SuspenseState.OPEN.value}),
        ),
        shard_key=BY_MERCHANT,
    ),
)


def one_entry(scope: Scope, suspense_id: str) -> Document:
    """Return the filter of one suspense entry of this scope."""
    return {"_id": {"$eq": suspense_id}, **in_scope(scope)}


@dataclass(frozen=True, slots=True)
class SuspenseStore:
    """Reads and writes money in suspense."""

    database: Database

    async def insert_entry(self, scope: Scope, entry: SuspenseEntry, *, session: Session) -> bool:
        """Write an entry, once per payment of the processor; tell whether it is new.

        A twin must not block the evidence that brought it for ever.
        """
        row = suspense_to_document(entry)
        identity = {**in_scope(scope), "gateway_payment_id": {"$eq": entry.held.gateway_payment_id}}
        for field in ("tenant", "mode", "gateway_payment_id"):
            del row[field]
        result = await self._suspense.update_one(identity, {"$setOnInsert": row}, upsert=True, session=session)
        return result.upserted_id is not None

    async def find_entry(self, scope: Scope, suspense_id: str) -> SuspenseEntry | None:
        """Return an entry of this scope."""
        document = await self._suspense.find_one(one_entry(scope, suspense_id))
        return None if document is None else suspense_from_document(document)

    async def measure_slice(self, *, after: str, limit: int) -> list[SuspenseEntry]:
        """Return entries of whichever merchant in the order of their ids, behind one."""
        cursor = self._suspense.find({"_id": {"$gt": after}}).sort([("_id", 1)]).limit(limit)
        return [suspense_from_document(document) async for document in cursor]

    async def find_by_attempt(self, scope: Scope, *, gateway_payment_id: str) -> SuspenseEntry | None:
        """Return the entry of a payment at the processor, if its money is in suspense."""
        document = await self._suspense.find_one({**in_scope(scope), "gateway_payment_id": {"$eq": gateway_payment_id}})
        return None if document is None else suspense_from_document(document)

    async def list_entries(
        self, scope: Scope, *, state: SuspenseState | None = None, window: Window
    ) -> list[SuspenseEntry]:
        """Return the rows of one page and one more, in the window's order."""
        wanted = in_scope(scope) if state is None else {**in_scope(scope), "state": state.value}
        cursor = self._suspense.find({"$and": [wanted, window.filter()]}).sort(window.sort()).limit(window.fetch_limit)
        return [suspense_from_document(document) async for document in cursor]

    async def save_decision(
        self, scope: Scope, before: SuspenseEntry, after: SuspenseEntry, *, session: Session
    ) -> bool:
        """Write what was decided about an open entry, if nobody changed it meanwhile; tell whether it was written."""
        document = suspense_to_document(after)
        decided = {field: document[field] for field in ("state", "amount_placed", "placed_payment_id", "version")}
        result = await self._suspense.update_one(
            {**one_entry(scope, before.id), "version": before.version, "state": before.state.value},
            {"$set": decided, "$push": {"history": {"$each": document["history"][-1:], "$slice": -HISTORY_ENTRIES}}},
            session=session,
        )
        return result.matched_count == 1

    async def measure_open(self) -> tuple[int, datetime | None]:
        """Count what is open, up to a bound, and tell since when the oldest is, for the metrics."""
        is_open = {"state": SuspenseState.OPEN.value}
        count = await self._suspense.count_documents(is_open, limit=_MOST_COUNTED)
        oldest = await self._suspense.find_one(is_open, {"created_at": 1}, sort=[("created_at", 1)])
        return count, oldest["created_at"] if oldest else None

    @property
    def _suspense(self) -> AsyncCollection[Document]:
        return self.database.collection(SUSPENSE)
