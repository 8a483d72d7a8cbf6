"""Gathers customers: a completed payment, and each change of what it gave back, is counted for whoever paid it.

Counting reads the payment as it stands and puts that in the place of what it added before, so it may be repeated, done
by two at once, and done over everything again.
"""

from dataclasses import dataclass

from app.customers.keys import CustomerKeys, Names
from app.customers.models import Customer, Purchase, Turnover
from app.customers.store import CustomerStore
from app.gateways.payer import Payer
from app.kit.ids import Ids, Prefix
from app.kit.scope import Scope
from app.payments.models import Payment, PaymentStatus
from app.payments.payers import Payers
from app.payments.store import PaymentStore

_SLICE = 500


@dataclass(frozen=True, slots=True)
class Gathering:
    """Keeps customers as their payments are."""

    store: CustomerStore
    payments: PaymentStore
    payers: Payers
    keys: CustomerKeys
    ids: Ids

    async def gather_payment(self, scope: Scope, payment_id: str) -> bool:
        """Count a payment for its customer; tell whether that changed anything. Raises PyMongoError: do it again."""
        payment = await self.payments.find_payment(scope, payment_id)
        return payment is not None and await self._count(scope, payment)

    async def gather_everything(self) -> int:
        """Count every payment of every merchant; return how many changed something. It may be stopped and begun anew.

        What was made with a former secret is made with the present one.
        """
        changed, after = 0, ""
        while rows := await self.payments.measure_slice(after=after, limit=_SLICE):
            after = rows[-1].id
            changed += sum([await self._count(payment.scope, payment) for payment in rows])
        return changed

    async def _count(self, scope: Scope, payment: Payment) -> bool:
        purchase = purchase_of(payment)
        payer = Payer() if payment.payer is None else self.payers.open(scope, payment.payer)
        names = self.keys.names_of(scope, payer)
        if purchase is None or not names.own:
            return False

        def change(customer: Customer | None, before: Purchase | None) -> tuple[Customer, Purchase] | None:
            is_new = before is None or before.version < purchase.version
            if customer is not None and not is_new and names.own[0] == customer.identity:
                return None
            now = purchase if before is None or is_new else before
            known = customer or self._fresh(scope, payer, names, now)
            return self._named(known, payer, names, now).counted(before, now), now

        return await self.store.change_customer(
            scope, payment.id, own_keys=names.own, made_at=payment.created_at, change=change
        )

    def _fresh(self, scope: Scope, payer: Payer, names: Names, now: Purchase) -> Customer:
        return Customer(
            id=self.ids.new(Prefix.CUSTOMER),
            scope=scope,
            identity=names.own[0],
            keys=names.present,
            payer=self.payers.seal(scope, payer),
            named_at=now.paid_at,
            first_paid_at=now.paid_at,
            last_paid_at=now.paid_at,
        )

    def _named(self, customer: Customer, payer: Payer, names: Names, now: Purchase) -> Customer:
        """Return the customer under the name that they paid with last; whoever gave no address keeps the one before."""
        known = self.payers.open(customer.scope, customer.payer)
        is_later = (now.paid_at, payer.email or "") > (customer.named_at, known.email or "")
        takes = known.email is None or (payer.email is not None and is_later)
        newest, named_at = (payer, now.paid_at) if takes else (known, customer.named_at)
        is_known = newest == known and customer.identity == names.own[0]
        if is_known and set(names.present) <= set(customer.keys):
            return customer
        return customer.found_by(names.present).named(
            identity=names.own[0],
            keys=self.keys.names_of(customer.scope, newest).present,
            payer=self.payers.seal(customer.scope, newest),
            at=named_at,
        )


def purchase_of(payment: Payment) -> Purchase | None:
    """Return what a payment adds to its customer; None as long as it is not completed."""
    primary = payment.primary
    if payment.status is not PaymentStatus.COMPLETED or primary is None:
        return None
    return Purchase(
        payment_id=payment.id,
        version=payment.version,
        currency=payment.money.currency,
        turnover=Turnover(1, payment.amount_captured, payment.amount_refunded),
        paid_at=primary.created_at,
    )
