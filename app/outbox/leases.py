"""Leader leases: of several processes, one at a time does what a schedule asks for (P11).

A lease is only a way not to do work twice. A leader that sleeps beyond its lease does not know that it lost it, so what
it does must be idempotent, or carry the token: a number that grows with every change of leader.
"""

from dataclasses import dataclass

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection

from app.database import Collection, Database, Document

_LEASES = "leases"

COLLECTIONS = (Collection(_LEASES),)


@dataclass(frozen=True, slots=True)
class Leases:
    """Takes, keeps and gives back leases in the name of one process, by the database's clock."""

    database: Database
    owner: str

    async def hold(self, name: str, seconds: float) -> bool:
        """Take or renew a lease for so many seconds from now; tell whether this process holds it."""
        return await self.hold_fenced(name, seconds) is not None

    async def hold_fenced(self, name: str, seconds: float) -> int | None:
        """Take or renew a lease; return its token, or None while another process holds it."""
        is_mine = {"$eq": ["$owner", self.owner]}
        is_free = {"$lte": [{"$ifNull": ["$until", "$$NOW"]}, "$$NOW"]}
        known = {"$ifNull": ["$fence", 0]}
        mine = {
            "fence": {"$cond": [is_free, {"$add": [known, 1]}, known]},
            "until": {"$add": ["$$NOW", int(seconds * 1000)]},
            "owner": self.owner,
        }
        # An upsert's filter knows no `$expr`, so the choice is made in the update; another's lease is left as it is.
        document = await self._leases.find_one_and_update(
            {"_id": name},
            [{"$replaceWith": {"$mergeObjects": ["$$ROOT", {"$cond": [{"$or": [is_mine, is_free]}, mine, {}]}]}}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        if document is None or document["owner"] != self.owner:
            return None
        return int(document["fence"])

    async def release(self, name: str) -> None:
        """Give a lease back, if this process holds it, so that another need not wait for its end."""
        await self._leases.update_one({"_id": name, "owner": self.owner}, [{"$set": {"until": "$$NOW", "owner": None}}])

    @property
    def _leases(self) -> AsyncCollection[Document]:
        return self.database.collection(_LEASES)
