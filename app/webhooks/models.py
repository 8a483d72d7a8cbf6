"""Endpoints and deliveries as values, and what a delivery says: pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.kit.clock import to_rfc3339
from app.kit.scope import Scope
from app.kit.transitions import Transitions
from app.outbox.models import Item

EVERY = "*"
"""Among an endpoint's events: whatever happens."""

TEST_EVENT = "endpoint.test"

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class EndpointState(StrEnum):
    """Whether an endpoint gets events."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DeliveryState(StrEnum):
    """Where a delivery stands. Only `pending` is tried."""

    PENDING = "pending"
    DELIVERED = "delivered"
    PARKED = "parked"


TRANSITIONS = Transitions(
    {
        DeliveryState.PENDING: frozenset({DeliveryState.DELIVERED, DeliveryState.PARKED}),
        # Sent again on request: a receiver tells a repetition by its id.
        DeliveryState.DELIVERED: frozenset({DeliveryState.PENDING}),
        DeliveryState.PARKED: frozenset({DeliveryState.PENDING}),
    }
)


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A signing secret as stored; a former one signs too until `not_after`."""

    sealed: str
    not_after: datetime | None = None

    def signs(self, now: datetime) -> bool:
        """Tell whether deliveries carry its signature."""
        return self.not_after is None or now < self.not_after


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a merchant wants to be told.

    Attributes:
        events: names of events, or `*`.
        secrets: the current one first.
        disabled_reason: why we stopped ourselves (`gone`), None when the merchant did.
        failures: tries in a row that failed; they slow the endpoint down.
        queued: grows with everything that is put in its queue.
    """

    id: str
    scope: Scope
    url: str
    events: tuple[str, ...]
    description: str | None
    state: EndpointState
    secrets: tuple[SealedSecret, ...]
    created_at: datetime
    updated_at: datetime
    disabled_reason: str | None = None
    failures: int = 0
    queued: int = 0

    @property
    def is_failing(self) -> bool:
        """Tell whether somebody should look at it: it does not take what is sent, or we stopped because it is gone."""
        is_enabled = self.state is EndpointState.ENABLED
        return self.failures > 0 if is_enabled else self.disabled_reason is not None

    def wants(self, name: str) -> bool:
        """Tell whether an event of this name is for this endpoint."""
        return EVERY in self.events or name in self.events


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when, what status came (None when none came), and why it does not count as delivered."""

    at: datetime
    status: int | None
    reason: str | None
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. `message_id` and `body` are the same in every try."""

    id: str
    scope: Scope
    endpoint_id: str
    message_id: str
    name: str
    subject: str
    sequence: int | None
    body: bytes
    state: DeliveryState
    created_at: datetime
    next_at: datetime
    tries: int = 0
    attempts: tuple[Attempt, ...] = ()
    ended_at: datetime | None = None


def body_of(item: Item) -> bytes:
    """Return what is sent of an event, byte by byte the same however often it is made."""
    return _body(item.name, item.subject, item.created_at, item.payload, item.sequence, livemode=item.scope.livemode)


def body_of_test(endpoint: Endpoint, at: datetime) -> bytes:
    """Return what is sent when a merchant tries an endpoint."""
    facts = {"endpoint_id": endpoint.id, "message": "This is a test. Nothing happened."}
    return _body(TEST_EVENT, endpoint.id, at, facts, None, livemode=endpoint.scope.livemode)


def _body(
    name: str, subject: str, at: datetime, facts: Mapping[str, Any], sequence: int | None, *, livemode: bool
) -> bytes:
    told = {
        "type": name,
        "timestamp": to_rfc3339(at),
        "subject": subject,
        "sequence": sequence,
        "livemode": livemode,
        "data": dict(facts),
    }
    return _encode(told).encode()
