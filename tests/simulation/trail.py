"""The processor's lists: they trail behind what happens, and come in pages, newest first.

What is asked for by its id is answered as it is; what a list shows of it is how it was a while ago, or nothing yet. So
what appears while somebody reads a list shifts the pages that are still to come.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.gateways.port import Listed


@dataclass(slots=True)
class Trail:
    """How far the lists of one processor are behind, how long their pages are, and what they show."""

    now: Callable[[], datetime]
    lag: timedelta = timedelta(0)
    size: int = 100
    changed_at: datetime = field(init=False)
    _past: dict[str, list[tuple[datetime, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.changed_at = self.now()

    def remember(self, row: Any) -> None:
        """Take note that a row has changed."""
        self.changed_at = self.now()
        if self.lag:
            self._past.setdefault(row.id, []).append((self.changed_at, row.shown()))

    def page(self, rows: Iterable[Any], *, skip: int) -> Listed[Any]:
        """Return a page of rows that are given oldest first."""
        shown = [seen for row in reversed(list(rows)) if (seen := self._seen(row)) is not None]
        page = tuple(shown[skip : skip + self.size])
        # A full page may be the last one; only the next, empty one tells.
        return Listed(page, is_last=len(page) < self.size, next_skip=skip + len(page))

    def _seen(self, row: Any) -> Any:
        if not self.lag:
            return row.shown()
        newest = self.now() - self.lag
        return next((shown for at, shown in reversed(self._past.get(row.id, ())) if at <= newest), None)
