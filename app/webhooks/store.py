"""Every query and index of endpoints and deliveries.

An endpoint is a queue: whoever holds its lease sends what is due in it, so a receiver that hangs holds up itself and
nobody else (W7). Whether a lease has run out is told by the database's clock (D7).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson.binary import Binary
from pymongo import ReturnDocument, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from app.database import BY_MERCHANT, Collection, Database, Document, Index, Session, known_to
from app.kit.scope import Mode, Scope
from app.web.paging import Window
from app.webhooks.models import (
    TRANSITIONS,
    Attempt,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointState,
    SealedSecret,
)

LEASE_SECONDS = 90
KEPT_DAYS = 90
_ENDPOINTS = "webhook_endpoints"
_DELIVERIES = "webhook_deliveries"
_ATTEMPTS_KEPT = 30
_COUNTED_MAX = 10_000
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_PENDING: Document = {"state": DeliveryState.PENDING.value}
_ENABLED: Document = {"state": EndpointState.ENABLED.value}

COLLECTIONS = (
    Collection(
        _ENDPOINTS,
        (
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("_id", -1)]),
            Index("due", [("due_at", 1)], partial=_ENABLED),
        ),
    ),
    Collection(
        _DELIVERIES,
        (
            Index("endpoint_message", [("tenant", 1), ("mode", 1), ("endpoint_id", 1), ("message_id", 1)], unique=True),
            Index("tenant_newest", [("tenant", 1), ("mode", 1), ("_id", -1)]),
            Index("tenant_endpoint", [("tenant", 1), ("mode", 1), ("endpoint_id", 1), ("_id", -1)]),
            Index("tenant_state", [("tenant", 1), ("mode", 1), ("state", 1), ("_id", -1)]),
            Index("tenant_subject", [("tenant", 1), ("mode", 1), ("subject", 1), ("_id", -1)]),
            Index("endpoint_due", [("tenant", 1), ("mode", 1), ("endpoint_id", 1), ("next_at", 1)], partial=_PENDING),
            Index("pending", [("next_at", 1)], partial=_PENDING),
            Index("ended", [("ended_at", 1)], expire_after_seconds=KEPT_DAYS * 86_400),
        ),
        shard_key=BY_MERCHANT,
    ),
)


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """What a list of deliveries may be narrowed by."""

    endpoint_id: str | None = None
    state: DeliveryState | None = None
    subject: str | None = None

    def query(self) -> Document:
        """Return the filter document; every value is typed (N4)."""
        exact = {
            "endpoint_id": self.endpoint_id,
            "state": self.state and self.state.value,
            "subject": self.subject,
        }
        return {field: {"$eq": value} for field, value in exact.items() if value is not None}


@dataclass(frozen=True, slots=True)
class WebhookStore:
    """Keeps endpoints and deliveries."""

    database: Database

    async def insert_endpoint(self, scope: Scope, endpoint: Endpoint) -> None:
        """Store a new endpoint."""
        queue: Document = {"due_at": _LONG_AGO, "leased_until": _LONG_AGO, "owner": None}
        await self._endpoints.insert_one({"_id": endpoint.id, **_in(scope), **_to_document(endpoint), **queue})

    async def list_endpoints(self, scope: Scope, *, limit: int, enabled: bool = False) -> list[Endpoint]:
        """Return the endpoints of a scope, newest first; there are never many."""
        query = {**_in(scope), **(_ENABLED if enabled else {})}
        return [_endpoint(row) async for row in self._endpoints.find(query).sort("_id", -1).limit(limit)]

    async def page_endpoints(self, scope: Scope, *, window: Window) -> list[Endpoint]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [_in(scope), window.filter()]}
        rows = self._endpoints.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [_endpoint(row) async for row in rows]

    async def find_endpoint(self, scope: Scope, endpoint_id: str) -> Endpoint | None:
        """Return one endpoint of this scope."""
        row = await self._endpoints.find_one({"_id": {"$eq": endpoint_id}, **_in(scope)})
        return None if row is None else _endpoint(row)

    async def update_endpoint(
        self, scope: Scope, endpoint_id: str, changes: Document, *, at: datetime, session: Session | None = None
    ) -> bool:
        """Change fields of an endpoint and make its queue due; tell whether there is such an endpoint."""
        result = await self._endpoints.update_one(
            {"_id": {"$eq": endpoint_id}, **_in(scope)},
            {"$set": {**changes, "updated_at": at}, "$currentDate": {"due_at": True}, "$inc": {"queued": 1}},
            session=session,
        )
        return result.matched_count == 1

    async def delete_endpoint(self, scope: Scope, endpoint_id: str) -> bool:
        """Remove an endpoint and what waits for it; what was delivered stays until its time."""
        result = await self._endpoints.delete_one({"_id": {"$eq": endpoint_id}, **_in(scope)})
        await self._deliveries.delete_many({**_in(scope), "endpoint_id": {"$eq": endpoint_id}, **_PENDING})
        return result.deleted_count == 1

    async def add_deliveries(self, scope: Scope, deliveries: Sequence[Delivery]) -> None:
        """Queue messages, once each for an endpoint, and make their endpoints due."""
        await self._deliveries.bulk_write([_insertion(scope, one) for one in deliveries], ordered=False)
        ids = [one.endpoint_id for one in deliveries]
        await self.make_due(scope, ids)

    async def make_due(self, scope: Scope, endpoint_ids: Sequence[str]) -> None:
        """Let the queues of endpoints be looked at now, unless their receiver is left alone for a while."""
        rested = {"$max": ["$$NOW", {"$ifNull": ["$rests_until", "$$NOW"]}]}
        sooner = {"$min": ["$due_at", rested]}
        await self._endpoints.update_many(
            {"_id": {"$in": list(endpoint_ids)}, **_in(scope)},
            [{"$set": {"due_at": sooner, "queued": {"$add": ["$queued", 1]}}}],
        )

    async def claim_due_endpoint(self, *, owner: str) -> Endpoint | None:
        """Lease the endpoint, of whichever merchant, whose queue has been due for longest."""
        is_due = {"$and": [{"$lte": ["$due_at", "$$NOW"]}, {"$lte": ["$leased_until", "$$NOW"]}]}
        row = await self._endpoints.find_one_and_update(
            {**_ENABLED, "$expr": is_due},
            [{"$set": {"owner": owner, "leased_until": {"$add": ["$$NOW", LEASE_SECONDS * 1000]}}}],
            sort=[("due_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return None if row is None else _endpoint(row)

    async def release_endpoint(
        self, scope: Scope, endpoint: Endpoint, *, owner: str, failures: int, rest: timedelta
    ) -> None:
        """Give an endpoint back until its next delivery is due, and for the rest that its failures earn it.

        What was queued since it was claimed makes it due at once.
        """
        next_row = await self._deliveries.find_one(
            {**_in(scope), "endpoint_id": endpoint.id, **_PENDING}, {"next_at": 1}, sort=[("next_at", 1)]
        )
        rests_until = {"$add": ["$$NOW", rest // timedelta(milliseconds=1)]}
        idle = {"$add": ["$$NOW", 86_400_000]} if next_row is None else next_row["next_at"]
        planned = {"$cond": [{"$eq": ["$queued", endpoint.queued]}, idle, "$$NOW"]}
        await self._endpoints.update_one(
            {"_id": endpoint.id, **_in(scope), "owner": owner},
            [
                {"$set": {"owner": None, "leased_until": "$$NOW", "failures": failures, "rests_until": rests_until}},
                {"$set": {"due_at": {"$max": [planned, rests_until]}}},
            ],
        )

    async def list_due(self, scope: Scope, endpoint_id: str, *, limit: int) -> list[Delivery]:
        """Return what an endpoint is to get now, what has waited longest first."""
        due = {"endpoint_id": endpoint_id, **_PENDING, **_in(scope), "$expr": {"$lte": ["$next_at", "$$NOW"]}}
        return [_delivery(row) async for row in self._deliveries.find(due).sort("next_at", 1).limit(limit)]

    async def record_attempt(
        self,
        scope: Scope,
        delivery: Delivery,
        attempt: Attempt,
        *,
        state: DeliveryState,
        delay: timedelta,
        session: Session | None = None,
    ) -> None:
        """Write how a try ended, unless somebody else has written of the same try."""
        is_over = state is not DeliveryState.PENDING
        await self._deliveries.update_one(
            {"_id": delivery.id, **_in(scope), **_PENDING, "tries": delivery.tries},
            [
                {
                    "$set": {
                        "state": state.value,
                        "tries": delivery.tries + 1,
                        "next_at": {"$add": ["$$NOW", delay // timedelta(milliseconds=1)]},
                        "ended_at": attempt.at if is_over else None,
                        "attempts": {
                            "$slice": [
                                {"$concatArrays": ["$attempts", [{"$literal": _attempt_row(attempt)}]]},
                                -_ATTEMPTS_KEPT,
                            ]
                        },
                    }
                }
            ],
            session=session,
        )

    async def list_deliveries(self, scope: Scope, *, where: DeliveryFilter, window: Window) -> list[Delivery]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{**_in(scope), **where.query()}, window.filter()]}
        rows = self._deliveries.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [_delivery(row) async for row in rows]

    async def find_delivery(self, scope: Scope, delivery_id: str) -> Delivery | None:
        """Return one delivery of this scope."""
        row = await self._deliveries.find_one({"_id": {"$eq": delivery_id}, **_in(scope)})
        return None if row is None else _delivery(row)

    async def requeue(self, scope: Scope, which: Document) -> int:
        """Make ended deliveries due from their first try; return how many. `which` has typed values only."""
        sources = [state.value for state in TRANSITIONS.sources(DeliveryState.PENDING)]
        afresh = {"state": DeliveryState.PENDING.value, "tries": 0, "next_at": "$$NOW", "ended_at": None}
        result = await self._deliveries.update_many(
            {"state": {"$in": sources}, **which, **_in(scope)}, [{"$set": afresh}]
        )
        return result.modified_count

    async def measure_pending(self) -> tuple[int, datetime | None]:
        """Return how many deliveries of all merchants are overdue, up to 10,000, and since when the first is."""
        due = {**_PENDING, "$expr": {"$lte": ["$next_at", "$$NOW"]}}
        count = await self._deliveries.count_documents(due, limit=_COUNTED_MAX)
        oldest = await self._deliveries.find_one(_PENDING, {"next_at": 1}, sort=[("next_at", 1)])
        return count, oldest["next_at"] if count and oldest else None

    @property
    def _endpoints(self) -> AsyncCollection[Document]:
        return self.database.collection(_ENDPOINTS)

    @property
    def _deliveries(self) -> AsyncCollection[Document]:
        return self.database.collection(_DELIVERIES)


def secrets_to_documents(secrets: Sequence[SealedSecret]) -> list[Document]:
    """Return signing secrets as stored."""
    return [{"sealed": one.sealed, "not_after": one.not_after} for one in secrets]


def _in(scope: Scope) -> Document:
    return {"tenant": scope.tenant, "mode": scope.mode.value}


def _scope(row: Document) -> Scope:
    return Scope(row["tenant"], Mode(row["mode"]))


def _to_document(endpoint: Endpoint) -> Document:
    return {
        "url": endpoint.url,
        "events": list(endpoint.events),
        "description": endpoint.description,
        "state": endpoint.state.value,
        "disabled_reason": endpoint.disabled_reason,
        "secrets": secrets_to_documents(endpoint.secrets),
        "failures": endpoint.failures,
        "queued": endpoint.queued,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }


def _endpoint(row: Document) -> Endpoint:
    return Endpoint(
        id=row["_id"],
        scope=_scope(row),
        url=row["url"],
        events=tuple(row["events"]),
        description=row["description"],
        state=EndpointState(row["state"]),
        disabled_reason=row["disabled_reason"],
        secrets=tuple(SealedSecret(one["sealed"], one["not_after"]) for one in row["secrets"]),
        failures=row["failures"],
        queued=row["queued"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _insertion(scope: Scope, delivery: Delivery) -> UpdateOne:
    row: dict[str, Any] = {
        "_id": delivery.id,
        **_in(scope),
        "name": delivery.name,
        "subject": delivery.subject,
        "sequence": delivery.sequence,
        "body": Binary(delivery.body),
        "state": delivery.state.value,
        "created_at": delivery.created_at,
        "tries": 0,
        "attempts": [],
        "ended_at": None,
    }
    identity = {**_in(scope), "endpoint_id": delivery.endpoint_id, "message_id": delivery.message_id}
    # `$setOnInsert` knows no `$$NOW`.
    is_new = {"$eq": [{"$type": "$state"}, "missing"]}
    new = {"$mergeObjects": [{"$literal": {**row, **identity}}, {"next_at": "$$NOW"}]}
    return UpdateOne(identity, [{"$replaceWith": {"$cond": [is_new, new, "$$ROOT"]}}], upsert=True)


def _delivery(row: Document) -> Delivery:
    return Delivery(
        id=row["_id"],
        scope=_scope(row),
        endpoint_id=row["endpoint_id"],
        message_id=row["message_id"],
        name=row["name"],
        subject=row["subject"],
        sequence=row["sequence"],
        body=bytes(row["body"]),
        state=DeliveryState(row["state"]),
        created_at=row["created_at"],
        next_at=row["next_at"],
        tries=row["tries"],
        attempts=tuple(Attempt(**known_to(Attempt, attempt)) for attempt in row["attempts"]),
        ended_at=row["ended_at"],
    )


def _attempt_row(attempt: Attempt) -> Document:
    return {
        "at": attempt.at,
        "status": attempt.status,
        "reason": attempt.reason,
        "milliseconds": attempt.milliseconds,
    }
