"""Cursor pages: newest first, stable while rows are inserted, never a skip or a total.

Our ids sort by time of birth, so a cursor is simply the id of a row: no lookup, no offset, and a row that is
inserted while a client walks can neither shift nor repeat the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from app.kit.bounds import PAGE_DEFAULT, PAGE_LIMIT
from app.kit.ids import Prefix, is_id
from app.web.envelope import Page

Row = TypeVar("Row")
Read = TypeVar("Read")

Cursor = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,8}_[0-9A-Za-z]{1,40}$")]


class PageQuery(BaseModel):
    """Query parameters of a list. Rooms subclass it with their filters; an unknown parameter is refused.

    A subclass names its rows' prefix: an id of anything else lies before or behind all of them, and would end a
    client's walk with an empty page.
    """

    model_config = ConfigDict(extra="forbid")
    prefix: ClassVar[Prefix | None] = None

    limit: Annotated[int, Field(ge=1, le=PAGE_LIMIT, description="Rows per page.")] = PAGE_DEFAULT
    starting_after: Annotated[
        Cursor | None,
        Field(description="`next_cursor`, or the id of the last row you have: the page continues behind it."),
    ] = None
    ending_before: Annotated[
        Cursor | None, Field(description="Id of the first row you have: the page ends in front of it.")
    ] = None

    @model_validator(mode="after")
    def refuse_two_directions(self) -> Self:
        """Refuse both cursors at once: a page has one direction."""
        if self.starting_after is not None and self.ending_before is not None:
            message = "starting_after and ending_before exclude each other"
            raise ValueError(message)
        return self

    @field_validator("starting_after", "ending_before")
    @classmethod
    def refuse_other_ids(cls, cursor: str | None) -> str | None:
        """Refuse an id of another sort of rows."""
        if cursor is not None and cls.prefix is not None and not is_id(cursor, cls.prefix):
            message = f"a cursor of this list is an id that starts with {cls.prefix}_"
            raise ValueError(message)
        return cursor

    def window(self) -> "Window":
        """Return the part of the query that services and stores need."""
        return Window(limit=self.limit, starting_after=self.starting_after, ending_before=self.ending_before)


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows of an ordered list are wanted: at most `limit`, behind one row or in front of another."""

    limit: int = PAGE_DEFAULT
    starting_after: str | None = None
    ending_before: str | None = None

    @property
    def is_backward(self) -> bool:
        """Tell whether the page is read from its end, towards newer rows."""
        return self.ending_before is not None

    @property
    def fetch_limit(self) -> int:
        """Return how many rows to read: one more than shown tells whether there are more."""
        return self.limit + 1

    def filter(self, *, field: str = "_id") -> dict[str, Any]:
        """Return the Mongo condition of the cursor; merge it with the tenant and the filters by `$and` or keys."""
        if self.ending_before is not None:
            return {field: {"$gt": self.ending_before}}
        if self.starting_after is not None:
            return {field: {"$lt": self.starting_after}}
        return {}

    def sort(self, *, field: str = "_id") -> list[tuple[str, int]]:
        """Return the Mongo sort that reads the page from its cursor."""
        return [(field, 1 if self.is_backward else -1)]


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """The rows of one page, newest first."""

    rows: Sequence[Row]
    has_more: bool
    next_cursor: str | None

    @classmethod
    def cut(cls, fetched: Sequence[Row], window: Window, *, id_of: Callable[[Row], str]) -> "Slice[Row]":
        """Make a page of the rows as they were read by `sort()` with `fetch_limit`."""
        kept = list(fetched[: window.limit])
        has_more = len(fetched) > window.limit
        cursor = id_of(kept[-1]) if has_more else None
        if window.is_backward:
            kept.reverse()
        return cls(rows=kept, has_more=has_more, next_cursor=cursor)

    def read(self, show: Callable[[Row], Read]) -> Page[Read]:
        """Return the page as the API shows it, each row through `show` (`PaymentRead.of`)."""
        return Page(items=[show(row) for row in self.rows], has_more=self.has_more, next_cursor=self.next_cursor)


def document_id(document: Mapping[str, Any]) -> str:
    """Return the id of a Mongo document, for `Slice.cut` over raw rows."""
    return str(document["_id"])
