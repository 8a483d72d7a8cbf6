"""What every conversion needs: the one error, shapes out of bodies, times and ids."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import ValidationError

from app.gateways.razorpay.wire import AcquirerShape, Shape
from app.kit.money import Money, exponents

_UNRECOGNIZED = "unrecognized"
_MACHINE_ID = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)

S = TypeVar("S", bound=Shape)
W = TypeVar("W", bound=StrEnum)


class Unreadable(ValueError):
    """The body is not what it should be: nothing may be concluded from it."""


def is_machine_id(text: str) -> bool:
    """Tell whether a text may stand in a path or under a signature as an id: letters, digits, underscores."""
    return _MACHINE_ID.fullmatch(text) is not None


def to_shape(kind: type[S], body: Any) -> S:
    """Return a body as a shape. Raises Unreadable."""
    try:
        return kind.model_validate(body)
    except ValidationError:
        # Without the cause: a validation error repeats the values, and they may be personal.
        message = f"this is not {kind.__name__.removesuffix('Shape').lower()}"
        raise Unreadable(message) from None


def known_words(kind: type[W]) -> dict[str, W]:
    """Return the words of an enum by their text, without the one for words that we don't know."""
    return {word.value: word for word in kind if word.value != _UNRECOGNIZED}


def to_money(amount: int | None, currency: str | None) -> Money | None:
    """Return an amount, or None when there is none, or its currency is unknown (R7)."""
    return None if amount is None or currency is None or currency not in exponents() else Money(amount, currency)


def present(**values: Any) -> dict[str, Any]:
    """Return what is there."""
    return {name: value for name, value in values.items() if value is not None}


def shown_acquirer(data: AcquirerShape | None) -> dict[str, str] | None:
    """Return the references by which a bank finds the money, None when there are none."""
    return (data.model_dump(exclude_none=True) or None) if data is not None else None


def moment(seconds: int | None, *, otherwise: datetime) -> datetime:
    """Return a time of theirs, or another when they gave none."""
    return at(seconds) if seconds is not None else otherwise


def at(seconds: int) -> datetime:
    """Return a time from Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)
