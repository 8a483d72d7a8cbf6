"""The verbs of money in suspense: list, show, place, give back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.audit.models import Actor
from app.audit.service import Audit
from app.database import Session
from app.kit.clock import Clock
from app.kit.errors import Kind, Problem
from app.kit.faultpoints import faultpoint
from app.kit.scope import Scope
from app.ledger.models import Posting
from app.outbox.models import NewItem, event, job
from app.payments.events import RETURN_SUSPENSE, suspense_facts
from app.payments.facts import Facts
from app.payments.models import SuspenseEntry, SuspenseFact, SuspenseState
from app.payments.postings import placement
from app.payments.problems import PaymentNotFound
from app.payments.store import PaymentStore
from app.payments.suspense_store import SuspenseStore
from app.web.paging import Slice, Window

_TRIES = 8


class SuspenseNotFound(Problem):
    """No such entry in this scope."""

    code = "suspense_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no money in suspense with this id."


class SuspenseNotOpen(Problem):
    """Nothing of it is left to decide about."""

    code = "suspense_not_open"
    kind = Kind.CONFLICT
    message = "This money has been placed already, or is on its way back to the customer."


class SuspenseBusy(Problem):
    """Too many changes met at one entry."""

    code = "suspense_busy"
    kind = Kind.UNAVAILABLE
    message = "This money in suspense is being changed by others; try again."


@dataclass(frozen=True, slots=True)
class SuspenseMoney:
    """Shows captured money that is no payment's, and carries out what an admin decides about it."""

    store: SuspenseStore
    payments: PaymentStore
    facts: Facts
    audit: Audit
    clock: Clock

    async def get_entry(self, scope: Scope, suspense_id: str) -> SuspenseEntry:
        """Return an entry. Raises SuspenseNotFound."""
        entry = await self.store.find_entry(scope, suspense_id)
        if entry is None:
            raise SuspenseNotFound
        return entry

    async def list_entries(self, scope: Scope, *, state: SuspenseState | None, window: Window) -> Slice[SuspenseEntry]:
        """Return one page of entries, newest first."""
        rows = await self.store.list_entries(scope, state=state, window=window)
        return Slice.cut(rows, window, id_of=lambda entry: entry.id)

    async def place_entry(
        self, scope: Scope, suspense_id: str, *, actor: Actor, reason: str, payment_id: str | None = None
    ) -> SuspenseEntry:
        """Give what is open of an entry to the merchant; no payment's status changes by it.

        Args:
            scope: whose money.
            suspense_id: the entry.
            actor: who decided; kept with the reason in the audit log.
            reason: why, in a human's words.
            payment_id: the payment that the money was meant for, when that is another than the one it came with.

        Raises:
            SuspenseNotFound, PaymentNotFound, SuspenseNotOpen, SuspenseBusy: nothing changed.
        """
        if payment_id is not None and await self.payments.find_payment(scope, payment_id) is None:
            raise PaymentNotFound(param="payment_id")
        for _ in range(_TRIES):
            before = await self._open(scope, suspense_id)
            placed = replace(
                self._with(before, "suspense.placed", SuspenseState.PLACED),
                amount_placed=before.amount_placed + before.rest,
                placed_payment_id=payment_id or before.held.payment_id,
            )
            posting = placement(before, payment_id=payment_id)
            told = event("suspense.placed", placed.id, sequence=placed.version, payload=suspense_facts(placed))
            if await self._save(scope, before, placed, postings=[posting], items=[told]):
                said = {"reason": reason, "amount": before.rest, "payment_id": placed.placed_payment_id}
                await self._record(scope, before, placed, actor=actor, action="suspense.placed", said=said)
                return placed
        raise SuspenseBusy(retry_after_seconds=1)

    async def return_entry(self, scope: Scope, suspense_id: str, *, actor: Actor, reason: str) -> SuspenseEntry:
        """Have what is open of an entry given back to the customer; the worker does it.

        Raises:
            SuspenseNotFound, SuspenseNotOpen, SuspenseBusy: nothing changed.
        """
        for _ in range(_TRIES):
            before = await self._open(scope, suspense_id)
            asked = self._with(before, "suspense.return_requested", SuspenseState.OPEN)
            work = job(RETURN_SUSPENSE, asked.id, payload=suspense_facts(asked), once=str(asked.version))
            if await self._save(scope, before, asked, items=[work]):
                said = {"reason": reason, "amount": before.rest}
                await self._record(scope, before, asked, actor=actor, action="suspense.return_requested", said=said)
                return asked
        raise SuspenseBusy(retry_after_seconds=1)

    async def _open(self, scope: Scope, suspense_id: str) -> SuspenseEntry:
        entry = await self.get_entry(scope, suspense_id)
        if entry.state is not SuspenseState.OPEN or not entry.rest:
            raise SuspenseNotOpen(details={"state": entry.state.value, "amount_open": entry.rest})
        return entry

    def _with(self, entry: SuspenseEntry, name: str, state: SuspenseState) -> SuspenseEntry:
        fact = SuspenseFact(at=self.clock.now(), event=name, state=state)
        return replace(entry, state=state, history=(*entry.history, fact), version=entry.version + 1)

    async def _save(
        self,
        scope: Scope,
        before: SuspenseEntry,
        after: SuspenseEntry,
        *,
        postings: Sequence[Posting] = (),
        items: Sequence[NewItem],
    ) -> bool:
        """Write the decision with what it causes, if nobody else changed the entry; tell whether it was written."""
        at = after.history[-1].at

        async def work(session: Session) -> bool:
            if not await self.store.save_decision(scope, before, after, session=session):
                return False
            await self.facts.write(scope, postings=postings, items=items, at=at, session=session)
            faultpoint("suspense.committing")
            return True

        faultpoint("suspense.deciding")
        decided = await self.store.database.transaction(work)
        faultpoint("suspense.decided")
        return decided

    async def _record(
        self,
        scope: Scope,
        before: SuspenseEntry,
        after: SuspenseEntry,
        *,
        actor: Actor,
        action: str,
        said: Mapping[str, Any],
    ) -> None:
        await self.audit.record(
            scope.tenant,
            actor=actor,
            action=action,
            target=after.id,
            before={"state": before.state.value, "amount_placed": before.amount_placed},
            after={"state": after.state.value, "amount_placed": after.amount_placed, **said},
        )
