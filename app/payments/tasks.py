"""The worker's part of payments: look at those whose check is due (D8)."""

from collections.abc import Callable
from dataclasses import dataclass

from app.kit.clock import Clock
from app.kit.errors import Problem
from app.payments.models import OrderState, Payment, PaymentStatus, Source
from app.payments.outcomes import Outcomes
from app.payments.schedule import next_check, retry_of_unreachable
from app.payments.service import Payments
from app.payments.store import PaymentStore

OnCheck = Callable[[str], None]
"""Called with how a check ended: `checked`, or the code of the problem."""


@dataclass(frozen=True, slots=True)
class PaymentChecks:
    """Asks the processor about payments nobody told us about."""

    store: PaymentStore
    payments: Payments
    outcomes: Outcomes
    clock: Clock
    on_check: OnCheck

    async def check_next(self) -> bool:
        """Check the payment that has been due longest; tell whether there was one."""
        at = self.clock.now()
        claimed = await self.store.claim_due_check(at=at)
        if claimed is None:
            return False
        scope = claimed.scope
        try:
            payment = await self._check(claimed)
        except Problem as problem:
            # Whatever the reason, it is looked at again; a refused order has unset its own schedule.
            if problem.code != "payment_refused":
                again = retry_of_unreachable(claimed, now=self.clock.now())
                await self.store.schedule_check(scope, claimed.id, at=again, checks=claimed.checks + 1)
            self.on_check(problem.code)
            return True
        due = next_check(payment, now=self.clock.now())
        # A check that somebody brought forward meanwhile stays where they put it.
        await self.store.schedule_check(scope, payment.id, at=due, checks=claimed.checks + 1, leased_at=at)
        self.on_check("checked")
        return True

    async def _check(self, claimed: Payment) -> Payment:
        payment = claimed
        if payment.order_state is not OrderState.READY:
            if payment.status is PaymentStatus.CANCELLED:
                return payment
            payment = await self.payments.resume_order(claimed.scope, claimed)
        return await self.outcomes.check_payment(claimed.scope, payment.id, source=Source.POLL)
