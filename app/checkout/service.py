"""The verbs of the hosted checkout: find the payment of an address, go to the processor, come back, look again."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from app.checkout.screens import PAYABLE, Screen, screen_of
from app.gateways.hosted import HostedCheckout, HostedForm, HostedRequest
from app.kit.cache import TtlCache
from app.kit.clock import Clock, to_rfc3339
from app.kit.errors import Problem
from app.payments.models import Payment, PaymentStatus
from app.payments.outcomes import Outcomes
from app.payments.problems import CallbackInvalid
from app.payments.service import Payments
from app.refunds.models import Refund
from app.refunds.service import Refunds
from app.tenants.returns import Returns
from app.tenants.service import Merchants
from app.web.paging import Window

CHECK_SECONDS = 5.0
_OPEN = frozenset({PaymentStatus.PENDING, PaymentStatus.FAILED})
_log = structlog.get_logger("app.checkout")


@dataclass(frozen=True, slots=True)
class Checkout:
    """Serves one payment's page to whoever has its address. `asked` remembers whom the processor was asked about."""

    payments: Payments
    outcomes: Outcomes
    refunds: Refunds
    merchants: Merchants
    returns: Returns
    hosted: HostedCheckout
    clock: Clock
    asked: TtlCache[str, bool]

    async def get_payment(self, token: str) -> Payment:
        """Return the payment of an address. Raises PaymentNotFound, also for an address that we did not make."""
        return await self.payments.get_addressed(token)

    async def name_of(self, payment: Payment) -> str:
        """Return the merchant's name."""
        return (await self.merchants.get_merchant(payment.scope.tenant)).name

    def screen(self, payment: Payment, *, came_back: bool = False) -> Screen:
        """Return what to show of a payment."""
        return screen_of(payment, now=self.clock.now(), came_back=came_back)

    async def form_to_processor(self, payment: Payment) -> HostedForm | None:
        """Return the form that brings the customer to the processor, or None when there is nothing to pay."""
        if self.screen(payment) not in PAYABLE or payment.order_id is None or payment.key_id is None:
            return None
        here = self.payments.addresses.url_of(payment.id)
        return self.hosted.form_of(
            HostedRequest(
                key_id=payment.key_id,
                order_id=payment.order_id,
                amount=payment.money,
                merchant=await self.name_of(payment),
                description=payment.description or "",
                return_url=f"{here}/return",
                leave_url=f"{here}/back",
            )
        )

    async def record_return(self, payment: Payment, fields: Mapping[str, str]) -> bool:
        """Learn from what a browser brought from the processor; tell whether the outcome is known.

        A genuine signature counts as the processor's word. Anything else is only a reason to ask the processor.
        """
        try:
            await self.outcomes.verify_callback(
                payment.scope,
                payment.id,
                order_id=fields.get("razorpay_order_id", ""),
                gateway_payment_id=fields.get("razorpay_payment_id", ""),
                signature=fields.get("razorpay_signature", ""),
            )
        except CallbackInvalid:
            if "razorpay_signature" in fields:
                _log.warning("forged_return", payment=payment.id)
            return await self._ask(payment)
        except Problem as problem:
            _log.info("return_not_settled", payment=payment.id, code=problem.code)
            return False
        return True

    async def watch(self, token: str, *, came_back: bool) -> Screen:
        """Return what to show now; asks the processor now and then for a customer who waits for the outcome."""
        payment = await self.get_payment(token)
        screen = self.screen(payment, came_back=came_back)
        if screen is Screen.CHECKING and payment.status in _OPEN and await self._ask(payment):
            payment = await self.get_payment(token)
            # The processor has answered, so that the customer came back is no reason to wait any more.
            return self.screen(payment)
        return screen

    async def way_back(self, payment: Payment) -> str | None:
        """Return where the merchant wants the customer to go, with the signed result; None when there is no place."""
        url = payment.return_url
        if url is None or not await self.returns.is_registered(payment.scope, url):
            return None
        facts = {
            "payment_id": payment.id,
            "status": payment.shown_status.value,
            "reference": payment.reference or "",
            "at": to_rfc3339(self.clock.now()),
        }
        return await self.returns.signed_url(payment.scope, url, facts)

    async def list_refunds(self, payment: Payment) -> list[Refund]:
        """Return the refunds of a payment, the newest first."""
        found = await self.refunds.list_payment_refunds(payment.scope, payment.id, window=Window(limit=100))
        return list(found.rows)

    async def _ask(self, payment: Payment) -> bool:
        """Ask the processor about a payment, not more than every few seconds; tell whether it answered."""
        if self.asked.get(payment.id):
            return False
        self.asked.put(payment.id, True)
        try:
            await self.outcomes.check_payment(payment.scope, payment.id)
        except Problem as problem:
            _log.info("outcome_not_known_yet", payment=payment.id, code=problem.code)
            return False
        return True
