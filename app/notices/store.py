"""Every query and index of notices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo.asynchronous.collection import AsyncCollection

from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session
from app.kit.scope import Mode, Scope
from app.notices.models import KEPT_DAYS, TOO_MANY, TRANSITIONS, Notice, NoticeKind, NoticeState
from app.tenants.channels import Channel
from app.web.paging import Window

_NOTICES = "notices"

COLLECTIONS = (
    Collection(
        _NOTICES,
        (
            Index("notice_key", [("tenant", 1), ("mode", 1), ("key", 1)], unique=True),
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("_id", -1)]),
            Index("tenant_state", [("tenant", 1), ("mode", 1), ("state", 1), ("_id", -1)]),
            Index("tenant_subject", [("tenant", 1), ("mode", 1), ("subject", 1), ("_id", -1)]),
            Index("tenant_recipient", [("tenant", 1), ("mode", 1), ("recipient", 1), ("created_at", 1)]),
            Index("tenant_channel", [("tenant", 1), ("mode", 1), ("channel", 1), ("created_at", 1)]),
            Index("age", [("created_at", 1)], expire_after_seconds=KEPT_DAYS * 86_400),
        ),
        shard_key=BY_MERCHANT,
    ),
)


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """What a list of notices may be narrowed by."""

    state: NoticeState | None = None
    kind: NoticeKind | None = None
    channel: Channel | None = None
    subject: str | None = None

    def query(self) -> Document:
        """Return the filter document; every value is typed (N4)."""
        exact = {
            "state": self.state and self.state.value,
            "kind": self.kind and self.kind.value,
            "channel": self.channel and self.channel.value,
            "subject": self.subject,
        }
        return {field: {"$eq": value} for field, value in exact.items() if value is not None}


@dataclass(frozen=True, slots=True)
class NoticeStore:
    """Reads and writes notices, once each by their key."""

    database: Database

    async def insert_notice(self, scope: Scope, notice: Notice, *, session: Session) -> bool:
        """Write a notice; tell whether it is new. One whose key is known stays as it is."""
        row = _to_document(notice)
        del row["key"]
        result = await self._notices.update_one(
            {**_in(scope), "key": {"$eq": notice.key}}, {"$setOnInsert": row}, upsert=True, session=session
        )
        return result.upserted_id is not None

    async def count_recent(
        self,
        scope: Scope,
        *,
        since: datetime,
        limit: int,
        session: Session,
        recipient: str | None = None,
        channel: Channel | None = None,
    ) -> int:
        """Count, up to a bound, what was written for a recipient, or by a channel, since a moment."""
        whose: Document = {"recipient": {"$eq": recipient}} if recipient is not None else {}
        if channel is not None:
            whose["channel"] = channel.value
        recent = {**_in(scope), **whose, "created_at": {"$gt": since}, "reason": {"$ne": TOO_MANY}}
        return await self._notices.count_documents(recent, limit=limit, session=session)

    async def find_notice(self, scope: Scope, notice_id: str) -> Notice | None:
        """Return a notice of this scope."""
        row = await self._notices.find_one({"_id": {"$eq": notice_id}, **_in(scope)})
        return None if row is None else _notice(row)

    async def list_notices(self, scope: Scope, *, where: NoticeFilter, window: Window) -> Sequence[Notice]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{**_in(scope), **where.query()}, window.filter()]}
        rows = self._notices.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [_notice(row) async for row in rows]

    async def list_slice(self, scope: Scope, *, after: str, limit: int) -> list[Notice]:
        """Return notices in the order of their ids, behind one."""
        rows = self._notices.find({**_in(scope), "_id": {"$gt": after}}).sort([("_id", 1)]).limit(limit)
        return [_notice(row) async for row in rows]

    async def remove_notices(self, scope: Scope, notice_ids: Sequence[str]) -> int:
        """Remove notices; return how many there were."""
        if not notice_ids:
            return 0
        result = await self._notices.delete_many({**_in(scope), "_id": {"$in": list(notice_ids)}})
        return result.deleted_count

    async def record_sent(self, scope: Scope, notice_id: str, *, at: datetime, carrier_id: str | None) -> None:
        """Write that the carrier has taken a notice."""
        sources = [state.value for state in TRANSITIONS.sources(NoticeState.SENT)]
        sent = {"state": NoticeState.SENT.value, "sent_at": at, "reason": None, "carrier_id": carrier_id}
        await self._notices.update_one(
            {"_id": notice_id, **_in(scope), "state": {"$in": sources}},
            {"$set": {**sent, "updated_at": at}, "$inc": {"tries": 1}},
        )

    async def record_failure(self, scope: Scope, notice_id: str, *, at: datetime, reason: str, is_last: bool) -> None:
        """Write why a try failed, and whether there will be no other; what was sent meanwhile stays so."""
        changes: Document = {"reason": reason, "updated_at": at}
        if is_last:
            changes["state"] = NoticeState.FAILED.value
        sources = [state.value for state in TRANSITIONS.sources(NoticeState.SENT)]
        await self._notices.update_one(
            {"_id": notice_id, **_in(scope), "state": {"$in": sources}}, {"$set": changes, "$inc": {"tries": 1}}
        )

    @property
    def _notices(self) -> AsyncCollection[Document]:
        return self.database.collection(_NOTICES)


def _in(scope: Scope) -> Document:
    return {"tenant": scope.tenant, "mode": scope.mode.value}


def _to_document(notice: Notice) -> Document:
    return {
        "_id": notice.id,
        "kind": notice.kind.value,
        "channel": notice.channel.value,
        "subject": notice.subject,
        "key": notice.key,
        "recipient": notice.recipient,
        "sealed": notice.sealed,
        "state": notice.state.value,
        "tries": notice.tries,
        "reason": notice.reason,
        "carrier_id": notice.carrier_id,
        "created_at": notice.created_at,
        "updated_at": notice.updated_at,
        "sent_at": notice.sent_at,
    }


def _notice(row: Document) -> Notice:
    return Notice(
        id=row["_id"],
        scope=Scope(row["tenant"], Mode(row["mode"])),
        kind=NoticeKind(row["kind"]),
        channel=Channel(row["channel"]),
        subject=row["subject"],
        key=row["key"],
        recipient=row["recipient"],
        sealed=row["sealed"],
        state=NoticeState(row["state"]),
        tries=row["tries"],
        reason=row["reason"],
        carrier_id=row["carrier_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        sent_at=row["sent_at"],
    )
