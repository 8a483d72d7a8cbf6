"""Every query and index of the invariants' rounds and of what they found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import ReturnDocument, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from app.database import BY_MERCHANT, Collection, Database, Document, Index
from app.kit.ids import Ids, Prefix
from app.kit.scope import Mode, Scope
from app.recovery.models import CHECKED_BY, Found, Invariant, Looked, Round, Violation, Walk
from app.web.paging import Window

ROUND_LEASE_SECONDS = 60
_ROUNDS = "invariant_rounds"
_FINDINGS = "invariant_findings"

COLLECTIONS = (
    Collection(_ROUNDS, (Index("due_round", [("next_at", 1)]),)),
    Collection(
        _FINDINGS,
        (
            Index(
                "tenant_subject",
                [("tenant", 1), ("mode", 1), ("invariant", 1), ("subject", 1)],
                unique=True,
            ),
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("is_open", 1), ("_id", -1)]),
            Index("open_by_invariant", [("invariant", 1), ("subject", 1)], partial={"is_open": True}),
        ),
        shard_key=BY_MERCHANT,
    ),
)


@dataclass(frozen=True, slots=True)
class FindingStore:
    """Keeps how far each walk is, and what was found."""

    database: Database
    ids: Ids

    async def claim_due_round(self, *, at: datetime) -> Round | None:
        """Take the walk that has been due longest; of several workers one has it, until its lease runs out (P11)."""
        for walk in Walk:
            await self._rounds.update_one({"_id": walk.value}, {"$setOnInsert": {"next_at": at}}, upsert=True)
        document = await self._rounds.find_one_and_update(
            {"next_at": {"$lte": at}},
            {"$set": {"next_at": at + timedelta(seconds=ROUND_LEASE_SECONDS)}},
            sort=[("next_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return None if document is None else _round(document)

    async def claim_end_of_slice(self, walked: Round, *, next_at: datetime, leased_at: datetime) -> bool:
        """Write how far the walk is, if this worker still has it; tell whether it had."""
        result = await self._rounds.update_one(
            {"_id": walked.walk.value, "next_at": leased_at + timedelta(seconds=ROUND_LEASE_SECONDS)},
            {
                "$set": {
                    "next_at": next_at,
                    "after": walked.after,
                    "examined": walked.examined,
                    "began_at": walked.began_at,
                    "last_whole_at": walked.last_whole_at,
                    "last_examined": walked.last_examined,
                }
            },
        )
        return result.matched_count == 1

    async def measure_rounds(self) -> list[Round]:
        """Return how far every walk is."""
        return [_round(document) async for document in self._rounds.find({})]

    async def claim_findings(self, walk: Walk, looked: Looked, *, at: datetime) -> None:
        """Keep what a slice found, and resolve what it looked at and no longer finds. Rows carry their own scope."""
        found = [self._kept(walk, violation, at=at) for violation in looked.violations]
        if found:
            await self._findings.bulk_write(found, ordered=False)
        for invariant in CHECKED_BY[walk]:
            broken = [one.subject for one in looked.violations if one.invariant is invariant]
            whole = sorted(set(looked.subjects) - set(broken))
            # Everything that a walk of the backlog does not find any more is resolved: it looks at all of it.
            subject: Document = {"$nin": broken} if walk is Walk.BACKLOG else {"$in": whole}
            about = {"walk": walk.value, "invariant": invariant.value, "is_open": True, "subject": subject}
            await self._findings.update_many(about, {"$set": {"is_open": False, "resolved_at": at}})

    async def list_found(self, scope: Scope, *, is_open: bool, window: Window) -> list[Found]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{**_in(scope), "is_open": is_open}, window.filter()]}
        cursor = self._findings.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [_found(document) async for document in cursor]

    async def measure_open(self) -> Mapping[Invariant, int]:
        """Count what is open, for the metrics; every invariant has a number."""
        groups = await self._findings.aggregate(
            [{"$match": {"is_open": True}}, {"$group": {"_id": "$invariant", "count": {"$sum": 1}}}]
        )
        counts = {row["_id"]: row["count"] async for row in groups}
        return {invariant: int(counts.get(invariant.value, 0)) for invariant in Invariant}

    def _kept(self, walk: Walk, violation: Violation, *, at: datetime) -> UpdateOne:
        return UpdateOne(
            {
                **_in(violation.scope),
                "invariant": violation.invariant.value,
                "subject": {"$eq": violation.subject},
            },
            {
                "$set": {
                    "is_open": True,
                    "fact": violation.fact,
                    "last_seen_at": at,
                    "resolved_at": None,
                    "walk": walk.value,
                },
                "$setOnInsert": {"_id": self.ids.new(Prefix.VIOLATION), "first_seen_at": at},
            },
            upsert=True,
        )

    @property
    def _rounds(self) -> AsyncCollection[Document]:
        return self.database.collection(_ROUNDS)

    @property
    def _findings(self) -> AsyncCollection[Document]:
        return self.database.collection(_FINDINGS)


def _in(scope: Scope) -> Document:
    return {"tenant": scope.tenant, "mode": scope.mode.value}


def _round(document: Document) -> Round:
    return Round(
        walk=Walk(document["_id"]),
        after=document.get("after", ""),
        examined=document.get("examined", 0),
        began_at=document.get("began_at"),
        last_whole_at=document.get("last_whole_at"),
        last_examined=document.get("last_examined", 0),
    )


def _found(document: Document) -> Found:
    violation = Violation(
        invariant=Invariant(document["invariant"]),
        scope=Scope(document["tenant"], Mode(document["mode"])),
        subject=document["subject"],
        fact=document["fact"],
    )
    return Found(
        id=document["_id"],
        violation=violation,
        first_seen_at=document["first_seen_at"],
        last_seen_at=document["last_seen_at"],
        resolved_at=document["resolved_at"],
    )
