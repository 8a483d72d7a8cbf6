"""What the inbox's API shows."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.inbox.models import EventState, InboxEvent
from app.inbox.store import EventFilter
from app.kit.ids import Prefix
from app.web.envelope import Timestamp
from app.web.gate import read_json
from app.web.paging import PageQuery

Mask = Callable[[bytes], Any]
"""Reads a body, with the people in it masked."""

EventType = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z_]{1,40}(\.[a-z_]{1,40}){1,4}$")]


class EventQuery(PageQuery):
    """Filters of the list of events."""

    prefix = Prefix.EVENT

    state: EventState | None = None
    type: EventType | None = None

    def to_filter(self) -> EventFilter:
        """Return the filter for the store."""
        return EventFilter(state=self.state, type=self.type)


class Receipt(BaseModel):
    """The answer to the processor: stored, nothing more."""

    model_config = ConfigDict(frozen=True)

    received: bool


class EventRead(BaseModel):
    """An event of the processor. `seen` counts how often it was delivered."""

    id: str
    source: str
    event_id: str
    type: str | None
    state: EventState
    seen: int
    attempts: int
    reason: str | None
    received_at: Timestamp
    applied_at: Timestamp | None

    @classmethod
    def of(cls, event: InboxEvent) -> "EventRead":
        """Show an event."""
        return cls.model_construct(**_facts(event))


class EventDetail(EventRead):
    """An event with what it said. `payload` is null when the body can't be read as JSON.

    `masked` tells whether people in it are shortened, for want of `customers:read`; since `erased_at` nobody is in it.
    """

    body_digest: Annotated[str, Field(description="SHA-256 of the body as it arrived.")]
    size_bytes: int
    masked: bool
    erased_at: Timestamp | None
    payload: Annotated[Any, Field(description="The body as JSON.")]

    @classmethod
    def whole(cls, event: InboxEvent, *, masked: Mask | None) -> "EventDetail":
        """Show an event, as it arrived or through a mask."""
        return cls.model_construct(
            **_facts(event),
            body_digest=event.body_digest,
            size_bytes=len(event.body),
            masked=masked is not None,
            erased_at=event.erased_at,
            payload=payload_of(event, read=masked or read_json),
        )


def _facts(event: InboxEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "source": event.source,
        "event_id": event.event_id,
        "type": event.type,
        "state": event.state,
        "seen": event.seen,
        "attempts": event.attempts,
        "reason": event.reason,
        "received_at": event.received_at,
        "applied_at": event.applied_at,
    }


def payload_of(event: InboxEvent, *, read: Mask) -> Any:
    """Return what an event says, None when it can't be read."""
    try:
        return read(event.body)
    except Exception:  # noqa: BLE001  an unreadable body is shown as absent, whatever is wrong with it
        return None
