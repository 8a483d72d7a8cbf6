"""The verbs of customers: list, find by an exact address or number, show, and what one paid."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.customers.keys import CustomerKeys
from app.customers.models import Customer
from app.customers.places import cursor_of
from app.customers.problems import CustomerNotFound
from app.customers.store import CustomerStore
from app.gateways.payer import Payer
from app.kit.clock import Clock
from app.kit.scope import Scope
from app.payments.models import Payment
from app.payments.payers import Payers
from app.payments.store import PaymentStore
from app.web.paging import Slice, Window

MOST_FOUND = 20


@dataclass(frozen=True, slots=True)
class Customers:
    """Shows who paid."""

    store: CustomerStore
    payments: PaymentStore
    payers: Payers
    keys: CustomerKeys
    clock: Clock

    async def get_customer(self, scope: Scope, customer_id: str) -> Customer:
        """Return a customer. Raises CustomerNotFound."""
        customer = await self.store.find_customer(scope, customer_id)
        if customer is None:
            raise CustomerNotFound
        return customer

    async def find_of_payment(self, scope: Scope, payment_id: str) -> Customer | None:
        """Return who paid a payment, once it is completed and counted."""
        return await self.store.find_of_payment(scope, payment_id)

    async def list_customers(self, scope: Scope, *, window: Window) -> Slice[Customer]:
        """Return one page of customers, who paid last first."""
        rows = await self.store.list_customers(scope, window=window)
        return Slice.cut(rows, window, id_of=cursor_of)

    async def list_known_by(self, scope: Scope, payer: Payer) -> Sequence[Customer]:
        """Return the customers who paid with exactly this address or number in its one spelling, at most MOST_FOUND."""
        names = self.keys.names_of(scope, payer)
        return await self.store.list_known_by(scope, names.all, limit=MOST_FOUND) if names.all else ()

    async def list_payments(self, scope: Scope, customer_id: str, *, window: Window) -> Slice[Payment]:
        """Return one page of a customer's payments, newest first. Raises CustomerNotFound."""
        await self.get_customer(scope, customer_id)
        ids = await self.store.list_payment_ids(scope, customer_id, window=window)
        page = Slice.cut(ids, window, id_of=lambda payment_id: payment_id)
        found = await self.payments.list_by_ids(scope, page.rows)
        return Slice(rows=found, has_more=page.has_more, next_cursor=page.next_cursor)

    def payer_of(self, customer: Customer) -> Payer:
        """Return a customer's newest address and number; neither when they were sealed with a key that is gone."""
        return self.payers.open(customer.scope, customer.payer)
