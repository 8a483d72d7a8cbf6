"""What every list of the dashboard shares: the window of a page, the links to the next ones, and forgiving filters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode

from fastapi import Request
from starlette.datastructures import QueryParams

from app.kit.ids import Prefix, is_id
from app.web.paging import Slice, Window

ROWS = 25
_CURSORS = ("starting_after", "ending_before", "notice", "problem")
_LONGEST_FILTER = 200

Word = TypeVar("Word", bound=StrEnum)
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Pager:
    """The addresses of the pages beside this one; None where there is nothing."""

    newer: str | None
    older: str | None


def window_of(request: Request, prefix: Prefix) -> Window:
    """Return the part of a list that an address asks for; a cursor of another sort of rows is not one."""
    return window_by(request, lambda cursor: is_id(cursor, prefix))


def window_by(request: Request, is_cursor: Callable[[str], bool]) -> Window:
    """Return the part of a list whose cursors are not ids."""
    query = request.query_params
    after, before = (query.get(name, "") for name in _CURSORS[:2])
    if is_cursor(before):
        return Window(limit=ROWS, ending_before=before)
    return Window(limit=ROWS, starting_after=after if is_cursor(after) else None)


def pager_of(request: Request, window: Window, found: Slice[Row], *, id_of: Callable[[Row], str]) -> Pager:
    """Return where the pages beside a page are, with the filters that it has."""
    if not found.rows:
        return Pager(newer=request.url.path if window.starting_after else None, older=None)
    has_newer = found.has_more if window.is_backward else window.starting_after is not None
    has_older = True if window.is_backward else found.has_more
    first, last = id_of(found.rows[0]), id_of(found.rows[-1])
    return Pager(
        newer=_address(request, ending_before=first) if has_newer else None,
        older=_address(request, starting_after=last) if has_older else None,
    )


def filters_of(request: Request) -> Mapping[str, str]:
    """Return what an address filters by, without the place in the list."""
    return {name: value for name, value in request.query_params.items() if name not in _CURSORS}


def chosen(query: QueryParams, name: str, words: type[Word]) -> Word | None:
    """Return the word that an address asks for, if it is one of these."""
    value = query.get(name, "")
    return words(value) if value in set(words) else None


def options_of(words: type[StrEnum], *, anything: str) -> Sequence[tuple[str, str]]:
    """Return the choices of a filter: these words as people read them, and before them that it narrows nothing."""
    return [("", anything), *((one.value, one.value.replace("_", " ").capitalize()) for one in words)]


def text_of(query: QueryParams, name: str) -> str | None:
    """Return a short text that an address asks for, or None."""
    value = query.get(name, "").strip()
    return value if value and len(value) <= _LONGEST_FILTER and value.isprintable() else None


def day_of(query: Mapping[str, str], name: str, zone: tzinfo) -> datetime | None:
    """Return the first moment, in the viewer's zone, of a day that an address asks for."""
    try:
        return datetime.combine(date.fromisoformat(query.get(name, "")), time(), zone)
    except (ValueError, OverflowError):
        return None


def _address(request: Request, **cursor: Any) -> str:
    return f"{request.url.path}?{urlencode({**filters_of(request), **cursor})}"
