"""What a find or an aggregation gives: rows in an order, a part of them, or their totals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.simulation.documents import Query
from tests.simulation.expressions import Document, NotSpoken, evaluate

if TYPE_CHECKING:
    from tests.simulation.database import Commands, Transaction


@dataclass(slots=True)
class Cursor:
    """A find that is carried out when it is first read."""

    commands: "Commands"
    query: Query
    session: "Transaction | None" = None
    order: Sequence[tuple[str, int]] = ()
    skipped: int = 0
    most: int = 0
    totals: Document | None = None

    def sort(self, key: Any, direction: int = 1) -> "Cursor":
        """Order the matches."""
        self.order = [(key, direction)] if isinstance(key, str) else list(key)
        return self

    def skip(self, count: int) -> "Cursor":
        """Leave out the first ones."""
        self.skipped = count
        return self

    def limit(self, count: int) -> "Cursor":
        """Read at most so many; zero means all."""
        self.most = count
        return self

    async def to_list(self, length: int | None = None) -> list[Document]:
        """Return the rest."""
        return await self.commands.read(self.query, self, self.session)

    async def __aiter__(self) -> Any:
        for row in await self.to_list():
            yield row


def totals_of(rows: Sequence[Document], wanted: Document, now: datetime) -> list[Document]:
    """Return the one group of all rows, none of no rows."""
    totals: Document = {"_id": None}
    for name, total in wanted.items():
        if name != "_id":
            ((operator, operand),) = total.items()
            if operator != "$sum":
                raise NotSpoken(operator)
            totals[name] = sum(evaluate(row, operand, now=now) or 0 for row in rows)
    return [totals] if rows else []
