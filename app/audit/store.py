"""Every query of the audit log: it is only ever appended to."""

from dataclasses import dataclass
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from app.audit.models import Actor, AuditEntry
from app.database import Collection, Database, Document, Index, known_to
from app.web.paging import Window

_LOG = "audit_log"

COLLECTIONS = (
    Collection(
        _LOG,
        (
            Index("tenant_sequence", [("tenant", 1), ("sequence", 1)], unique=True),
            Index("tenant_newest", [("tenant", 1), ("_id", -1)]),
        ),
        shard_key=("tenant",),
    ),
)


@dataclass(frozen=True, slots=True)
class AuditStore:
    """Appends and reads."""

    database: Database

    async def append_entry(self, tenant: str, entry: AuditEntry) -> bool:
        """Append an entry; tell whether its place in the chain was free."""
        try:
            await self._log.insert_one({"_id": entry.id, "tenant": tenant, **_to_document(entry)})
        except DuplicateKeyError:
            return False
        return True

    async def find_last(self, tenant: str) -> AuditEntry | None:
        """Return the newest entry of the chain."""
        document = await self._log.find_one({"tenant": tenant}, sort=[("sequence", -1)])
        return None if document is None else _from_document(document)

    async def list_entries(self, tenant: str, *, window: Window) -> list[AuditEntry]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{"tenant": tenant}, window.filter()]}
        rows = self._log.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [_from_document(document) async for document in rows]

    async def list_chain(self, tenant: str, *, after: int, limit: int) -> list[AuditEntry]:
        """Return entries in the order of the chain, behind a sequence number."""
        query = {"tenant": tenant, "sequence": {"$gt": after}}
        rows = self._log.find(query).sort([("sequence", 1)]).limit(limit)
        return [_from_document(document) async for document in rows]

    @property
    def _log(self) -> AsyncCollection[Document]:
        return self.database.collection(_LOG)


def _to_document(entry: AuditEntry) -> Document:
    return {
        "sequence": entry.sequence,
        "at": entry.at,
        "actor": {"kind": entry.actor.kind, "id": entry.actor.id},
        "action": entry.action,
        "target": entry.target,
        "before": dict(entry.before),
        "after": dict(entry.after),
        "previous": entry.previous,
        "digest": entry.digest,
    }


def _from_document(document: dict[str, Any]) -> AuditEntry:
    return AuditEntry(
        id=document["_id"],
        sequence=document["sequence"],
        at=document["at"],
        actor=Actor(**known_to(Actor, document["actor"])),
        action=document["action"],
        target=document["target"],
        before=document["before"],
        after=document["after"],
        previous=document["previous"],
        digest=document["digest"],
    )
