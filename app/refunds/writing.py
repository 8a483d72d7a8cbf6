"""The one transaction of a refund's change: counters, refund, books and news, or nothing of it (D4)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never

from pymongo.errors import DuplicateKeyError

from app.database import Database, Document, Session
from app.kit.faultpoints import faultpoint
from app.kit.scope import Scope
from app.kit.turns import Turns
from app.payments.facts import Facts
from app.payments.models import SuspenseEntry
from app.payments.refundable import RefundableStore, RefundableSuspenseStore
from app.refunds.counters import CounterMove, move_of
from app.refunds.events import items
from app.refunds.models import Refund
from app.refunds.postings import postings
from app.refunds.problems import RefundBusy
from app.refunds.schedule import next_check
from app.refunds.store import RefundStore

Also = Callable[[Session], Awaitable[None]]
OnChange = Callable[[Refund, Refund | None], None]
"""Called after the commit with the refund as it is and as it was (None: it is new)."""


class NotWritten(StrEnum):
    """Why nothing was written."""

    OVERTAKEN = "overtaken"
    """Somebody else changed or made it first: look again."""

    UNCOUNTED = "uncounted"
    """The captured money does not hold it."""


@dataclass(frozen=True, slots=True)
class RefundWriter:
    """Writes refunds with everything that a change of them causes."""

    database: Database
    store: RefundStore
    payments: RefundableStore
    suspense: RefundableSuspenseStore
    facts: Facts
    on_change: OnChange
    turns: Turns = field(default_factory=Turns)
    turn_seconds: float = 8.0

    async def write(
        self,
        scope: Scope,
        before: Refund | None,
        after: Refund,
        *,
        also: Also | None = None,
        only_if: Document | None = None,
    ) -> Refund | NotWritten:
        """Write a change if the refund is still as `before` says (None: it is new), and return it as written.

        Args:
            scope: whose refund.
            before: as it was read.
            after: as it is to be.
            also: a further write for the same transaction, such as the inbox's mark.
            only_if: a further condition on the stored refund (see `RefundStore.save_refund`).

        Raises:
            RefundBusy: too many changes of the payment's refunds are waiting; nothing was written.
        """
        faultpoint("refunds.writing")

        async def work(session: Session) -> Refund | NotWritten:
            if before is None:
                written = await self._insert(scope, after, session=session)
            else:
                written = await self._save(scope, before, after, only_if=only_if, session=session)
            if isinstance(written, NotWritten):
                return written
            await self.facts.write(
                scope,
                postings=postings(before, written),
                items=items(before, written),
                at=written.updated_at,
                session=session,
            )
            if also is not None:
                await also(session)
            faultpoint("refunds.committing")
            return written

        try:
            # Refunds of one payment meet at its counters, so they take turns instead of repeating each other's losses.
            async with self.turns.turn(after.payment_id, within_seconds=self.turn_seconds):
                done = await self.database.transaction(work)
        except DuplicateKeyError:
            return NotWritten.OVERTAKEN
        except TimeoutError:
            raise RefundBusy(retry_after_seconds=1) from None
        faultpoint("refunds.written")
        if isinstance(done, Refund):
            self.on_change(done, before)
        return done

    async def write_beside(self, also: Also) -> None:
        """Write what belongs to news that told nothing new."""
        faultpoint("refunds.marking")
        await self.database.transaction(also)
        faultpoint("refunds.marked")

    async def _insert(self, scope: Scope, refund: Refund, *, session: Session) -> Refund | NotWritten:
        # The counters come first: an insert that meets a twin aborts, and takes them back.
        counted = await self._count(scope, move_of(None, refund), refund, session=session)
        if counted is None:
            return NotWritten.UNCOUNTED
        due = next_check(refund, now=refund.updated_at)
        await self.store.insert_refund(scope, counted, next_check_at=due, session=session)
        return counted

    async def _save(
        self, scope: Scope, before: Refund, after: Refund, *, only_if: Document | None, session: Session
    ) -> Refund | NotWritten:
        due = next_check(after, now=after.updated_at)
        saved = await self.store.save_refund(scope, before, after, next_check_at=due, only_if=only_if, session=session)
        if not saved:
            return NotWritten.OVERTAKEN
        await self._count(scope, move_of(before, after), after, session=session)
        return after

    async def _count(self, scope: Scope, move: CounterMove, refund: Refund, *, session: Session) -> Refund | None:
        """Move the counters of the money that the refund is of; None when they don't hold it."""
        counters = self.payments if refund.suspense_id is None else self.suspense
        holder = refund.suspense_id or refund.payment_id
        amount, at = refund.money.minor, refund.updated_at
        match move:
            case CounterMove.NONE:
                return refund
            case CounterMove.RESERVE:
                held = await counters.reserve(scope, holder, amount=amount, at=at, session=session)
            case CounterMove.RELEASE:
                held = await counters.release(scope, holder, amount=amount, at=at, session=session)
            case CounterMove.ACCEPT:
                held = await counters.accept(scope, holder, amount=amount, reserved=True, at=at, session=session)
            case CounterMove.ADOPT:
                held = await counters.accept(scope, holder, amount=amount, reserved=False, at=at, session=session)
                return _drawn_from(held, refund)
            case CounterMove.UNACCEPT:
                held = await counters.unaccept(scope, holder, amount=amount, at=at, session=session)
            case _:
                assert_never(move)
        return None if held is None else refund


def _drawn_from(held: object, refund: Refund) -> Refund | None:
    """Return an adopted refund that knows how much of it was nobody's money: what was placed is the merchant's.

    What a refund of ours has only reserved is here still: the processor gives it back once, and this one was first.
    """
    if not isinstance(held, SuspenseEntry):
        return None if held is None else refund
    in_hand = held.held.amount.minor - held.amount_placed - (held.amount_refunded - refund.money.minor)
    return replace(refund, from_suspense=min(max(0, in_hand), refund.money.minor))
