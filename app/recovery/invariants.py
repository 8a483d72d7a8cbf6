"""The invariants on a schedule against the live database: slice by slice, bounded in cost, resumable by any worker.

A slice reads what belongs together one after the other, while payments and refunds go on. So whatever looks wrong is
read once more within one snapshot of the database before anybody is told.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar, assert_never

import structlog

from app.database import Database, Session
from app.kit.clock import Clock
from app.kit.scope import Scope
from app.ledger.models import CauseKind
from app.payments.models import Payment, SuspenseEntry
from app.recovery.findings import FindingStore
from app.recovery.models import Looked, Round, Violation, Walk
from app.recovery.rules import OVERDUE, of_backlog, of_payment, of_suspense

_log = structlog.get_logger("app.recovery")

SLICE = 200
_PAUSE = timedelta(seconds=1)
_REST = timedelta(minutes=1)
_AWAKE = timedelta()

OnFound = Callable[[Violation], None]
Row = TypeVar("Row", Payment, SuspenseEntry)
Scoped = Sequence[tuple[Scope, str]]


class PaymentSlices(Protocol):
    """What is read of payments."""

    async def measure_slice(self, *, after: str, limit: int) -> list[Payment]:
        """Return payments of any merchant in the order of their ids."""
        ...

    async def find_payment(self, scope: Scope, payment_id: str, *, session: Session | None = None) -> Payment | None:
        """Return a payment."""
        ...


class SuspenseSlices(Protocol):
    """What is read of money in suspense."""

    async def measure_slice(self, *, after: str, limit: int) -> list[SuspenseEntry]:
        """Return entries of any merchant in the order of their ids."""
        ...


class RefundSums(Protocol):
    """What is read of refunds."""

    async def list_holdings(
        self, scope: Scope, *, payment_ids: Sequence[str], session: Session | None = None
    ) -> Mapping[str, int]:
        """Return what the refunds of payments hold back, in minor units, by payment; none is not in it."""
        ...

    async def measure_unsent(self, *, before: datetime, limit: int) -> Scoped:
        """Return refunds that were asked for before a moment and that the processor has not got."""
        ...


class CaptureEntries(Protocol):
    """What is read of the books."""

    async def list_booked(
        self, scope: Scope, *, kind: CauseKind, cause_ids: Sequence[str], session: Session | None = None
    ) -> Mapping[str, int]:
        """Return the amounts booked for facts, by the fact's id; one that is not booked is not in it."""
        ...


class Overdue(Protocol):
    """Where work waits."""

    async def measure_overdue(self, *, by: timedelta, limit: int) -> Scoped:
        """Return what should have been done so long ago."""
        ...


class Books(Protocol):
    """What the books' own checks found."""

    async def measure_broken(self, *, after: str, limit: int) -> Looked:
        """Return the next books in the order of their names, with what is broken in them (I4)."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the truth is read from."""

    payments: PaymentSlices
    suspense: SuspenseSlices
    refunds: RefundSums
    entries: CaptureEntries
    inbox: Overdue
    outbox: Overdue
    books: Books


