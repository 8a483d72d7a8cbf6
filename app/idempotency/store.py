"""Queries on `idempotency_keys`. Leases are measured by the database's clock (`$$NOW`), never by ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app.database import Collection, Database, Document, Index
from app.idempotency.models import Answer, KeyState, Lease
from app.kit.bounds import IDEMPOTENCY_DAYS

COLLECTION = Collection(
    name="idempotency_keys",
    indexes=(
        # The digest of (tenant, mode, method and path, key) is the `_id`: unique without an index of its own.
        Index(name="expiry", keys=[("created_at", 1)], expire_after_seconds=IDEMPOTENCY_DAYS * 24 * 3600),
    ),
    shard_key=("_id",),
)


@dataclass(frozen=True, slots=True)
class IdempotencyStore:
    """One document per key: its fingerprint, its lease, and at last its answer."""

    database: Database

    async def claim(
        self, tenant: str, *, key_id: str, owner: str, fingerprint: str, lease_seconds: int, facts: Mapping[str, str]
    ) -> Document:
        """Take the key if it is new or its lease has run out, and return the document as it is afterwards.

        One round trip decides: the caller has the lease exactly when the returned `owner` is its own.
        """
        pipeline = _claim_pipeline(owner, fingerprint, lease_seconds, facts)
        try:
            return await self._upsert(tenant, key_id, pipeline)
        except DuplicateKeyError:
            # Two first claims met in the same instant and the other one inserted; ours now finds its document.
            return await self._upsert(tenant, key_id, pipeline)

    async def finish(self, lease: Lease, *, answer: Answer) -> bool:
        """Write the answer and return whether the lease was still the caller's."""
        result = await self.database.collection(COLLECTION.name).update_one(
            _held(lease),
            {
                "$set": {
                    "state": KeyState.DONE.value,
                    "status": answer.status,
                    "headers": dict(answer.headers),
                    "body": answer.body,
                },
                "$unset": {"leased_until": ""},
                "$currentDate": {"answered_at": True},
            },
        )
        return result.matched_count == 1

    async def release(self, lease: Lease) -> None:
        """Forget the key if the lease is still the caller's: the request was refused and bound nothing."""
        await self.database.collection(COLLECTION.name).delete_one(_held(lease))

    async def forget_answers(self, tenant: str, operations: Sequence[str]) -> int:
        """Forget every key of some operations with its answer; return how many there were.

        Reads what is kept of thirty days from end to end: only for what is seldom.
        """
        query = {"tenant": tenant, "operation": {"$in": list(operations)}, "state": KeyState.DONE.value}
        return (await self.database.collection(COLLECTION.name).delete_many(query)).deleted_count

    async def _upsert(self, tenant: str, key_id: str, pipeline: list[dict[str, Any]]) -> Document:
        document: Document | None = await self.database.collection(COLLECTION.name).find_one_and_update(
            {"_id": key_id, "tenant": tenant}, pipeline, upsert=True, return_document=ReturnDocument.AFTER
        )
        return document or {}


def _held(lease: Lease) -> dict[str, Any]:
    return {"_id": lease.key_id, "tenant": lease.tenant, "owner": lease.owner, "state": KeyState.OPEN.value}


def _claim_pipeline(owner: str, fingerprint: str, lease_seconds: int, facts: Mapping[str, str]) -> list[dict[str, Any]]:
    is_new = {"$eq": [{"$type": "$state"}, "missing"]}
    has_run_out = {
        "$and": [
            {"$eq": ["$state", KeyState.OPEN.value]},
            {"$lte": ["$leased_until", "$$NOW"]},
            # Only the same request may take over: another body is a mistake, not a retry.
            {"$eq": ["$fingerprint", {"$literal": fingerprint}]},
        ]
    }
    taken: dict[str, Any] = {
        "state": KeyState.OPEN.value,
        "owner": {"$literal": owner},
        "fingerprint": {"$literal": fingerprint},
        "leased_until": {"$add": ["$$NOW", lease_seconds * 1000]},
        "created_at": {"$ifNull": ["$created_at", "$$NOW"]},
        "attempt": {"$add": [{"$ifNull": ["$attempt", 0]}, 1]},
        **{name: {"$literal": value} for name, value in facts.items()},
    }
    free = {"$or": [is_new, has_run_out]}
    return [{"$replaceWith": {"$cond": [free, {"$mergeObjects": ["$$ROOT", taken]}, "$$ROOT"]}}]
