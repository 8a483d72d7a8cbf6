"""Mistakes in taking payments and learning of them: each class is the product's with one decision made wrongly."""

import contextlib
from dataclasses import replace
from typing import Any

from app.gateways.port import AttemptStatus, GatewayOrder, OrderRequest
from app.idempotency.service import IdempotencyKeyReused
from app.inbox.models import EventState
from app.inbox.service import Inbox
from app.inbox.store import LeaseLost
from app.kit.errors import Problem
from app.payments.documents import mutable_part
from app.payments.intents import ClaimedPayment, InsertResult, IntentStore
from app.payments.models import OrderState, Payment, PaymentStatus, Source
from app.payments.outcomes import Outcomes, Recorded
from app.payments.schedule import FIRST_CHECK
from app.payments.service import Created, Payments
from app.payments.store import PaymentStore, one_payment
from app.payments.suspense_store import SuspenseStore
from app.payments.tasks import PaymentChecks
from tests.simulation.loop import pause
from tests.simulation.network import Account


class CallsFirst(Payments):
    """Asks the processor, and writes the intent afterwards."""

    async def create_payment(self, scope: Any, new: Any, *, key: str, fingerprint: str, render: Any) -> Created:
        known = await self.intents.find_by_key(scope, key=key)
        if known is None:
            gateway = await self.gateways.of(scope)
            payment = self._new_payment(scope, new, key_id=gateway.key_id)
            request = OrderRequest(payment.id, new.money, new.capture_method, {"payment_id": payment.id})
            with contextlib.suppress(Exception):
                await gateway.create_order(request)
        return await super().create_payment(scope, new, key=key, fingerprint=fingerprint, render=render)


class ForgetsReceipts(Account):
    """Sends a new receipt with each try, so that no look-up finds the order whose answer was lost."""

    async def create_order(self, request: OrderRequest) -> GatewayOrder:
        made = await super().create_order(replace(request, receipt=f"{request.receipt}/{self.calls}"))
        return replace(made, receipt=request.receipt)


class ChecksThenInserts(IntentStore):
    """Looks whether the key is known, and inserts when it is not; no unique index stands behind."""

    async def insert_payment(self, scope: Any, payment: Payment, *, claim: Any, next_check_at: Any) -> InsertResult:
        if await self.find_by_key(scope, key=claim.key) is not None:
            return InsertResult.KEY_TAKEN
        return await super().insert_payment(scope, payment, claim=claim, next_check_at=next_check_at)


class TakesKeysAtOnce(IntentStore):
    """Takes a key over from whoever works on it, without waiting for the end of the lease."""

    async def take_over_key(self, scope: Any, payment_id: str, *, new_owner: str) -> ClaimedPayment | None:
        await self._payments.update_one(one_payment(scope, payment_id), {"$set": {"idempotency.leased_at": None}})
        return await super().take_over_key(scope, payment_id, new_owner=new_owner)


class LooksBesideTheKey(Payments):
    """Looks for a missing order while a client's request may be doing so too."""

    async def resume_order(self, scope: Any, payment: Payment) -> Payment:
        order = await self._ask(scope, payment, await self.gateways.of(scope), is_new=False)
        ready, due = self._with_order(payment, order), self.clock.now() + FIRST_CHECK
        await self.intents.record_order(scope, ready, owner=None, response=None, next_check_at=due)
        return await self.get_payment(scope, payment.id)


class RendersAnew(Payments):
    """Answers a repeated key with the payment as it is now, not with the bytes of the first answer."""

    async def _continue(self, scope: Any, claimed: Any, gateway: Any, *, claim: Any, render: Any) -> Created:
        if claimed.payment.order_state is OrderState.READY and claimed.fingerprint == claim.fingerprint:
            return Created(render(claimed.payment), replayed=True)
        return await super()._continue(scope, claimed, gateway, claim=claim, render=render)


