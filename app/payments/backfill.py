"""Migration 1: payments from before there was a ledger get their counters, entries and states.

It works in small batches, each one transaction, and may be stopped anywhere and run again (P12): what has counters was
done, and entries are unique by their cause. Refunds that the processor told of are taken in by the usual job.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from bson.int64 import Int64
from pymongo.asynchronous.collection import AsyncCollection

from app.database import Database, Document, Session
from app.kit.clock import Clock
from app.kit.faultpoints import faultpoint
from app.migrations import Migration
from app.payments.documents import payment_from_document
from app.payments.events import import_of
from app.payments.facts import Facts
from app.payments.models import SuspenseState
from app.payments.postings import postings
from app.payments.store import PAYMENTS
from app.payments.suspense_store import SUSPENSE

_UNCOUNTED: Document = {"refunds_reserved": {"$exists": False}}
_COUNTERS: Document = {"refunds_reserved": Int64(0), "amount_refunded": Int64(0)}
_PLAIN_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Backfill:
    """Brings what was stored before up to date. `batch` is how many captured payments are booked in one transaction."""

    facts: Facts
    clock: Clock
    batch: int = 25

    def migration(self) -> Migration:
        """Return it with its number."""
        return Migration(number=1, name="book_captured_payments", run=self.run)

    async def run(self, database: Database) -> None:
        """Do whatever is not done. Raises PyMongoError: run it again."""
        await self._open_suspense(database.collection(SUSPENSE))
        payments = database.collection(PAYMENTS)
        await self._count_unpaid(payments)
        # A payment that somebody changed between reading and writing is met again in the next pass.
        while await self._book_paid(database, payments):
            pass

    async def _open_suspense(self, suspense: AsyncCollection[Document]) -> None:
        fresh = {
            **_COUNTERS,
            "state": SuspenseState.OPEN.value,
            "amount_placed": Int64(0),
            "placed_payment_id": None,
            "history": [],
            "version": 1,
        }
        stateless = {"state": {"$exists": False}}
        async for rows in _batches(suspense, stateless, size=_PLAIN_BATCH, only_ids=True):
            await suspense.update_many({"_id": {"$in": [row["_id"] for row in rows]}, **stateless}, {"$set": fresh})

    async def _count_unpaid(self, payments: AsyncCollection[Document]) -> None:
        """Give counters to payments that never captured anything: there is nothing to book."""
        unpaid = {**_UNCOUNTED, "attempts.captured": {"$ne": True}}
        async for rows in _batches(payments, unpaid, size=_PLAIN_BATCH, only_ids=True):
            await payments.update_many(
                {"_id": {"$in": [row["_id"] for row in rows]}, **unpaid},
                {"$set": {**_COUNTERS, "dispute_state": None}, "$inc": {"version": 1}},
            )

    async def _book_paid(self, database: Database, payments: AsyncCollection[Document]) -> bool:
        """Book every payment that is not booked, batch by batch; tell whether there was one."""
        found = False
        async for rows in _batches(payments, _UNCOUNTED, size=self.batch):
            found = True
            await self._book(database, payments, rows)
        return found

    async def _book(self, database: Database, payments: AsyncCollection[Document], rows: list[Document]) -> None:
        async def work(session: Session) -> None:
            for row in rows:
                result = await payments.update_one(
                    {"_id": row["_id"], "version": row["version"], **_UNCOUNTED},
                    {"$set": {**_COUNTERS, "dispute_state": None}, "$inc": {"version": 1}},
                    session=session,
                )
                if result.matched_count == 1:
                    await self._write(row, session)
            faultpoint("payments.committing_batch")

        faultpoint("payments.batch")
        await database.transaction(work)
        faultpoint("payments.batch_done")

    async def _write(self, row: Document, session: Session) -> None:
        payment = payment_from_document(row)
        returned = [one for one in payment.attempts if one.captured and one.amount_refunded]
        await self.facts.write(
            payment.scope,
            postings=postings(replace(payment, attempts=()), payment),
            items=[import_of(payment.id, attempt) for attempt in returned],
            at=self.clock.now(),
            session=session,
        )


async def _batches(
    collection: AsyncCollection[Document], query: Document, *, size: int, only_ids: bool = False
) -> AsyncIterator[list[Document]]:
    """Yield what matches, in the order of ids, so that each document is read once."""
    last = ""
    fields = {"_id": 1} if only_ids else None
    while rows := await collection.find({"_id": {"$gt": last}, **query}, fields).sort("_id", 1).limit(size).to_list():
        yield rows
        last = rows[-1]["_id"]
