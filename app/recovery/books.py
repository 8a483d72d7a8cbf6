"""What the books' own checks found, as violations of I4."""

from dataclasses import dataclass

from app.ledger.books_store import BookStore
from app.recovery.models import Invariant, Looked, Violation


@dataclass(frozen=True, slots=True)
class BookVerdicts:
    """Reads how the last whole walk through each book ended."""

    books: BookStore

    async def measure_broken(self, *, after: str, limit: int) -> Looked:
        """Return the next books in the order of their names, with what is broken in them (I4)."""
        rows = await self.books.measure_verdicts(after=after, limit=limit)
        names = [f"{scope.tenant}:{scope.mode.value}" for scope, _ in rows]
        found = [
            Violation(Invariant.I4, scope, name, verdict.breaks[0].flaw.value)
            for name, (scope, verdict) in zip(names, rows, strict=True)
            if verdict is not None and verdict.breaks
        ]
        return Looked(tuple(names), tuple(found), names[-1] if len(names) == limit else None)
