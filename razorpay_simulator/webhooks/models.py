"""Endpoints, events, deliveries, and the ways in which deliveries may be made hostile."""

import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

LADDER_SECONDS = (0.2, 6.1, 19.1, 39.5, 82.3, 164.5, 326, 650, 1293, 2577, 5140, 10267, 20508, 40989, 81953)
"""When the retries arrive after the first failure, as measured (razorpay.md section 9.4)."""

DISABLED_AFTER_SECONDS = 86_400.0
SKIPS_QUICK_RETRY = frozenset({"refund.created", "payment.failed"})


class Secret(StrEnum):
    """Which secret signs."""

    CURRENT = "current"
    OLD = "old"
    WRONG = "wrong"


class Outcome(StrEnum):
    """How one delivery ended."""

    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(slots=True, kw_only=True)
class Endpoint:
    """Where an account wants its events."""

    id: str
    account_id: str
    url: str
    secret: str
    events: tuple[str, ...]
    is_active: bool
    created_at: int
    updated_at: int
    alert_email: str | None = None
    previous_secret: str | None = None
    disabled_at: int = 0
    failing_since: float | None = None

    def wants(self, name: str) -> bool:
        """Tell whether an event of this name goes here."""
        return self.is_active and (name in self.events or "*" in self.events)

    def to_wire(self) -> dict[str, Any]:
        """Return the endpoint as the API writes it: the secret is never shown."""
        return {
            "id": self.id,
            "entity": "webhook",
            "url": self.url,
            "alert_email": self.alert_email,
            "secret_exists": bool(self.secret),
            "active": self.is_active,
            "events": list(self.events),
            "service": "api-test",
            "owner_id": self.account_id.removeprefix("acc_"),
            "owner_type": "merchant",
            "context": [],
            "disabled_at": self.disabled_at,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A snapshot that was announced; its bytes never change."""

    id: str
    account_id: str
    name: str
    body: bytes
    created_at: int

    def to_wire(self) -> dict[str, Any]:
        """Return the event as the control API shows it."""
        return {
            "id": self.id,
            "account_id": self.account_id,
            "event": self.name,
            "created_at": self.created_at,
            "body": self.body.decode(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One try to hand an event over."""

    event_id: str
    event: str
    endpoint_id: str
    attempt: int
    at: float
    outcome: Outcome
    status: int | None
    error: str | None

    def to_wire(self) -> dict[str, Any]:
        """Return the delivery as the control API shows it."""
        return {
            "event_id": self.event_id,
            "event": self.event,
            "endpoint_id": self.endpoint_id,
            "attempt": self.attempt,
            "at": round(self.at, 3),
            "outcome": self.outcome.value,
            "status": self.status,
            "error": self.error,
        }


@dataclass(slots=True, kw_only=True)
class Mode:
    """How an account's deliveries go wrong; the defaults are a good day."""

    duplicate: int = 0
    reorder: float = 0.0
    reorder_seconds: float = 0.5
    drop: float = 0.0
    drop_events: tuple[str, ...] = ()
    delay_seconds: float = 0.0
    escaped_slashes: bool = False
    escaped_unicode: bool = False
    alphabetical_keys: bool = False
    secret: Secret = Secret.CURRENT
    seed: int = 1
    dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311  hostile, and the same every time

    def drops(self, name: str) -> bool:
        """Tell whether this event never arrives."""
        return name in self.drop_events or (self.drop > 0 and self.dice.random() < self.drop)

    def pause(self) -> float:
        """Return for how many seconds a delivery is held back."""
        held = self.delay_seconds
        if self.reorder > 0 and self.dice.random() < self.reorder:
            held += self.dice.uniform(0.0, self.reorder_seconds)
        return held

    def to_wire(self) -> dict[str, Any]:
        """Return the mode as the control API shows it."""
        return {
            "duplicate": self.duplicate,
            "reorder": self.reorder,
            "reorder_seconds": self.reorder_seconds,
            "drop": self.drop,
            "drop_events": list(self.drop_events),
            "delay_seconds": self.delay_seconds,
            "escaped_slashes": self.escaped_slashes,
            "escaped_unicode": self.escaped_unicode,
            "alphabetical_keys": self.alphabetical_keys,
            "secret": self.secret.value,
            "seed": self.seed,
        }
