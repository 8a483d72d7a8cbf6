"""The books of one merchant on a real database, and what a test does with them."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.database import Database
from app.kit.clock import MovableClock, SystemClock
from app.kit.ids import RandomIds
from app.kit.scope import Mode, Scope
from app.ledger import books_store, store
from app.ledger.books_store import BookStore
from app.ledger.models import Posting
from app.ledger.service import Ledger, Readers
from app.ledger.store import EntryFilter, EntryStore
from app.ledger.verification import BookChecks
from app.web.paging import Window
from tests.clearing import clear

COLLECTIONS = (*store.COLLECTIONS, *books_store.COLLECTIONS)


@dataclass(slots=True)
class Books:
    """The ledger, its collections for whoever comes with a raw client, and a merchant of one's own."""

    database: Database
    ledger: Ledger
    checks: BookChecks
    clock: MovableClock
    conflicts: list[Any]
    scope: Scope = field(default_factory=lambda: Scope(f"mer_{secrets.token_hex(6)}", Mode.TEST))

    @property
    def rows(self):
        return self.database.collection("ledger_entries")

    @property
    def heads(self):
        return self.database.collection("ledger_books")

    @property
    def days(self):
        return self.database.collection("ledger_days")

    async def post(self, *postings: Posting, at: datetime | None = None, scope: Scope | None = None) -> None:
        """Book in a transaction of its own."""
        moment = at or self.clock.now()
        await self.database.transaction(
            lambda session: self.ledger.post(scope or self.scope, postings, session=session, at=moment)
        )

    async def entries(self, **where: Any) -> list[Any]:
        """Return entries, newest first."""
        found = await self.ledger.list_entries(self.scope, where=EntryFilter(**where), window=Window(limit=100))
        assert not found.has_more
        return list(found.rows)

    async def seal(self) -> int:
        """Seal everything that waits, of whatever merchant; return in how many sealings."""
        sealings = 0
        while await self.ledger.seal_next():
            sealings += 1
            assert sealings < 500, "it seals for ever"
        return sealings

    async def flaws(self, *, after: int = 0) -> list[Any]:
        """Return what a look at the book finds."""
        return list((await self.checks.verify(self.scope, after=after)).breaks)

    async def walk(self) -> int:
        """Let the worker walk through every book whose check is due; return in how many pieces."""
        pieces = 0
        while await self.checks.check_next():
            pieces += 1
            assert pieces < 5000, "it walks for ever"
        return pieces


def make_books(database: Database, *, batch: int = 500, piece: int = 2_000, clock: MovableClock | None = None) -> Books:
    """Return the books of a new merchant."""
    clock, conflicts = clock or MovableClock(SystemClock().now()), []
    entries, heads = EntryStore(database), BookStore(database)
    ledger = Ledger(
        database=database,
        store=entries,
        books=heads,
        past=Readers(database, entries, heads),
        clock=clock,
        ids=RandomIds(clock),
        on_conflict=conflicts.append,
        batch=batch,
    )
    checks = BookChecks(database=database, store=entries, books=heads, clock=clock, piece=piece)
    return Books(database, ledger, checks, clock, conflicts)


async def empty(database: Database) -> None:
    """Remove everything, so that a test meets no other's books."""
    for collection in COLLECTIONS:
        await clear(database.collection(collection.name))
