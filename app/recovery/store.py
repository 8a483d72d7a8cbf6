"""Every query and index of sweeps. The worker's claim takes one of any merchant, and hands it back with its scope."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection

from app.database import Collection, Database, Document, Index, known_to
from app.kit.scope import Mode, Scope
from app.recovery.models import Sweep, Swept

SWEEP_LEASE_SECONDS = 60
_SWEEPS = "sweeps"

COLLECTIONS = (
    Collection(
        _SWEEPS,
        (
            Index("tenant_swept", [("tenant", 1), ("mode", 1), ("swept", 1)], unique=True),
            Index("due_sweep", [("next_at", 1)]),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class SweepStore:
    """Keeps how far each walk is; one worker at a time has it."""

    database: Database

    async def enroll_sweep(self, scope: Scope, *, swept: Swept, at: datetime) -> None:
        """Let a list of this account be swept from now on; one that is swept already stays as it is."""
        identity = {"tenant": scope.tenant, "mode": scope.mode.value, "swept": swept.value}
        await self._sweeps.update_one(identity, {"$setOnInsert": {"next_at": at, "walk": None}}, upsert=True)

    async def claim_due_sweep(self, *, at: datetime) -> Sweep | None:
        """Take the walk that has been due longest; a worker that dies gives it back when the lease runs out.

        A list that only newer code knows is left to newer workers (P6).
        """
        document = await self._sweeps.find_one_and_update(
            {"next_at": {"$lte": at}, "swept": {"$in": [known.value for known in Swept]}},
            {"$set": {"next_at": at + timedelta(seconds=SWEEP_LEASE_SECONDS)}},
            sort=[("next_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return None if document is None else _from_document(document, at=at)

    async def claim_rewind(self, *, since: datetime, at: datetime) -> int:
        """Let every list be swept once from a moment on, beginning now; return how many lists there are."""
        walk = {"since": since, "until": at, "skip": 0, "read": 0, "found": 0}
        result = await self._sweeps.update_many({}, {"$set": {"walk": walk, "next_at": at}})
        return result.matched_count

    async def save_sweep(
        self, scope: Scope, sweep: Sweep, *, is_over: bool, next_at: datetime, leased_at: datetime
    ) -> bool:
        """Write how far the walk is, if this worker still has it; tell whether it had."""
        walk = {
            "since": sweep.since,
            "until": sweep.until,
            "skip": sweep.skip,
            "read": sweep.read,
            "found": sweep.found,
        }
        kept = {"walk": None, "last": walk} if is_over else {"walk": walk}
        result = await self._sweeps.update_one(
            {
                "tenant": scope.tenant,
                "mode": scope.mode.value,
                "swept": sweep.swept.value,
                "next_at": leased_at + timedelta(seconds=SWEEP_LEASE_SECONDS),
            },
            {"$set": {**kept, "next_at": next_at}},
        )
        return result.matched_count == 1

    @property
    def _sweeps(self) -> AsyncCollection[Document]:
        return self.database.collection(_SWEEPS)


def _from_document(document: Document, *, at: datetime) -> Sweep:
    scope, swept = Scope(document["tenant"], Mode(document["mode"])), Swept(document["swept"])
    walk, last = document["walk"], document.get("last")
    if walk is not None:
        return Sweep(scope=scope, swept=swept, **known_to(Sweep, walk))
    return Sweep.begun(scope, swept, at=at, known_until=last["until"] if last else None)
