"""Every query of API keys and of the counters against guessing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection

from app.auth.models import ApiKey, Permission
from app.database import Collection, Database, Document, Index
from app.kit.scope import Mode
from app.web.paging import Window

_KEYS = "api_keys"
_ATTEMPTS = "sign_in_attempts"

COLLECTIONS = (
    Collection(
        _KEYS,
        (
            Index("digest", [("digest", 1)], unique=True),
            Index("tenant_newest", [("tenant", 1), ("_id", -1)]),
        ),
    ),
    Collection(_ATTEMPTS, (Index("attempt_expiry", [("expires_at", 1)], expire_after_seconds=0),)),
)


@dataclass(frozen=True, slots=True)
class KeyStore:
    """Reads and writes API keys."""

    database: Database

    async def insert_key(self, tenant: str, key: ApiKey) -> None:
        """Store a new key."""
        await self._keys.insert_one(
            {
                "_id": key.id,
                "tenant": tenant,
                "mode": key.mode.value,
                "name": key.name,
                "digest": key.digest,
                "hint": key.hint,
                "scopes": sorted(key.scopes),
                "created_by": key.created_by,
                "created_at": key.created_at,
                "expires_at": key.expires_at,
                "retires_at": key.retires_at,
                "last_used_at": None,
                "revoked_at": None,
            }
        )

    async def find_by_digest(self, *digests: str) -> ApiKey | None:
        """Return the key with one of these digests of one secret: the key itself tells whose it is."""
        # One query for all of them: a digest that is replaced between two queries would be missed by both.
        return _key(await self._keys.find_one({"digest": {"$in": list(digests)}}))

    async def replace_digest(self, tenant: str, key_id: str, *, former: str, digest: str) -> None:
        """Store the digest of the current SECRET_KEY instead of the former one's; doing so twice is fine."""
        await self._keys.update_one(
            {"_id": {"$eq": key_id}, "tenant": tenant, "digest": former}, {"$set": {"digest": digest}}
        )

    async def find_key(self, tenant: str, key_id: str) -> ApiKey | None:
        """Return a key of a merchant."""
        return _key(await self._keys.find_one({"_id": {"$eq": key_id}, "tenant": tenant}))

    async def list_keys(self, tenant: str, *, window: Window) -> list[ApiKey]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{"tenant": tenant}, window.filter()]}
        cursor = self._keys.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [_from_document(document) async for document in cursor]

    async def revoke_key(self, tenant: str, key_id: str, *, at: datetime) -> None:
        """End a key."""
        await self._keys.update_one(
            {"_id": {"$eq": key_id}, "tenant": tenant, "revoked_at": None}, {"$set": {"revoked_at": at}}
        )

    async def retire_key(self, tenant: str, key_id: str, *, at: datetime) -> None:
        """Let a key that was rolled end at a moment, unless an earlier roll ends it sooner."""
        # Of null and a moment, $min takes the moment.
        sooner = {"$min": ["$retires_at", at]}
        await self._keys.update_one({"_id": {"$eq": key_id}, "tenant": tenant}, [{"$set": {"retires_at": sooner}}])

    async def record_use(self, tenant: str, key_id: str, *, at: datetime) -> None:
        """Note that a key was used; the caller does so at most now and then."""
        await self._keys.update_one({"_id": {"$eq": key_id}, "tenant": tenant}, {"$set": {"last_used_at": at}})

    @property
    def _keys(self) -> AsyncCollection[Document]:
        return self.database.collection(_KEYS)


@dataclass(frozen=True, slots=True)
class AttemptStore:
    """Counts sign-in attempts per window; the counters vanish by themselves. Their ids are digests, not e-mails."""

    database: Database

    async def count_attempt(self, counter: str, *, at: datetime, window: timedelta) -> tuple[int, datetime]:
        """Add one to a counter and return its value and when it ends."""
        # A counter whose end has passed but which is not removed yet starts anew.
        alive = {"$gt": ["$expires_at", at]}
        document: Any = await self._attempts.find_one_and_update(
            {"_id": counter},
            [
                {
                    "$set": {
                        "count": {"$cond": [alive, {"$add": ["$count", 1]}, 1]},
                        "expires_at": {"$cond": [alive, "$expires_at", at + window]},
                    }
                }
            ],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return document["count"], document["expires_at"]

    async def forget_attempts(self, counter: str) -> None:
        """Remove a counter, because the right person came."""
        await self._attempts.delete_one({"_id": counter})

    @property
    def _attempts(self) -> AsyncCollection[Document]:
        return self.database.collection(_ATTEMPTS)


def _key(document: Document | None) -> ApiKey | None:
    return None if document is None else _from_document(document)


def _from_document(document: dict[str, Any]) -> ApiKey:
    return ApiKey(
        id=document["_id"],
        tenant=document["tenant"],
        mode=Mode(document["mode"]),
        name=document["name"],
        digest=document["digest"],
        hint=document["hint"],
        scopes=frozenset(Permission(scope) for scope in document["scopes"]),
        created_by=document["created_by"],
        created_at=document["created_at"],
        expires_at=document["expires_at"],
        retires_at=document.get("retires_at"),
        last_used_at=document["last_used_at"],
        revoked_at=document["revoked_at"],
    )
