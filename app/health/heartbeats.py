"""Signs of life of processes that no one can ask over HTTP, such as workers."""

import os
import socket
from dataclasses import dataclass, field
from datetime import datetime

from app.database import Collection, Database, Index

_HEARTBEATS = "heartbeats"
_FORGET_SECONDS = 24 * 3600

COLLECTIONS = (
    Collection(
        _HEARTBEATS,
        (
            Index("beat_expiry", [("at", 1)], expire_after_seconds=_FORGET_SECONDS),
            Index("newest_of_kind", [("kind", 1), ("at", -1)]),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """Records and reads signs of life, by the database's clock."""

    database: Database
    process: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")

    async def record(self, kind: str) -> None:
        """Say that this process, which is of this kind, lives."""
        await self.database.collection(_HEARTBEATS).update_one(
            {"_id": f"{kind}:{self.process}"},
            {"$set": {"kind": kind}, "$currentDate": {"at": True}},
            upsert=True,
        )

    async def find_newest(self, kind: str) -> datetime | None:
        """Return when a process of this kind last said that it lives."""
        newest = await self.database.collection(_HEARTBEATS).find_one({"kind": kind}, sort=[("at", -1)])
        return newest["at"] if newest else None
