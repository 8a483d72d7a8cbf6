"""The worker's part: finds half hours with something new in them, and counts them anew from the payments themselves.

Counting writes what is there, so it may be stopped anywhere, repeated, and done by any worker. Nothing is added up in
a payment's own transaction, which would make all payments of a merchant wait for one row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from app.analytics.models import EMPTY, SLOT, Share, Slot, Sums
from app.analytics.store import AnalyticsStore
from app.kit.clock import Clock
from app.kit.ids import Prefix, first_id
from app.payments.counting import Births, Counted, FailedAttempts, PaymentCountStore
from app.payments.models import PaymentStatus
from app.refunds.counting import RefundCountStore

_SLICE = 2000
_AGAIN = timedelta(seconds=5)
_LATE = timedelta(minutes=2)
"""An id sorts by its birth, but is seen once its transaction is through: so the newest are looked at again."""

_PAID = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.COMPLETED})


class _Births(Protocol):
    async def measure_births(self, *, after: str, limit: int, span_minutes: int) -> Births: ...


@dataclass(slots=True)
class Counting:
    """Keeps the half hours as the payments are."""

    store: AnalyticsStore
    payments: PaymentCountStore
    refunds: RefundCountStore
    clock: Clock
    _walk_at: float = field(default=0.0, repr=False)

    async def count_next(self) -> bool:
        """Look for what is new if it is time, then count one half hour; tell whether there was anything to do."""
        found = await self._find_new()
        now = self.clock.now()
        slot = await self.store.claim_due_slot(at=now)
        if slot is None:
            return found
        counted = await self._count(slot, at=now)
        await self.store.save_slot(slot.scope, counted, next_at=counted.next_look(now))
        return True

    async def _find_new(self) -> bool:
        """Walk on through payments and refunds; tell whether there is more at once."""
        if self.clock.monotonic() < self._walk_at:
            return False
        walks: Mapping[Prefix, _Births] = {Prefix.PAYMENT: self.payments, Prefix.REFUND: self.refunds}
        is_whole = [await self._walk(prefix, source) for prefix, source in walks.items()]
        if any(is_whole):
            return True
        self._walk_at = self.clock.monotonic() + _AGAIN.total_seconds()
        return False

    async def _walk(self, prefix: Prefix, source: _Births) -> bool:
        now = self.clock.now()
        after = await self.store.claim_walk(prefix.value, at=now)
        if after is None:
            return False
        births = await source.measure_births(after=after, limit=_SLICE, span_minutes=int(SLOT.total_seconds()) // 60)
        await self.store.claim_spans(births.spans, at=now)
        is_full = births.looked_at == _SLICE
        reached = births.last or after
        await self.store.claim_end_of_walk(
            prefix.value,
            after=min(reached, first_id(prefix, now - _LATE)),
            next_at=now if is_full else now + _AGAIN,
        )
        return is_full and reached < first_id(prefix, now - _LATE)

    async def _count(self, slot: Slot, *, at: datetime) -> Slot:
        span = {"since": slot.begins_at, "before": slot.ends_at}
        counted, failures = await self.payments.count_span(slot.scope, **span)
        sums: dict[str, Sums] = {}
        for row in counted:
            sums[row.currency] = sums.get(row.currency, EMPTY) + _of_payments(row)
        for failed in failures:
            sums[failed.currency] = sums.get(failed.currency, EMPTY) + _of_failures(failed)
        for currency, count, amount in await self.refunds.count_span(slot.scope, **span):
            sums[currency] = sums.get(currency, EMPTY) + Sums(refunded=Share(count, amount))
        return Slot(scope=slot.scope, begins_at=slot.begins_at, sums=sums, counted_at=at)


def _of_payments(row: Counted) -> Sums:
    share = Share(row.count, row.amount)
    is_paid = row.status in _PAID
    return Sums(
        created=share,
        succeeded=share if is_paid else Share(),
        open=row.count if row.status is PaymentStatus.PENDING else 0,
        methods={row.method or "unknown": share} if is_paid else {},
    )


def _of_failures(row: FailedAttempts) -> Sums:
    return Sums(failures={row.reason: row.count})
