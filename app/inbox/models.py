"""A processor's event as we keep it, and where it stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.kit.scope import Scope
from app.kit.transitions import Transitions


class EventState(StrEnum):
    """Where an event stands. Only `received` is worked on."""

    RECEIVED = "received"
    APPLIED = "applied"
    IGNORED = "ignored"
    PARKED = "parked"
    QUARANTINED = "quarantined"


TRANSITIONS = Transitions(
    {
        EventState.RECEIVED: frozenset(
            {EventState.APPLIED, EventState.IGNORED, EventState.PARKED, EventState.QUARANTINED}
        ),
        # A replay by an admin takes an event up again, whatever became of it.
        EventState.APPLIED: frozenset({EventState.RECEIVED}),
        EventState.IGNORED: frozenset({EventState.RECEIVED}),
        EventState.PARKED: frozenset({EventState.RECEIVED}),
        EventState.QUARANTINED: frozenset({EventState.RECEIVED}),
    }
)


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """One event. `body` is exactly what arrived: the signature is over these bytes.

    Since `erased_at` it is what is left of that without whoever it speaks of; `body_digest` stays that of what arrived.
    """

    id: str
    scope: Scope
    source: str
    event_id: str
    body: bytes
    body_digest: str
    state: EventState
    received_at: datetime
    type: str | None = None
    seen: int = 1
    attempts: int = 0
    applied_at: datetime | None = None
    payment_id: str | None = None
    reason: str | None = None
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClaimedEvent:
    """An event with the token of the worker that holds it."""

    event: InboxEvent
    owner: str
