"""Every query and index of erasures: who was erased, by keyed digests, and how far that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo.asynchronous.collection import AsyncCollection

from app.customers.models import Erasure, ErasureState, ErasureStep
from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session
from app.kit.scope import Mode, Scope

_ERASURES = "erasures"

COLLECTIONS = (
    Collection(
        _ERASURES,
        (Index("tenant_identity", [("tenant", 1), ("mode", 1), ("own", 1), ("began_at", 1)]),),
        shard_key=BY_MERCHANT,
    ),
)


@dataclass(frozen=True, slots=True)
class ErasureStore:
    """Keeps an erasure under its customer's id: there is one."""

    database: Database

    async def find_erasure(self, scope: Scope, customer_id: str) -> Erasure | None:
        """Return the erasure of a customer of this scope."""
        document = await self._erasures.find_one({"_id": {"$eq": customer_id}, **_in(scope)})
        return None if document is None else _from_document(document)

    async def insert_erasure(self, scope: Scope, erasure: Erasure, *, session: Session) -> None:
        """Write a new erasure. Raises DuplicateKeyError: it is known already, and the transaction is dead."""
        await self._erasures.insert_one({**_to_document(erasure), **_in(scope)}, session=session)

    async def covers(self, scope: Scope, own_keys: Sequence[str], *, made_at: datetime, session: Session) -> bool:
        """Tell whether somebody with one of these keys was erased after a payment was made."""
        query = {**_in(scope), "own": {"$in": list(own_keys)}, "began_at": {"$gte": made_at}}
        return await self._erasures.find_one(query, {"_id": 1}, session=session) is not None

    async def save_progress(
        self, scope: Scope, before: Erasure, after: Erasure, *, session: Session | None = None
    ) -> bool:
        """Write how far an erasure is, if nobody else has brought it on; tell whether it was written."""
        where = {"state": before.state.value, "step": before.step.value, "position": before.position}
        result = await self._erasures.update_one(
            {"_id": before.customer_id, **_in(scope), **where}, {"$set": _progress(after)}, session=session
        )
        return result.matched_count == 1

    async def measure_slice(self, *, after: str, limit: int) -> list[Erasure]:
        """Return erasures of whichever merchant in the order of their ids, behind one."""
        cursor = self._erasures.find({"_id": {"$gt": after}}).sort([("_id", 1)]).limit(limit)
        return [_from_document(document) async for document in cursor]

    @property
    def _erasures(self) -> AsyncCollection[Document]:
        return self.database.collection(_ERASURES)


def _in(scope: Scope) -> Document:
    return {"tenant": scope.tenant, "mode": scope.mode.value}


def _to_document(erasure: Erasure) -> Document:
    return {
        "_id": erasure.customer_id,
        "own": list(erasure.own),
        "names": list(erasure.names),
        "began_at": erasure.began_at,
        **_progress(erasure),
    }


def _progress(erasure: Erasure) -> Document:
    return {
        "state": erasure.state.value,
        "step": erasure.step.value,
        "position": erasure.position,
        "payments": erasure.payments,
        "events": erasure.events,
        "disputes": erasure.disputes,
        "links": erasure.links,
        "notices": erasure.notices,
        "ended_at": erasure.ended_at,
    }


def _from_document(document: Document) -> Erasure:
    return Erasure(
        customer_id=document["_id"],
        scope=Scope(document["tenant"], Mode(document["mode"])),
        own=tuple(document["own"]),
        # One from before there were notices has none of these.
        names=tuple(document["names"] if "names" in document else document["own"]),
        began_at=document["began_at"],
        state=ErasureState(document["state"]),
        step=ErasureStep(document["step"]),
        position=document["position"],
        payments=document["payments"],
        events=document["events"],
        disputes=document["disputes"],
        links=document.get("links", 0),
        notices=document.get("notices", 0),
        ended_at=document["ended_at"],
    )
