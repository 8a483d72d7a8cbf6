"""Every query and index of the numbers counted ahead. The worker's claims hand each row back with its scope."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson.int64 import Int64
from pymongo import ReturnDocument, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from app.analytics.models import Share, Slot, Sums
from app.database import BY_MERCHANT, Collection, Database, Document, Index
from app.kit.scope import Mode, Scope

LEASE_SECONDS = 60
_SLOTS = "analytics_slots"
_WALKS = "analytics_walks"

COLLECTIONS = (
    Collection(
        _SLOTS,
        (
            Index("tenant_at", [("tenant", 1), ("mode", 1), ("at", 1)], unique=True),
            Index("due_count", [("next_at", 1)], partial={"next_at": {"$type": "date"}}),
        ),
        shard_key=BY_MERCHANT,
    ),
    Collection(_WALKS),
)


@dataclass(frozen=True, slots=True)
class AnalyticsStore:
    """Keeps the half hours, and how far each collection was looked through for new ones."""

    database: Database

    async def list_slots(self, scope: Scope, *, since: datetime, before: datetime) -> list[Slot]:
        """Return the half hours of a span, oldest first; those without payments are not there."""
        query = {"tenant": scope.tenant, "mode": scope.mode.value, "at": {"$gte": since, "$lt": before}}
        return [_slot(document) async for document in self._slots.find(query).sort([("at", 1)])]

    async def claim_spans(self, spans: Iterable[tuple[Scope, datetime]], *, at: datetime) -> None:
        """Let these half hours be counted now; those that are not there yet are made."""
        updates = [
            UpdateOne(
                {"tenant": scope.tenant, "mode": scope.mode.value, "at": begins_at},
                {"$min": {"next_at": at}, "$setOnInsert": {"sums": []}},
                upsert=True,
            )
            for scope, begins_at in spans
        ]
        if updates:
            await self._slots.bulk_write(updates, ordered=False)

    async def claim_due_slot(self, *, at: datetime) -> Slot | None:
        """Take the half hour that has been due longest; a worker that dies gives it back when the lease runs out."""
        document = await self._slots.find_one_and_update(
            {"next_at": {"$lte": at}},
            {"$set": {"next_at": at + timedelta(seconds=LEASE_SECONDS)}},
            sort=[("next_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return None if document is None else _slot(document)

    async def save_slot(self, scope: Scope, slot: Slot, *, next_at: datetime | None) -> None:
        """Write what a half hour came to, and when it is counted again; a repetition writes the same."""
        counted: Document = {
            "$set": {"sums": [_sums_to_document(*one) for one in slot.sums.items()], "counted_at": slot.counted_at}
        }
        if next_at is None:
            counted["$unset"] = {"next_at": ""}
        else:
            counted["$set"]["next_at"] = next_at
        await self._slots.update_one({"tenant": scope.tenant, "mode": scope.mode.value, "at": slot.begins_at}, counted)

    async def claim_walk(self, name: str, *, at: datetime) -> str | None:
        """Take the walk through a collection; return the id behind which it goes on, or None while another has it."""
        await self._walks.update_one({"_id": name}, {"$setOnInsert": {"next_at": at, "after": ""}}, upsert=True)
        document = await self._walks.find_one_and_update(
            {"_id": name, "next_at": {"$lte": at}}, {"$set": {"next_at": at + timedelta(seconds=LEASE_SECONDS)}}
        )
        return None if document is None else str(document["after"])

    async def claim_end_of_walk(self, name: str, *, after: str, next_at: datetime) -> None:
        """Write how far a walk came, never back, and when it goes on."""
        await self._walks.update_one({"_id": name}, {"$max": {"after": after}, "$set": {"next_at": next_at}})

    @property
    def _slots(self) -> AsyncCollection[Document]:
        return self.database.collection(_SLOTS)

    @property
    def _walks(self) -> AsyncCollection[Document]:
        return self.database.collection(_WALKS)


def _sums_to_document(currency: str, sums: Sums) -> Document:
    return {
        "currency": currency,
        "created": _pair(sums.created),
        "succeeded": _pair(sums.succeeded),
        "open": sums.open,
        "refunded": _pair(sums.refunded),
        "methods": [[name, *_pair(share)] for name, share in sorted(sums.methods.items())],
        "failures": [[name, count] for name, count in sorted(sums.failures.items())],
    }


def _pair(share: Share) -> list[int]:
    return [share.count, Int64(share.amount)]


def _share(count: int, amount: int) -> Share:
    # An amount is a plain integer here: the driver's own sort of integer is no money.
    return Share(count, int(amount))


def _sums(document: Mapping[str, Any]) -> Sums:
    return Sums(
        created=_share(*document["created"]),
        succeeded=_share(*document["succeeded"]),
        open=document["open"],
        refunded=_share(*document["refunded"]),
        methods={name: _share(count, amount) for name, count, amount in document["methods"]},
        failures=dict(document["failures"]),
    )


def _slot(document: Document) -> Slot:
    return Slot(
        scope=Scope(document["tenant"], Mode(document["mode"])),
        begins_at=document["at"],
        sums={one["currency"]: _sums(one) for one in document["sums"]},
        counted_at=document.get("counted_at"),
    )
