"""The verbs of deliveries: queue what happened, send what is due, show it, send it again.

Queuing is the outbox's work and may run twice; sending may, too, when a worker dies between the receiver's answer and
our note of it. So a receiver gets everything at least once, with the same id each time (I6, W8).
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog

from app.database import Session
from app.kit.clock import Clock
from app.kit.ids import Ids, Prefix
from app.kit.scope import Scope
from app.outbox.models import Item
from app.outbox.service import Outbox
from app.web.paging import Slice, Window
from app.webhooks.events import given_up, gone
from app.webhooks.models import (
    TEST_EVENT,
    Attempt,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointState,
    body_of,
    body_of_test,
)
from app.webhooks.problems import WebhookDeliveryNotFound, WebhookDeliveryPending, WebhookEndpointDisabled
from app.webhooks.schedule import delay_after, rest_after
from app.webhooks.sender import Answer, Sender
from app.webhooks.service import MOST_ENDPOINTS, Endpoints
from app.webhooks.signing import sign
from app.webhooks.store import DeliveryFilter, WebhookStore

BATCH = 16
"""How many deliveries of an endpoint one lease sends at most, before others get their turn."""

_AT_ONCE = 4
_LOG = structlog.get_logger(__name__)

OnTry = Callable[[str], None]
"""Called with how a try ended: `delivered`, `failed` or `parked`."""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Brings events to endpoints."""

    store: WebhookStore
    endpoints: Endpoints
    sender: Sender
    outbox: Outbox
    clock: Clock
    ids: Ids
    rng: random.Random
    on_try: OnTry

    async def queue_event(self, item: Item) -> None:
        """Queue an event for every endpoint that wants it; the outbox's handler of all events."""
        known = await self.store.list_endpoints(item.scope, limit=MOST_ENDPOINTS * 2, enabled=True)
        wanted = [endpoint for endpoint in known if endpoint.wants(item.name)]
        if wanted:
            body = body_of(item)
            await self.store.add_deliveries(item.scope, [self._delivery(endpoint, item, body) for endpoint in wanted])

    async def deliver_next(self) -> bool:
        """Send what is due to the endpoint whose turn it is; tell whether there was one. Raises PyMongoError."""
        owner = self.ids.new(Prefix.LEASE)
        endpoint = await self.store.claim_due_endpoint(owner=owner)
        if endpoint is None:
            return False
        failures = endpoint.failures
        due = await self.store.list_due(endpoint.scope, endpoint.id, limit=BATCH)
        for start in range(0, len(due), _AT_ONCE):
            taken = await asyncio.gather(*(self._try(endpoint, one) for one in due[start : start + _AT_ONCE]))
            failures = 0 if any(taken) else failures + 1
            if not all(taken):
                # Whoever fails is left alone for a while; the others wait for nobody (W7).
                break
        await self.store.release_endpoint(
            endpoint.scope, endpoint, owner=owner, failures=failures, rest=rest_after(failures)
        )
        return True

    async def send_test(self, scope: Scope, endpoint_id: str) -> Delivery:
        """Queue a test event for one endpoint. Raises WebhookEndpointNotFound, WebhookEndpointDisabled."""
        endpoint = await self._enabled(scope, endpoint_id)
        now = self.clock.now()
        delivery = Delivery(
            id=self.ids.new(Prefix.DELIVERY),
            scope=scope,
            endpoint_id=endpoint.id,
            message_id=self.ids.new(Prefix.OUTBOX_ITEM),
            name=TEST_EVENT,
            subject=endpoint.id,
            sequence=None,
            body=body_of_test(endpoint, now),
            state=DeliveryState.PENDING,
            created_at=now,
            next_at=now,
        )
        await self.store.add_deliveries(scope, [delivery])
        return delivery

    async def list_deliveries(self, scope: Scope, *, where: DeliveryFilter, window: Window) -> Slice[Delivery]:
        """Return one page of deliveries, newest first."""
        rows = await self.store.list_deliveries(scope, where=where, window=window)
        return Slice.cut(rows, window, id_of=lambda delivery: delivery.id)

    async def get_delivery(self, scope: Scope, delivery_id: str) -> Delivery:
        """Return a delivery. Raises WebhookDeliveryNotFound."""
        delivery = await self.store.find_delivery(scope, delivery_id)
        if delivery is None:
            raise WebhookDeliveryNotFound
        return delivery

    async def resend(self, scope: Scope, delivery_id: str) -> Delivery:
        """Send an ended delivery again, with a fresh set of tries.

        Raises:
            WebhookDeliveryNotFound, WebhookDeliveryPending, WebhookEndpointNotFound, WebhookEndpointDisabled.
        """
        delivery = await self.get_delivery(scope, delivery_id)
        await self._enabled(scope, delivery.endpoint_id)
        if not await self.store.requeue(scope, {"_id": {"$eq": delivery_id}}):
            raise WebhookDeliveryPending
        await self.store.make_due(scope, [delivery.endpoint_id])
        return await self.get_delivery(scope, delivery_id)

    async def replay(
        self, scope: Scope, endpoint_id: str, *, since: datetime, before: datetime, parked_only: bool
    ) -> int:
        """Send again what an endpoint was to get in a span of time; return how many (W6).

        Raises:
            WebhookEndpointNotFound, WebhookEndpointDisabled.
        """
        await self._enabled(scope, endpoint_id)
        which: dict[str, object] = {
            "endpoint_id": {"$eq": endpoint_id},
            "created_at": {"$gte": since, "$lt": before},
        }
        if parked_only:
            which["state"] = DeliveryState.PARKED.value
        count = await self.store.requeue(scope, which)
        await self.store.make_due(scope, [endpoint_id])
        return count

    async def _enabled(self, scope: Scope, endpoint_id: str) -> Endpoint:
        endpoint = await self.endpoints.get_endpoint(scope, endpoint_id)
        if endpoint.state is not EndpointState.ENABLED:
            raise WebhookEndpointDisabled
        return endpoint

    def _delivery(self, endpoint: Endpoint, item: Item, body: bytes) -> Delivery:
        return Delivery(
            id=self.ids.new(Prefix.DELIVERY),
            scope=item.scope,
            endpoint_id=endpoint.id,
            message_id=item.id,
            name=item.name,
            subject=item.subject,
            sequence=item.sequence,
            body=body,
            state=DeliveryState.PENDING,
            created_at=item.created_at,
            next_at=item.created_at,
        )

    async def _try(self, endpoint: Endpoint, delivery: Delivery) -> bool:
        """Send one delivery and write how that ended; tell whether the receiver has it."""
        now = self.clock.now()
        headers = self._headers(endpoint, delivery, int(now.timestamp()))
        answer = await self.sender.send(endpoint.url, headers=headers, body=delivery.body)
        attempt = Attempt(at=now, status=answer.status, reason=answer.reason, milliseconds=answer.milliseconds)
        state, delay = self._judge(delivery, answer)
        await self._record(endpoint.scope, delivery, attempt, state=state, delay=delay)
        self.on_try("failed" if state is DeliveryState.PENDING else state.value)
        if state is DeliveryState.PARKED:
            _LOG.error("webhook_parked", delivery_id=delivery.id, endpoint_id=endpoint.id, reason=answer.reason)
        return answer.is_taken

    async def _record(
        self, scope: Scope, delivery: Delivery, attempt: Attempt, *, state: DeliveryState, delay: timedelta
    ) -> None:
        """Write how a try ended; when that was the end of something, together with the news of it (W6)."""
        is_gone = attempt.status == HTTPStatus.GONE
        if not is_gone and state is not DeliveryState.PARKED:
            await self.store.record_attempt(scope, delivery, attempt, state=state, delay=delay)
            return

        async def work(session: Session) -> None:
            await self.store.record_attempt(scope, delivery, attempt, state=state, delay=delay, session=session)
            if is_gone:
                changes = {"state": EndpointState.DISABLED.value, "disabled_reason": "gone"}
                await self.store.update_endpoint(scope, delivery.endpoint_id, changes, at=attempt.at, session=session)
            news = gone(delivery) if is_gone else given_up(delivery, at=attempt.at)
            await self.outbox.add(scope, [news], session=session)

        await self.store.database.transaction(work)

    def _judge(self, delivery: Delivery, answer: Answer) -> tuple[DeliveryState, timedelta]:
        if answer.is_taken:
            return DeliveryState.DELIVERED, timedelta(0)
        delay = delay_after(delivery.tries + 1, rng=self.rng)
        return (DeliveryState.PARKED, timedelta(0)) if delay is None else (DeliveryState.PENDING, delay)

    def _headers(self, endpoint: Endpoint, delivery: Delivery, timestamp: int) -> Mapping[str, str]:
        secrets: Sequence[str] = self.endpoints.signing_secrets(endpoint)
        return {
            "Content-Type": "application/json",
            "User-Agent": "payment-gateway-webhooks/1",
            "webhook-id": delivery.message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(delivery.message_id, timestamp, delivery.body, secrets=secrets),
        }
