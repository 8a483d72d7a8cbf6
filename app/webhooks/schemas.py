"""What the webhooks API reads and shows. Signing secrets go out once, when they are made."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.kit.ids import Prefix
from app.web.envelope import Moment, Timestamp
from app.web.paging import Cursor, PageQuery
from app.webhooks.models import EVERY, Attempt, Delivery, DeliveryState, Endpoint, EndpointState
from app.webhooks.store import DeliveryFilter

_MOST_EVENTS = 50

EventName = Annotated[str, StringConstraints(strict=True, pattern=r"^(\*|[a-z_]{1,40}(\.[a-z_]{1,40}){1,4})$")]
Events = Annotated[
    list[EventName],
    Field(min_length=1, max_length=_MOST_EVENTS, description="Names such as `payment.completed`; `*` means all."),
]
Address = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=500),
    Field(description="HTTPS, port 443 or 8443, on a public host; redirects are not followed."),
]
Description = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=255)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EndpointCreate(_In):
    """Where to be told, and of what."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://shop.example/hooks", "events": ["payment.completed", "refund.processed"]}]
        }
    )

    url: Address
    events: Events = [EVERY]
    description: Description | None = None


class EndpointUpdate(_In):
    """What to change of an endpoint; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"state": "disabled"}]})

    url: Address | None = None
    events: Events | None = None
    description: Description | None = None
    state: EndpointState | None = None


class ReplayRequest(_In):
    """Which deliveries of an endpoint to send again: those whose event came in this span."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"since": "2026-01-01T00:00:00Z", "before": "2026-01-04T00:00:00Z"}]}
    )

    since: Moment
    before: Moment
    parked_only: Annotated[bool, Field(description="False also sends again what was taken.")] = True


class EndpointQuery(PageQuery):
    """The list of endpoints."""

    prefix = Prefix.ENDPOINT


class EndpointRead(BaseModel):
    """An endpoint, without its secret."""

    id: str
    url: str
    events: list[str]
    description: str | None
    state: EndpointState
    disabled_reason: Annotated[str | None, Field(description="`gone` when the receiver answered 410.")]
    failures: Annotated[int, Field(description="Tries in a row that failed.")]
    livemode: bool
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, endpoint: Endpoint) -> "EndpointRead":
        """Show an endpoint."""
        return cls.model_construct(**_facts(endpoint))


class EndpointMade(EndpointRead):
    """A new endpoint with its signing secret, which is never shown again."""

    secret: str

    @classmethod
    def made(cls, endpoint: Endpoint, secret: str) -> "EndpointMade":
        """Show an endpoint and its secret."""
        return cls.model_construct(**_facts(endpoint), secret=secret)


class EndpointDeleted(BaseModel):
    """The endpoint that is no more."""

    id: str
    deleted: bool = True


class SecretRead(BaseModel):
    """A new signing secret; the former one signs too for a day."""

    id: str
    secret: str


class ReplayRead(BaseModel):
    """How many deliveries will be sent again."""

    count: int


class AttemptRead(BaseModel):
    """One try."""

    at: Timestamp
    status: Annotated[int | None, Field(description="The receiver's status; null when no answer came.")]
    reason: Annotated[str | None, Field(description="Why the try failed, as a code; null when it did not.")]
    duration_ms: int

    @classmethod
    def of(cls, attempt: Attempt) -> "AttemptRead":
        """Show a try."""
        return cls.model_construct(
            at=attempt.at, status=attempt.status, reason=attempt.reason, duration_ms=attempt.milliseconds
        )


class DeliveryQuery(PageQuery):
    """Filters of the list of deliveries."""

    prefix = Prefix.DELIVERY

    endpoint_id: Annotated[str, StringConstraints(pattern=r"^wep_[0-9A-Z]{26}$")] | None = None
    state: DeliveryState | None = None
    subject: Annotated[Cursor | None, Field(description="The id of what the events are about.")] = None

    def to_filter(self) -> DeliveryFilter:
        """Return the filter for the store."""
        return DeliveryFilter(endpoint_id=self.endpoint_id, state=self.state, subject=self.subject)


class DeliveryRead(BaseModel):
    """One event on its way to one endpoint."""

    id: str
    endpoint_id: str
    message_id: Annotated[str, Field(description="The `webhook-id` header: the same in every try and endpoint.")]
    event: str
    subject: str
    sequence: Annotated[int | None, Field(description="The subject's version, which orders its events.")]
    state: DeliveryState
    tries: int
    next_at: Annotated[Timestamp | None, Field(description="When it is tried next; null when it has ended.")]
    ended_at: Timestamp | None
    created_at: Timestamp

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryRead":
        """Show a delivery."""
        return cls.model_construct(**_delivery_facts(delivery))


class DeliveryDetail(DeliveryRead):
    """A delivery with what is sent and every try."""

    body: dict[str, Any]
    attempts: list[AttemptRead]

    @classmethod
    def whole(cls, delivery: Delivery) -> "DeliveryDetail":
        """Show a delivery in full."""
        return cls.model_construct(
            **_delivery_facts(delivery),
            body=json.loads(delivery.body),
            attempts=[AttemptRead.of(attempt) for attempt in delivery.attempts],
        )


def _facts(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "description": endpoint.description,
        "state": endpoint.state,
        "disabled_reason": endpoint.disabled_reason,
        "failures": endpoint.failures,
        "livemode": endpoint.scope.livemode,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }


def _delivery_facts(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "endpoint_id": delivery.endpoint_id,
        "message_id": delivery.message_id,
        "event": delivery.name,
        "subject": delivery.subject,
        "sequence": delivery.sequence,
        "state": delivery.state,
        "tries": delivery.tries,
        "next_at": delivery.next_at if delivery.state is DeliveryState.PENDING else None,
        "ended_at": delivery.ended_at,
        "created_at": delivery.created_at,
    }
