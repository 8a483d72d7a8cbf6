"""The root of every error the house shows to a caller.

A room declares its own errors beside the service that raises them, as subclasses of `Problem`: the class name is
the fact (`PaymentNotFound`), the `code` is permanent, the `kind` says what sort of thing went wrong. Which HTTP
status a kind becomes is known to `web` alone.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    """Sorts of failure; `web.errors` gives each an HTTP status."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    INVALID = "invalid"
    RATE_LIMITED = "rate_limited"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


class Problem(Exception):
    """An expected failure with a permanent code and a sentence that is safe to show.

    Attributes:
        code: permanent machine-readable word, unique in the house.
        is_after_the_deed: it came after what was asked for had been done, so an idempotency key stays taken.
        kind: sort of failure.
        message: one sentence for people; no secret, no personal datum, no text of a third party.
        param: the request field at fault, dotted, if there is one.
        details: small facts for machines; JSON types only.
        retry_after_seconds: when trying again makes sense, if it does.
    """

    code: ClassVar[str] = ""
    kind: ClassVar[Kind] = Kind.INTERNAL
    is_after_the_deed: ClassVar[bool] = False
    message: str = ""

    def __init__(
        self,
        message: str | None = None,
        *,
        param: str | None = None,
        details: Mapping[str, object] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        """Take the class's own sentence unless a better one is given."""
        self.message = message if message is not None else type(self).message
        self.param = param
        self.details = dict(details or {})
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.message)


def catalogue(package: str = "app") -> Iterator[type[Problem]]:
    """Yield every error class of a package that has a code, once each, sorted by code."""
    found: dict[type[Problem], None] = {}
    pending: list[type[Problem]] = [Problem]
    while pending:
        for child in pending.pop().__subclasses__():
            if child not in found:
                found[child] = None
                pending.append(child)
    yield from sorted(
        (one for one in found if one.code and one.__module__.startswith(f"{package}.")), key=lambda one: one.code
    )
