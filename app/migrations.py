"""Numbered, resumable changes of stored data, run once each under a lock (failure row P12).

A migration is a coroutine function that may be stopped anywhere and started again: it works in small idempotent
batches. Each runs at start-up in the order of its number; the collection `migrations` remembers which are done.
Expand first, contract in a later release, so that old and new code can run side by side (P6).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from app.database import Collection, Database, Document
from app.kit.clock import Clock
from app.kit.ids import Ids, Prefix

COLLECTIONS = (Collection("migrations"),)

_LOCK = "lock"
_LEASE = timedelta(seconds=60)
_WAIT_SECONDS = 0.5

Step = Callable[[Database], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Migration:
    """One change: a number that is never reused, a name, and the work."""

    number: int
    name: str
    run: Step


@dataclass(frozen=True, slots=True)
class Migrations:
    """Runs what has not run yet; of several processes that start at once, one works and the others wait."""

    database: Database
    clock: Clock
    ids: Ids

    async def run_pending(self, migrations: Sequence[Migration]) -> list[int]:
        """Run every migration that is not done, in order; return the numbers that this process ran.

        The rooms bring theirs, and wiring has the list.
        """
        ran = []
        for migration in sorted(migrations, key=lambda one: one.number):
            if await self._is_done(migration):
                continue
            owner = await self._lock()
            try:
                if not await self._is_done(migration):
                    await migration.run(self.database)
                    await self._mark(migration)
                    ran.append(migration.number)
            finally:
                await self._unlock(owner)
        return ran

    async def _is_done(self, migration: Migration) -> bool:
        return await self._collection.find_one({"_id": migration.number}) is not None

    async def _mark(self, migration: Migration) -> None:
        await self._collection.update_one(
            {"_id": migration.number},
            {"$setOnInsert": {"name": migration.name, "done_at": self.clock.now()}},
            upsert=True,
        )

    async def _lock(self) -> str:
        """Wait for the lock; one that was left behind by a dead process is taken over when its lease is over."""
        owner = self.ids.new(Prefix.LEASE)
        stale = {"$subtract": ["$$NOW", int(_LEASE.total_seconds() * 1000)]}
        while True:
            taken = await self._collection.update_one(
                {"_id": _LOCK, "$expr": {"$lt": ["$taken_at", stale]}},
                {"$set": {"owner": owner}, "$currentDate": {"taken_at": True}},
            )
            if taken.matched_count == 1 or await self._lock_anew(owner):
                return owner
            await asyncio.sleep(_WAIT_SECONDS)

    async def _lock_anew(self, owner: str) -> bool:
        try:
            await self._collection.insert_one({"_id": _LOCK, "owner": owner, "taken_at": self.clock.now()})
        except DuplicateKeyError:
            return False
        return True

    async def _unlock(self, owner: str) -> None:
        await self._collection.delete_one({"_id": _LOCK, "owner": owner})

    @property
    def _collection(self) -> AsyncCollection[Document]:
        return self.database.collection("migrations")
