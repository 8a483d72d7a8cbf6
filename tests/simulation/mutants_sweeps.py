"""Mistakes in walking through the processor's lists: a place forgotten, a page not applied, a lease not fenced."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from app.disputes.models import Source
from app.disputes.outcomes import Match
from app.gateways.port import Gateway, GatewayError
from app.kit.errors import Problem
from app.kit.scope import Scope
from app.payments.models import Source as PaymentSource
from app.recovery.models import EVERY, Sweep, Swept
from app.recovery.store import SWEEP_LEASE_SECONDS, SweepStore
from app.recovery.sweeps import Page, Sweeps
from app.refunds.models import Source as RefundSource


class ForgetsItsPlace(SweepStore):
    """Begins with the next day's walk after the first page of one, wherever that was."""

    async def save_sweep(self, scope: Scope, sweep: Sweep, **more: Any) -> bool:
        is_page = sweep.skip > 0
        changes = {"is_over": True, "next_at": sweep.until + EVERY} if is_page else {}
        return await super().save_sweep(scope, sweep, **{**more, **changes})


class ReadsOnlyWhatIsNew(SweepStore):
    """Begins each walk where the one before ended, as if the list showed everything at once."""

    async def claim_due_sweep(self, *, at: datetime) -> Sweep | None:
        sweep = await super().claim_due_sweep(at=at)
        if sweep is None or sweep.until != at or sweep.skip:
            return sweep
        row = await self._sweeps.find_one({"tenant": sweep.scope.tenant, "swept": sweep.swept.value})
        last = (row or {}).get("last")
        return sweep if last is None else replace(sweep, since=last["until"])


class LeasesWithoutFence(SweepStore):
    """Writes how far a walk is, whoever has it by now."""

    async def save_sweep(self, scope: Scope, sweep: Sweep, **more: Any) -> bool:
        identity = {"tenant": scope.tenant, "mode": scope.mode.value, "swept": sweep.swept.value}
        row = await self._sweeps.find_one(identity) or {}
        held = row["next_at"] - timedelta(seconds=SWEEP_LEASE_SECONDS)
        return await super().save_sweep(scope, sweep, **{**more, "leased_at": held})


class LeavesDisputesOut(SweepStore):
    """Enrolls an account for every list but that of disputes."""

    async def enroll_sweep(self, scope: Scope, *, swept: Swept, at: datetime) -> None:
        if swept is not Swept.DISPUTES:
            await super().enroll_sweep(scope, swept=swept, at=at)


class CountsBeforeApplying(Sweeps):
    """Counts a page as read while what it says is still being applied."""

    async def _refunds(self, sweep: Sweep, gateway: Gateway) -> Page:
        listed = await gateway.list_refunds(since=sweep.since, until=sweep.until, skip=sweep.skip)
        for snapshot in listed.items:
            applying = self.refunds.record_refund(sweep.scope, snapshot, source=RefundSource.LIST)
            asyncio.get_running_loop().create_task(applying)
        return Page(len(listed.items), 0, listed.next_skip, listed.is_last)


class BelievesTheList(Sweeps):
    """Takes what a list says for how a dispute is now."""

    async def _disputes(self, sweep: Sweep, gateway: Gateway) -> Page:
        listed = await gateway.list_disputes(skip=sweep.skip)
        found = 0
        for snapshot in listed.items:
            recorded = await self.disputes.record_dispute(sweep.scope, snapshot, source=Source.POLL)
            found += recorded.match is Match.APPLIED
        return Page(len(listed.items), found, listed.next_skip, listed.is_last)


class LeavesOrphans(Sweeps):
    """Passes over money of an order that it doesn't know, instead of asking whose it is."""

    async def _learn(self, scope: Scope, snapshot: Any) -> bool:
        await self.payments.record_evidence(scope, snapshot, source=PaymentSource.SWEEP)
        return False


class TakesTroubleForTheEnd(Sweeps):
    """Ends a walk at a page that could not be read."""

    async def _page(self, sweep: Sweep) -> Page:
        try:
            return await super()._page(sweep)
        except (GatewayError, Problem):
            return Page(0, 0, sweep.skip, is_last=True)
