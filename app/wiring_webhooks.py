"""The part of wiring that joins what merchants are told."""

import random
from dataclasses import dataclass

from app.config import Settings
from app.database import Database
from app.outbox.service import Outbox
from app.tenants.service import Merchants
from app.web.metrics import Metrics
from app.webhooks.deliveries import Deliveries
from app.webhooks.destinations import Destinations
from app.webhooks.sender import Sender
from app.webhooks.service import Endpoints
from app.webhooks.store import WebhookStore


@dataclass(frozen=True, slots=True)
class WebhookRoom:
    """The services of outgoing webhooks."""

    endpoints: Endpoints
    deliveries: Deliveries
    sender: Sender


def webhooks_of(
    settings: Settings, database: Database, metrics: Metrics, merchants: Merchants, outbox: Outbox
) -> WebhookRoom:
    """Join the services; clock, ids, vault and audit log are those of merchants."""
    store = WebhookStore(database)
    destinations = Destinations(may_be_private=settings.webhooks_may_be_private)
    sender = Sender(destinations)
    endpoints = Endpoints(
        store=store,
        destinations=destinations,
        vault=merchants.vault,
        audit=merchants.audit,
        clock=merchants.clock,
        ids=merchants.ids,
    )
    deliveries = Deliveries(
        store=store,
        endpoints=endpoints,
        sender=sender,
        outbox=outbox,
        clock=merchants.clock,
        ids=merchants.ids,
        rng=random.Random(),  # noqa: S311  jitter, not secrecy
        on_try=lambda end: metrics.webhooks.tries.labels(end).inc(),
    )
    return WebhookRoom(endpoints=endpoints, deliveries=deliveries, sender=sender)
