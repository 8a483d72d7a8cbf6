"""What the API of the invariants reads and shows."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from app.kit.ids import Prefix
from app.recovery.models import CHECKED_BY, Found, Invariant, Round, Walk
from app.web.envelope import Timestamp
from app.web.paging import PageQuery


class ViolationQuery(PageQuery):
    """Which violations."""

    prefix = Prefix.VIOLATION

    resolved: Annotated[bool, Field(description="Those that are over, instead of those that are not.")] = False


class ViolationRead(BaseModel):
    """Something that is not as it must be: which invariant, of what, and the fact in one machine word."""

    id: str
    invariant: Invariant
    subject: str
    fact: str
    first_seen_at: Timestamp
    last_seen_at: Timestamp
    resolved_at: Timestamp | None

    @classmethod
    def of(cls, found: Found) -> Self:
        """Show a violation."""
        return cls(
            id=found.id,
            invariant=found.violation.invariant,
            subject=found.violation.subject,
            fact=found.violation.fact,
            first_seen_at=found.first_seen_at,
            last_seen_at=found.last_seen_at,
            resolved_at=found.resolved_at,
        )


class RoundRead(BaseModel):
    """A walk through the database: what it checks, and when all of it was last looked at."""

    walk: Walk
    invariants: list[Invariant]
    last_whole_at: Timestamp | None
    last_examined: int
    examined: int

    @classmethod
    def of(cls, walked: Round) -> Self:
        """Show a walk."""
        return cls(
            walk=walked.walk,
            invariants=list(CHECKED_BY[walked.walk]),
            last_whole_at=walked.last_whole_at,
            last_examined=walked.last_examined,
            examined=walked.examined,
        )


class RoundsRead(BaseModel):
    """Every walk. The numbers are those of the whole service."""

    items: list[RoundRead]