class BindsBeforeChecking(Payments):
    """Binds the key before the request is checked, so that a corrected request is refused."""

    async def create_payment(self, scope: Any, new: Any, *, key: str, fingerprint: str, render: Any) -> Created:
        bound = self.intents.database.tables.setdefault("bound keys", {})
        if bound.setdefault(key, fingerprint) != fingerprint:
            raise IdempotencyKeyReused
        return await super().create_payment(scope, new, key=key, fingerprint=fingerprint, render=render)


class TakesUnknownForNo(Payments):
    """Ends a payment whose order is unknown, as if the processor had refused it."""

    async def _ask(self, scope: Any, payment: Payment, gateway: Any, **more: Any) -> GatewayOrder:
        try:
            return await super()._ask(scope, payment, gateway, **more)
        except Problem as problem:
            if problem.code == "processor_outcome_unknown":
                at = self.clock.now()
                await self.intents.record_order_refused(scope, payment.id, reason="unknown", at=at)
            raise


class LastWriteWins(PaymentStore):
    """Writes what was merged over whatever somebody else has written meanwhile."""

    async def _compare_and_set(self, scope: Any, before: Payment, after: Payment, **more: Any) -> bool:
        changes = {"$set": mutable_part(after) | {"version": after.version}}
        await self._payments.update_one(one_payment(scope, before.id), changes, session=more["session"])
        return True


class LosesSurplus(SuspenseStore):
    """Notes surplus money at the payment, and opens no entry in suspense for it."""

    async def insert_entry(self, scope: Any, entry: Any, *, session: Any) -> bool:
        return True


class FailedIsFinal(Outcomes):
    """Believes that an attempt that failed stays failed."""

    async def record_evidence(self, scope: Any, snapshot: Any, **more: Any) -> Recorded:
        payment = await self._concerned(scope, snapshot, more.get("payment_id"))
        known = payment and payment.attempt(snapshot.id)
        if known and known.status is AttemptStatus.FAILED:
            snapshot = replace(snapshot, status=AttemptStatus.FAILED, captured=False)
        return await super().record_evidence(scope, snapshot, **more)


class DropsUnknownOrders(Outcomes):
    """Drops news of an order that is not stored, instead of asking whose it is."""

    async def trace_order(self, scope: Any, order_id: str) -> Payment | None:
        return None


class BelievesTheCallback(Outcomes):
    """Takes the browser's word for the amount and the state, and doesn't ask the processor."""

    async def verify_callback(self, scope: Any, payment_id: str, **brought: Any) -> Payment:
        payment = await self._payment(scope, payment_id)
        gateway = await self.gateways.of(scope)
        said = await gateway.get_payment(brought["gateway_payment_id"])
        taken = replace(said, status=AttemptStatus.CAPTURED, captured=True, amount=payment.money)
        recorded = await self.record_evidence(scope, taken, source=Source.CALLBACK)
        return recorded.payment or payment


class MarksFirst(Inbox):
    """Marks an event as applied, and applies it afterwards."""

    async def _apply(self, claimed: Any, event: Any) -> EventState:
        state = await self._finish(claimed, event, EventState.APPLIED, reason="marked")
        with contextlib.suppress(Problem, LeaseLost):
            await super()._apply(claimed, event)
        return state

    def _mark(self, claimed: Any, event: Any) -> Any:
        async def nothing(session: Any) -> None:
            await pause()

        return nothing


class StopsAtTrouble(PaymentChecks):
    """Lets a payment go whose check failed once."""

    async def check_next(self) -> bool:
        claimed = await self.store.claim_due_check(at=self.clock.now())
        if claimed is None:
            return False
        try:
            await self._check(claimed)
        except Problem:
            await self.store.schedule_check(claimed.scope, claimed.id, at=None)
            return True
        again = self.clock.now() + FIRST_CHECK
        is_open = claimed.status is not PaymentStatus.COMPLETED and claimed.checks < 40
        await self.store.schedule_check(
            claimed.scope, claimed.id, at=again if is_open else None, checks=claimed.checks + 1
        )
        return True
