"""What the inbox's API shows."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.inbox.models import EventState, InboxEvent
from app.inbox.store import EventFilter
from app.kit.ids import Prefix
from app.web.envelope import Timestamp
from app.web.gate import read_json
from app.web.paging import PageQuery

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
    """An event with what it said. `payload` is null when the body can't be read as JSON."""

    body_digest: str
    size_bytes: int
    payload: Annotated[Any, Field(description="The body as JSON.")]

    @classmethod
    def of(cls, event: InboxEvent) -> "EventDetail":
        """Show an event in full."""
        return cls.model_construct(
            **_facts(event), body_digest=event.body_digest, size_bytes=len(event.body), payload=_payload(event.body)
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


def _payload(body: bytes) -> Any:
    try:
        return read_json(body)
    except Exception:  # noqa: BLE001  an unreadable body is shown as absent, whatever is wrong with it
        return None