@dataclass(frozen=True, slots=True)
class Invariants:
    """Walks through everything again and again."""

    database: Database
    findings: FindingStore
    sources: Sources
    clock: Clock
    on_found: OnFound
    slice_size: int = SLICE

    async def check_next(self) -> bool:
        """Look at the next slice of the walk that has been due longest; tell whether there was one."""
        at = self.clock.now()
        begun = await self.findings.claim_due_round(at=at)
        if begun is None:
            return False
        looked = await self._look(begun.walk, begun.after)
        for violation in looked.violations:
            _log.error(
                "invariant_violated",
                invariant=violation.invariant.value,
                tenant=violation.scope.tenant,
                subject=violation.subject,
                fact=violation.fact,
            )
            self.on_found(violation)
        now = self.clock.now()
        await self.findings.claim_findings(begun.walk, looked, at=now)
        walked = _walked(begun, looked, at=now)
        next_at = now + (_REST if looked.next_after is None else _PAUSE)
        await self.findings.claim_end_of_slice(walked, next_at=next_at, leased_at=at)
        return True

    async def look_through(self, walk: Walk, *, asleep: timedelta) -> AsyncIterator[Looked]:
        """Walk through everything at once and keep nothing of it: for a backup that was just restored.

        Args:
            walk: what is looked at.
            asleep: for how long nobody was at work; nothing counts as stuck for having waited in that time.
        """
        after: str | None = ""
        while after is not None:
            looked = await self._look(walk, after, asleep=asleep)
            yield looked
            after = looked.next_after

    async def _look(self, walk: Walk, after: str, *, asleep: timedelta = _AWAKE) -> Looked:
        match walk:
            case Walk.PAYMENTS:
                return await self._payments(after, asleep=asleep)
            case Walk.SUSPENSE:
                return await self._suspense(after)
            case Walk.BACKLOG:
                return await self._backlog(asleep=asleep)
            case Walk.BOOKS:
                return await self.sources.books.measure_broken(after=after, limit=self.slice_size)
            case _:
                assert_never(walk)

    async def _payments(self, after: str, *, asleep: timedelta) -> Looked:
        payments = await self.sources.payments.measure_slice(after=after, limit=self.slice_size)
        now = self.clock.now() - asleep
        found: list[Violation] = []
        for scope, ours in _by_scope(payments).items():
            for payment, violations in (await self._judged(scope, ours, now=now)).items():
                # It may have moved between two reads: only what one snapshot shows as well is told.
                found += await self._confirmed(scope, payment, now=now) if violations else []
        return _looked([payment.id for payment in payments], found, limit=self.slice_size)

    async def _judged(
        self, scope: Scope, payments: Sequence[Payment], *, now: datetime, session: Session | None = None
    ) -> Mapping[str, list[Violation]]:
        primaries = {
            payment.id: payment.primary.id for payment in payments if payment.primary and payment.primary.captured
        }
        booked = await self.sources.entries.list_booked(
            scope, kind=CauseKind.CAPTURE, cause_ids=sorted(primaries.values()), session=session
        )
        ids = [payment.id for payment in payments]
        held = await self.sources.refunds.list_holdings(scope, payment_ids=ids, session=session)
        return {
            payment.id: list(
                of_payment(
                    payment,
                    booked=booked.get(primaries.get(payment.id, "")),
                    held=held.get(payment.id, 0),
                    now=now,
                )
            )
            for payment in payments
        }

    async def _confirmed(self, scope: Scope, payment_id: str, *, now: datetime) -> list[Violation]:
        async def read(session: Session) -> list[Violation]:
            payment = await self.sources.payments.find_payment(scope, payment_id, session=session)
            ours = [payment] if payment is not None else []
            judged = await self._judged(scope, ours, now=now, session=session)
            return judged.get(payment_id, [])

        return await self.database.transaction(read)

    async def _suspense(self, after: str) -> Looked:
        rows = await self.sources.suspense.measure_slice(after=after, limit=self.slice_size)
        found: list[Violation] = []
        for scope, entries in _by_scope(rows).items():
            ids = [entry.held.gateway_payment_id for entry in entries]
            booked = await self.sources.entries.list_booked(scope, kind=CauseKind.CAPTURE, cause_ids=ids)
            for entry in entries:
                found += of_suspense(entry, booked=booked.get(entry.held.gateway_payment_id))
        return _looked([entry.id for entry in rows], found, limit=self.slice_size)

    async def _backlog(self, *, asleep: timedelta) -> Looked:
        limit, by = self.slice_size, OVERDUE + asleep
        before = self.clock.now() - asleep - 6 * OVERDUE
        overdue = {
            "event_overdue": list(await self.sources.inbox.measure_overdue(by=by, limit=limit)),
            "job_overdue": list(await self.sources.outbox.measure_overdue(by=by, limit=limit)),
            "refund_not_sent": list(await self.sources.refunds.measure_unsent(before=before, limit=limit)),
        }
        return Looked(subjects=(), violations=tuple(of_backlog(overdue)), next_after=None)


def _by_scope(rows: Sequence[Row]) -> Mapping[Scope, list[Row]]:
    sorted_out: dict[Scope, list[Row]] = {}
    for row in rows:
        sorted_out.setdefault(row.scope, []).append(row)
    return sorted_out


def _looked(subjects: Sequence[str], found: Sequence[Violation], *, limit: int) -> Looked:
    next_after = subjects[-1] if len(subjects) == limit else None
    return Looked(tuple(subjects), tuple(found), next_after)


def _walked(begun: Round, looked: Looked, *, at: datetime) -> Round:
    examined = begun.examined + len(looked.subjects)
    if looked.next_after is not None:
        return replace(begun, after=looked.next_after, examined=examined, began_at=begun.began_at or at)
    return replace(begun, after="", examined=0, began_at=None, last_whole_at=at, last_examined=examined)
