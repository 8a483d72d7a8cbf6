"""The verbs of the ledger: post, seal, read. An entry is written once and never changed."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import structlog

from app.database import Database, Session
from app.kit.clock import Clock
from app.kit.errors import Kind, Problem
from app.kit.faultpoints import faultpoint
from app.kit.ids import Ids, Prefix
from app.kit.scope import Scope
from app.ledger.balances import Balances, merge
from app.ledger.books_store import BookStore, day_of
from app.ledger.chain import plan_seals
from app.ledger.models import CauseKind, Entry, Posting
from app.ledger.store import EntryFilter, EntryStore
from app.web.paging import Slice, Window

SEALED_AT_ONCE = 500
SETTLED_AFTER = timedelta(minutes=5)
"""What was booked so long ago is on every member that is asked for reports: longer than a member may be behind, a
transaction may last and clocks may differ, all together."""
_log = structlog.get_logger("app.ledger")


class LedgerEntryNotFound(Problem):
    """No such entry in this merchant's books and mode."""

    code = "ledger_entry_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no such ledger entry."


class PostingConflict(RuntimeError):
    """A fact was to be booked that is booked already, with other legs: a defect of ours, and nothing is written."""


class _Overtaken(Exception):
    """Another worker has sealed meanwhile; nothing of ours is written."""


@dataclass(frozen=True, slots=True)
class Readers:
    """One way to read the books: by the primary, or by whichever member answers reports."""

    database: Database
    store: EntryStore
    books: BookStore


@dataclass(slots=True)
class _Turn:
    """Whose book was sealed last, so that the next one is another's (P5)."""

    last: Scope | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """One merchant's books in one mode.

    Attributes:
        database: for transactions.
        store: entries.
        books: heads and days.
        past: who is asked for what was booked long enough ago.
        clock: the present moment.
        ids: ids of entries.
        on_conflict: hears of each fact that was to be booked twice in two ways.
        batch: how many entries one sealing, or one batch of an export, takes at most.
    """

    database: Database
    store: EntryStore
    books: BookStore
    past: Readers
    clock: Clock
    ids: Ids
    on_conflict: Callable[[CauseKind], object]
    batch: int = SEALED_AT_ONCE
    _turn: _Turn = field(default_factory=_Turn, repr=False)

    async def post(self, scope: Scope, postings: Sequence[Posting], *, session: Session, at: datetime) -> None:
        """Book what a fact causes, within the transaction that writes the fact (D4).

        A cause that is booked already in the same way is left as it is. Nothing that another posting touches is
        touched: chain and balances follow in `seal_next`.

        Raises:
            PostingConflict: the cause is booked with other legs; the transaction must not commit.
        """
        for posting in postings:
            entry = Entry(self.ids.new(Prefix.LEDGER_ENTRY), scope, posting, at)
            known = await self.store.insert_entry(scope, entry, session=session)
            if known is not None and known.posting.facts() != posting.facts():
                self._refuse(posting, known)
        faultpoint("ledger.posted")

    async def get_entry(self, scope: Scope, entry_id: str) -> Entry:
        """Return one entry. Raises LedgerEntryNotFound."""
        entry = await self.store.find_entry(scope, entry_id)
        if entry is None:
            raise LedgerEntryNotFound
        return entry

    async def list_entries(self, scope: Scope, *, where: EntryFilter, window: Window) -> Slice[Entry]:
        """Return one page of entries, newest first."""
        rows = await self.store.list_entries(scope, where=where, window=window)
        return Slice.cut(rows, window, id_of=lambda entry: entry.id)

    async def export_entries(
        self, scope: Scope, *, since: datetime | None, before: datetime | None
    ) -> AsyncIterator[Sequence[Entry]]:
        """Yield entries in the order in which they were booked, batch by batch, never more than one in memory.

        Each batch is a query of its own, so that a slow reader holds nothing in the database. What is settled may come
        from a secondary; the rest never does, or an export and the next one after it would leave out what lay between.
        """
        settled = self.clock.now() - SETTLED_AFTER
        parts = (
            (self.past.store, EntryFilter(recorded_from=since, recorded_before=min(before or settled, settled))),
            (self.store, EntryFilter(recorded_from=max(since or settled, settled), recorded_before=before)),
        )
        for store, where in parts:
            after: tuple[datetime, str] | None = None
            while batch := await store.list_by_moment(scope, where=where, after=after, limit=self.batch):
                yield batch
                after = (batch[-1].recorded_at, batch[-1].id)

    async def seal_next(self) -> bool:
        """Seal what waits in one merchant's book; tell whether there was anything.

        Entries get their places in the chain and the balances grow by them, in one transaction. Of two that seal one
        book, one writes.
        """
        scope = self._turn.last = await self.store.claim_unsealed_book(after=self._turn.last)
        return scope is not None and await self._seal(scope)

    async def get_balances(self, scope: Scope) -> Balances:
        """Return what each account has taken: the stored balances and the entries that are not in them yet."""

        async def read(session: Session) -> Balances:
            head = await self.books.find_head(scope, session=session)
            tail = await self.store.sum_unsealed(scope, session=session)
            return merge(head.balances if head else {}, tail)

        return await self.database.snapshot(read)

    async def get_trial_balance(self, scope: Scope, *, before: datetime) -> Balances:
        """Return what each account had taken by what was booked before a moment.

        It costs the days of the book and the entries of that one day, however long the book is. A moment that is past
        by less than a transaction may last can still get entries.
        """
        day = day_of(before)
        midnight = datetime.combine(date.fromisoformat(day), time(), UTC)

        is_settled = before <= self.clock.now() - SETTLED_AFTER
        by = self.past if is_settled else Readers(self.database, self.store, self.books)

        async def read(session: Session) -> Balances:
            days = await by.books.sum_days(scope, before=day, session=session)
            rest = await by.store.sum_since_midnight(scope, midnight=midnight, before=before, session=session)
            return merge(days, rest)

        return await by.database.snapshot(read)

    async def _seal(self, scope: Scope) -> bool:
        head = await self.books.open_book(scope, at=self.clock.now())
        plan = plan_seals(head, await self.store.list_unsealed(scope, limit=self.batch))
        if not plan.seals:
            # Only what is no entry is left; the check of the book names it.
            return False
        faultpoint("ledger.seal_planned")

        async def write(session: Session) -> None:
            moved = await self.books.advance(scope, head, plan.head, session=session)
            if not moved or not await self.store.set_seals(scope, plan.seals, session=session):
                raise _Overtaken
            await self.books.add_days(scope, plan.postings, session=session)
            faultpoint("ledger.seal_written")

        try:
            await self.database.transaction(write)
        except _Overtaken:
            return True
        faultpoint("ledger.seal_committed")
        return True

    def _refuse(self, posting: Posting, known: Entry) -> None:
        cause = posting.cause
        _log.error("ledger_posting_conflict", kind=cause.kind.value, cause=cause.id, entry=known.id)
        self.on_conflict(cause.kind)
        message = f"{cause.kind} {cause.id} is booked otherwise in {known.id}"
        raise PostingConflict(message)
