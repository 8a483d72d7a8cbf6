"""Walks through the processor's lists, for money that neither an event nor a check has told us about (D8).

One piece of work is one page: it is read, applied through the same doors as every other news, and written down. So a
walk can stop anywhere and be taken up by any worker, and what it finds a second time changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from app.disputes.models import Source as DisputeSource
from app.disputes.outcomes import DisputeOutcomes
from app.disputes.outcomes import Match as DisputeMatch
from app.gateways.port import AttemptStatus, Gateway, GatewayError, GatewayPayment, Gateways
from app.kit.cache import TtlCache
from app.kit.clock import Clock
from app.kit.errors import Problem
from app.kit.scope import Mode, Scope
from app.payments.asking import problem_of
from app.payments.models import Source
from app.payments.outcomes import Match, Outcomes
from app.recovery.models import EVERY, LOOKBACK, Sweep, Swept
from app.recovery.store import SweepStore
from app.refunds.models import Source as RefundSource
from app.refunds.outcomes import Match as RefundMatch
from app.refunds.outcomes import RefundOutcomes
from app.settlements.outcomes import Match as SettlementMatch
from app.settlements.outcomes import SettlementOutcomes
from app.tenants.service import Merchants

FOREIGN_SECONDS = 24 * 3600.0
_TROUBLE = timedelta(minutes=10)
_MERCHANTS_AT_ONCE = 100
_WITH_MONEY = frozenset({AttemptStatus.AUTHORIZED, AttemptStatus.CAPTURED, AttemptStatus.REFUNDED})

OnSweep = Callable[[Swept, int, str], None]
"""Called after each page with the list, how many of its rows told something new, and how it ended."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page came to."""

    read: int
    found: int
    next_skip: int
    is_last: bool


@dataclass(frozen=True, slots=True)
class Sweeps:
    """Reads the lists of every account once a day."""

    store: SweepStore
    merchants: Merchants
    payments: Outcomes
    refunds: RefundOutcomes
    disputes: DisputeOutcomes
    settlements: SettlementOutcomes
    gateways: Gateways
    clock: Clock
    foreign: TtlCache[tuple[str, Mode, str], bool]
    on_sweep: OnSweep

    async def enroll(self) -> int:
        """See that every account of every merchant is swept; return how many accounts there are."""
        after, accounts = "", 0
        while scopes := await self.merchants.measure_accounts(after=after, limit=_MERCHANTS_AT_ONCE):
            for scope in scopes:
                for swept in Swept:
                    await self.store.enroll_sweep(scope, swept=swept, at=self.clock.now())
            after, accounts = scopes[-1].tenant, accounts + len(scopes)
        return accounts

    async def rewind(self, *, known_until: datetime) -> int:
        """Let every list be read from before the moment on until which everything is known here, as after a restore.

        Returns how many lists there are.
        """
        await self.enroll()
        return await self.store.claim_rewind(since=known_until - LOOKBACK, at=self.clock.now())

    async def sweep_next(self) -> bool:
        """Read one page of the walk that has been due longest; tell whether there was one."""
        at = self.clock.now()
        sweep = await self.store.claim_due_sweep(at=at)
        if sweep is None:
            return False
        try:
            page = await self._page(sweep)
        except (GatewayError, Problem) as error:
            problem = error if isinstance(error, Problem) else problem_of(error)
            self.on_sweep(sweep.swept, 0, problem.code)
            await self.store.save_sweep(sweep.scope, sweep, is_over=False, next_at=at + _TROUBLE, leased_at=at)
            return True
        walked = replace(sweep, skip=page.next_skip, read=sweep.read + page.read, found=sweep.found + page.found)
        next_at = sweep.until + EVERY if page.is_last else self.clock.now()
        await self.store.save_sweep(sweep.scope, walked, is_over=page.is_last, next_at=next_at, leased_at=at)
        self.on_sweep(sweep.swept, page.found, "read")
        return True

    async def _page(self, sweep: Sweep) -> Page:
        gateway = await self.gateways.of(sweep.scope)
        match sweep.swept:
            case Swept.PAYMENTS:
                return await self._payments(sweep, gateway)
            case Swept.REFUNDS:
                return await self._refunds(sweep, gateway)
            case Swept.DISPUTES:
                return await self._disputes(sweep, gateway)
            case Swept.SETTLEMENTS:
                return await self._settlements(sweep, gateway)
            case _:
                assert_never(sweep.swept)

    async def _payments(self, sweep: Sweep, gateway: Gateway) -> Page:
        listed = await gateway.list_payments(since=sweep.since, until=sweep.until, skip=sweep.skip)
        found = 0
        for snapshot in listed.items:
            found += await self._learn(sweep.scope, snapshot)
        return Page(len(listed.items), found, listed.next_skip, listed.is_last)

    async def _refunds(self, sweep: Sweep, gateway: Gateway) -> Page:
        listed = await gateway.list_refunds(since=sweep.since, until=sweep.until, skip=sweep.skip)
        found = 0
        for snapshot in listed.items:
            recorded = await self.refunds.record_refund(sweep.scope, snapshot, source=RefundSource.LIST)
            found += recorded.match is RefundMatch.APPLIED
        return Page(len(listed.items), found, listed.next_skip, listed.is_last)

    async def _disputes(self, sweep: Sweep, gateway: Gateway) -> Page:
        listed = await gateway.list_disputes(skip=sweep.skip)
        found = 0
        for snapshot in listed.items:
            # A list trails by minutes, so it is no word of the present.
            recorded = await self.disputes.record_dispute(sweep.scope, snapshot, source=DisputeSource.LIST)
            found += recorded.match is DisputeMatch.APPLIED
        return Page(len(listed.items), found, listed.next_skip, listed.is_last)

    async def _settlements(self, sweep: Sweep, gateway: Gateway) -> Page:
        if not await self.merchants.owns_account(sweep.scope):
            return Page(0, 0, 0, is_last=True)
        listed = await gateway.list_settlements(since=sweep.since, until=sweep.until, skip=sweep.skip)
        found = 0
        for snapshot in listed.items:
            recorded = await self.settlements.record_settlement(sweep.scope, snapshot, is_present=True)
            found += recorded.match is SettlementMatch.APPLIED
        return Page(len(listed.items), found, listed.next_skip, listed.is_last)

    async def _learn(self, scope: Scope, snapshot: GatewayPayment) -> bool:
        """Apply what the list says of a payment; trace the order of money that we can't place (A4)."""
        recorded = await self.payments.record_evidence(scope, snapshot, source=Source.SWEEP)
        order_id = snapshot.order_id
        if recorded.match is not Match.UNMATCHED or order_id is None or snapshot.status not in _WITH_MONEY:
            return recorded.match is Match.APPLIED
        key = (scope.tenant, scope.mode, order_id)
        if self.foreign.get(key):
            return False
        payment = await self.payments.trace_order(scope, order_id)
        if payment is None:
            # Somebody else uses the account too: asked once a day and not at every page (B19, I15).
            self.foreign.put(key, value=True)
            return False
        placed = await self.payments.record_evidence(scope, snapshot, source=Source.SWEEP, payment_id=payment.id)
        return placed.match is Match.APPLIED
