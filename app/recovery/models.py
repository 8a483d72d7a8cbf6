"""Sweeps through the processor's lists, and what the invariants found, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.kit.scope import Scope

EVERY = timedelta(days=1)
LOOKBACK = timedelta(days=5, hours=1)
"""How far back a sweep reads: late authorisations come within three days, and lists trail by minutes."""


class Swept(StrEnum):
    """Which list of the processor is read."""

    PAYMENTS = "payments"
    REFUNDS = "refunds"
    DISPUTES = "disputes"
    SETTLEMENTS = "settlements"


@dataclass(frozen=True, slots=True)
class Sweep:
    """One walk through a list of a merchant's account: its span, how far it is, and what it found.

    The span is fixed when a walk begins, so that what is created meanwhile shifts no page (R9); `skip` is written after
    every page, so that a walk that was stopped goes on where it was.
    """

    scope: Scope
    swept: Swept
    since: datetime
    until: datetime
    skip: int = 0
    read: int = 0
    found: int = 0

    @classmethod
    def begun(cls, scope: Scope, swept: Swept, *, at: datetime, known_until: datetime | None = None) -> "Sweep":
        """Return a walk that begins now, from before the end of the last whole one on: that may be long ago (R9)."""
        since = (at if known_until is None else min(at, known_until)) - LOOKBACK
        return cls(scope=scope, swept=swept, since=since, until=at)


class Invariant(StrEnum):
    """What is always true of the money here; `docs/reference/failure-rows.md` says it in words."""

    I1 = "I1"
    I4 = "I4"
    I7 = "I7"
    I10 = "I10"
    I14 = "I14"


class Walk(StrEnum):
    """What is walked through, slice by slice, to check them."""

    PAYMENTS = "payments"
    SUSPENSE = "suspense"
    BACKLOG = "backlog"
    BOOKS = "books"


CHECKED_BY: Mapping[Walk, tuple[Invariant, ...]] = {
    Walk.PAYMENTS: (Invariant.I1, Invariant.I7, Invariant.I10, Invariant.I14),
    Walk.SUSPENSE: (Invariant.I1,),
    Walk.BACKLOG: (Invariant.I14,),
    Walk.BOOKS: (Invariant.I4,),
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is not as it must be: which invariant, whose, of what, and the fact in one machine word."""

    invariant: Invariant
    scope: Scope
    subject: str
    fact: str


@dataclass(frozen=True, slots=True)
class Found:
    """A violation as it is kept: since when it is known, and until when it was seen."""

    id: str
    violation: Violation
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Looked:
    """What a slice of a walk came to: what it looked at, what it found, and where the next begins (None: the end)."""

    subjects: tuple[str, ...]
    violations: tuple[Violation, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class Round:
    """How far a walk is, and how the last whole one went."""

    walk: Walk
    after: str = ""
    examined: int = 0
    began_at: datetime | None = None
    last_whole_at: datetime | None = None
    last_examined: int = 0
