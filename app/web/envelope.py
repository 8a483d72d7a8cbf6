"""The shape of every answer: the seed's envelope, with our additions inside `error`."""

import re
from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from app.kit.clock import to_rfc3339

T = TypeVar("T")
_NUMBER = re.compile(r"[+-]?[0-9.eE+-]+")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        message = "this moment is before the first year or after the last"
        raise ValueError(message) from None


def _as_written(value: object) -> object:
    # A bare number would be taken for seconds since 1970, and a year for a moment of that evening.
    if isinstance(value, (int, float)) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
        message = "a moment is written with date, time and zone"
        raise ValueError(message)
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_as_written), AfterValidator(_in_utc)]
"""A moment that somebody sends: with its zone, and one that the database can keep; for input schemas of every room."""

Timestamp = Annotated[
    datetime,
    PlainSerializer(to_rfc3339, return_type=str, when_used="json"),
    Field(json_schema_extra={"format": "date-time"}),
]
"""An aware datetime that is shown as RFC 3339 UTC with milliseconds and a `Z`; for output schemas of every room."""

_EXAMPLE_TIME = "2026-01-01T00:00:00.000Z"


class Success(BaseModel, Generic[T]):
    """A good answer: `data` is what was asked for, `message` a sentence for people."""

    status: Literal["success"]
    data: T
    message: str
    timestamp: Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=[_EXAMPLE_TIME])]


class Page(BaseModel, Generic[T]):
    """One page of a list, in its stable order. There are no totals: they would cost more than the page."""

    items: list[T]
    has_more: Annotated[bool, Field(description="Whether rows follow in the direction that was asked for.")]
    next_cursor: Annotated[
        str | None,
        Field(description="Pass it as the same cursor parameter to go on in this direction; null at the end."),
    ]


class ErrorBody(BaseModel):
    """What went wrong: `code` is permanent, `message` is for people and may change."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(examples=["validation_failed"])]
    message: Annotated[str, Field(examples=["The request is not valid."])]
    details: dict[str, object]
    param: str | None
    doc_url: Annotated[str, Field(examples=["/docs/errors#validation_failed"])]
    request_id: Annotated[str, Field(examples=["req_01JGFJJZ000000000000000000"])]


class Failure(BaseModel):
    """A bad answer of any sort."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["error"]
    error: ErrorBody
    timestamp: Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=[_EXAMPLE_TIME])]


def ok(data: T, message: str, *, now: datetime) -> Success[T]:
    """Wrap a result. The route's return type (`Success[PaymentRead]`) is what FastAPI serialises by."""
    return Success(status="success", data=data, message=message, timestamp=to_rfc3339(now))
