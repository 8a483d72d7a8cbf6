"""The check of the books: the chain from its beginning, and every stored sum against the entries (G13, I4).

A whole walk is made in bounded pieces by the worker, and its place is kept, so that it goes on where it stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

import structlog

from app.database import Database, Document, Session
from app.kit.clock import Clock
from app.kit.scope import Scope
from app.ledger.balances import Balances, differences
from app.ledger.books_store import BREAKS_MAX, BookStore, Round, Verdict
from app.ledger.chain import GENESIS, Break, Flaw, Head, compare, compare_ends, compare_sums, malformed, walk
from app.ledger.store import EntryStore

_log = structlog.get_logger("app.ledger")

ENTRIES_AT_ONCE = 2_000
LONGEST_REST = timedelta(days=1)
SHORTEST_REST = timedelta(minutes=10)
_SHARE = 100


@dataclass(frozen=True, slots=True)
class Verification:
    """What a look at a part of a book found.

    Attributes:
        checked_from: the first place of the chain that was looked at.
        checked_through: the last one.
        sealed: the last place that the book has.
        next_after: where the next part begins, or None at the end of the book.
        breaks: what is wrong with this part, and with the sums.
        unsealed_since: when the first entry was booked that has no place in the chain yet.
        last: how the worker's last walk through the whole book ended.
    """

    checked_from: int
    checked_through: int
    sealed: int
    next_after: int | None
    breaks: tuple[Break, ...]
    unsealed_since: datetime | None
    last: Verdict | None

    @property
    def is_whole(self) -> bool:
        """Tell whether neither this look nor the last whole walk found a flaw."""
        return not self.breaks and (self.last is None or not self.last.breaks)


@dataclass(frozen=True, slots=True)
class BookChecks:
    """Looks whether the books are what was written into them.

    Attributes:
        database: for reads of one moment.
        store: entries.
        books: heads, days, and how far each walk got.
        clock: the present moment.
        piece: how many entries are looked at in one go.
    """

    database: Database
    store: EntryStore
    books: BookStore
    clock: Clock
    piece: int = ENTRIES_AT_ONCE

    async def verify(self, scope: Scope, *, after: int = 0) -> Verification:
        """Look at one piece of the chain behind a place, and at the stored sums.

        From the beginning of a book that is one piece long, everything is compared; of a longer book the worker
        compares the balances with the entries, on its walks.
        """
        highest = await self.store.find_highest(scope)
        stored, days = await self._read_sums(scope)
        # The entry at the place itself is the anchor: it was looked at in the piece before, which ended there.
        before = max(0, after - 1)
        limit = self.piece + after - before
        rows = await self.store.list_chain(scope, after=before, up_to=stored.sequence, limit=limit)
        reached, breaks = walk(_anchor(before, rows), rows)
        is_end = len(rows) < limit
        if is_end and after <= stored.sequence:
            breaks += (
                compare(reached, stored, highest=highest)
                if after == 0
                else compare_ends(reached, stored, highest=highest)
            )
        breaks += compare_sums(stored.balances, days)
        breaks += malformed(await self.store.list_unsealed(scope, limit=self.piece))
        return Verification(
            checked_from=before + 1,
            checked_through=reached.sequence,
            sealed=stored.sequence,
            next_after=None if is_end else reached.sequence,
            breaks=tuple(breaks[:BREAKS_MAX]),
            unsealed_since=await self.store.find_oldest_unsealed(scope),
            last=await self.books.find_verdict(scope),
        )

    async def check_next(self) -> bool:
        """Walk one piece further through the book whose check is due; tell whether there was one."""
        now = self.clock.now()
        claimed = await self.books.claim_due_check(at=now)
        if claimed is None:
            return False
        begun = claimed if claimed.started_at else replace(claimed, started_at=now)
        walked = await (self._walk_chain(begun) if begun.day is None else self._compare_day(begun))
        if walked is None:
            await self._finish(begun)
        else:
            await self.books.save_round(begun.scope, walked, due_at=now)
        return True

    async def walk_whole(self, scope: Scope) -> Verdict:
        """Walk through a whole book at once and keep nothing of it: for a backup that was just restored."""
        walked = Round(scope, fence=0)
        while True:
            further = await (self._walk_chain(walked) if walked.day is None else self._compare_day(walked))
            if further is None:
                return Verdict(self.clock.now(), walked.reached.sequence, walked.breaks)
            walked = further

    async def _walk_chain(self, begun: Round) -> Round:
        scope = begun.scope
        highest = await self.store.find_highest(scope)
        stored, days = await self._read_sums(scope)
        rows = await self.store.list_chain(scope, after=begun.reached.sequence, up_to=stored.sequence, limit=self.piece)
        reached, breaks = walk(begun.reached, rows)
        is_end = len(rows) < self.piece
        if is_end:
            breaks += compare(reached, stored, highest=highest) + compare_sums(stored.balances, days)
            breaks += malformed(await self.store.list_unsealed(scope, limit=self.piece))
        return replace(begun, reached=reached, breaks=(*begun.breaks, *breaks), day="" if is_end else None)

    async def _compare_day(self, begun: Round) -> Round | None:
        """Compare the next stored day with its entries; return None when there is none left."""
        scope = begun.scope
        day = await self.books.find_next_day(scope, after=str(begun.day))
        if day is None:
            return None
        midnight = datetime.combine(datetime.fromisoformat(day).date(), time(), UTC)

        async def read(session: Session) -> list[Break]:
            kept = await self.books.sum_days(scope, day=day, session=session)
            booked = await self.store.sum_of_day(scope, midnight=midnight, session=session)
            return [
                Break(
                    Flaw.DAYS_DIFFER,
                    line=f"{day} {currency} {account}",
                    says=f"stored {found.debit}/{found.credit}, entries {wanted.debit}/{wanted.credit} (debit/credit)",
                )
                for (currency, account), (found, wanted) in differences(kept, booked).items()
            ]

        return replace(begun, breaks=(*begun.breaks, *await self.database.snapshot(read)), day=day)

    async def _finish(self, walked: Round) -> None:
        scope, now = walked.scope, self.clock.now()
        verdict = Verdict(now, walked.reached.sequence, walked.breaks[:BREAKS_MAX])
        # So that the checks take about a hundredth of a worker's time, however long the books grow.
        took = now - (walked.started_at or now)
        rest = min(max(took * _SHARE, SHORTEST_REST), LONGEST_REST)
        if not await self.books.finish_round(scope, walked, verdict, due_at=now + rest):
            return
        for one in verdict.breaks:
            _log.error(
                "ledger_broken",
                tenant=scope.tenant,
                mode=scope.mode.value,
                flaw=one.flaw.value,
                sequence=one.sequence,
                entry=one.entry_id,
                line=one.line,
            )

    async def _read_sums(self, scope: Scope) -> tuple[Head, Balances]:
        """Return the head of a book and the sum of its days, both of one moment."""

        async def read(session: Session) -> tuple[Head, Balances]:
            head = await self.books.find_head(scope, session=session)
            return head or Head(), await self.books.sum_days(scope, session=session)

        return await self.database.snapshot(read)


def _anchor(place: int, rows: Sequence[Document]) -> Head:
    """Return what a walk that begins in the middle takes for the entry before: what the first one says of it."""
    return Head(place, rows[0]["seal"].get("previous", GENESIS) if place and rows else GENESIS)
