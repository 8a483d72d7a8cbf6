"""What the outbox's API shows."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from app.kit.ids import Prefix
from app.outbox.models import Item, ItemKind, ItemState, Lane
from app.outbox.store import ItemFilter
from app.web.envelope import Timestamp
from app.web.paging import Cursor, PageQuery

ItemName = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z_]{1,40}(\.[a-z_]{1,40}){1,4}$")]


class ItemQuery(PageQuery):
    """Filters of the list of items."""

    prefix = Prefix.OUTBOX_ITEM

    state: ItemState | None = None
    kind: ItemKind | None = None
    name: Annotated[ItemName | None, Field(description="Such as `payment.completed`.")] = None
    subject: Annotated[Cursor | None, Field(description="The id of what the items are about.")] = None

    def to_filter(self) -> ItemFilter:
        """Return the filter for the store."""
        return ItemFilter(state=self.state, kind=self.kind, name=self.name, subject=self.subject)


class ItemRead(BaseModel):
    """An item of the outbox: an event that tells of a change, or work that follows from it."""

    id: str
    kind: ItemKind
    lane: Lane
    name: str
    subject: str
    sequence: Annotated[int | None, Field(description="Of an event: the subject's version, which orders its events.")]
    payload: Mapping[str, Any]
    state: ItemState
    attempts: int
    deferrals: Annotated[int, Field(description="How often the work was not ready to be done, which is no failure.")]
    reason: Annotated[str | None, Field(description="Why it was put off or parked, as a code.")]
    created_at: Timestamp
    due_at: Annotated[Timestamp, Field(description="When it is worked on; while it is, the end of its lease.")]
    done_at: Timestamp | None

    @classmethod
    def of(cls, item: Item) -> "ItemRead":
        """Show an item."""
        return cls.model_construct(
            id=item.id,
            kind=item.kind,
            lane=item.lane,
            name=item.name,
            subject=item.subject,
            sequence=item.sequence,
            payload=item.payload,
            state=item.state,
            attempts=item.attempts,
            deferrals=item.deferrals,
            reason=item.reason,
            created_at=item.created_at,
            due_at=item.due_at,
            done_at=item.done_at,
        )
