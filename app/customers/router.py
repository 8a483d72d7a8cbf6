"""Customers over HTTP: translate, call one verb, translate back. No address or number stands in a path or a query."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.audit.service import Actor
from app.auth.models import Permission
from app.customers.erasing import Erasing
from app.customers.models import Customer
from app.customers.schemas import (
    CustomerPaymentsQuery,
    CustomerQuery,
    CustomerRead,
    CustomerSearch,
    CustomersFound,
    ErasureRead,
)
from app.customers.service import Customers
from app.kit.clock import Clock
from app.kit.scope import Scope
from app.payments.addresses import CheckoutAddresses
from app.payments.models import Payment
from app.payments.schemas import PaymentRead
from app.web.envelope import Page, Success, ok
from app.web.principal import Principal, current_principal
from app.web.route import Route

router = APIRouter(tags=["Customers"], route_class=Route)


@dataclass(frozen=True, slots=True)
class Desk:
    """Who asks, and the service that answers."""

    principal: Principal
    customers: Customers
    erasing: Erasing
    clock: Clock
    addresses: CheckoutAddresses

    @property
    def scope(self) -> Scope:
        """Return whose customers they are."""
        return self.principal.scope

    @property
    def actor(self) -> Actor:
        """Return who did it, for the audit log."""
        return Actor(kind=self.principal.subject_kind.value, id=self.principal.subject_id)

    def show(self, customer: Customer) -> CustomerRead:
        """Return a customer as whoever asks may see them."""
        is_open = Permission.CUSTOMERS_READ in self.principal.permissions
        return CustomerRead.of(customer, self.customers.payer_of(customer), is_open=is_open)

    def show_payment(self, payment: Payment) -> PaymentRead:
        """Return a payment as the API shows it."""
        return PaymentRead.of(payment, self.addresses)


def _desk(request: Request) -> Desk:
    state = request.app.state
    who = current_principal(request)
    return Desk(who, state.customers, state.erasing, state.clock, state.payments.addresses)


@router.get("/customers", summary="List customers")
async def customers_list(query: Annotated[CustomerQuery, Query()], request: Request) -> Success[Page[CustomerRead]]:
    """Return who paid, by cursor, whoever paid last first. Without `customers:read` they are masked."""
    desk = _desk(request)
    found = await desk.customers.list_customers(desk.scope, window=query.window())
    return ok(found.read(desk.show), "Customers.", now=desk.clock.now())


# The answer to a search is personal data, so none is kept for an Idempotency-Key.
@router.post("/customers/search", openapi_extra={"x-idempotency": "none"}, summary="Find customers")
async def customers_search(body: CustomerSearch, request: Request) -> Success[CustomersFound]:
    """Return the customers who paid with exactly this address or number."""
    desk = _desk(request)
    found = await desk.customers.list_known_by(desk.scope, body.to_payer())
    return ok(CustomersFound.of([desk.show(one) for one in found]), "Customers found.", now=desk.clock.now())


@router.get("/customers/{customer_id}", summary="Fetch a customer")
async def customers_get(customer_id: str, request: Request) -> Success[CustomerRead]:
    """Return a customer with what they paid."""
    desk = _desk(request)
    customer = await desk.customers.get_customer(desk.scope, customer_id)
    return ok(desk.show(customer), "Customer.", now=desk.clock.now())


@router.get("/customers/{customer_id}/payments", summary="List a customer's payments")
async def customers_payments_list(
    customer_id: str, query: Annotated[CustomerPaymentsQuery, Query()], request: Request
) -> Success[Page[PaymentRead]]:
    """Return the completed payments of a customer, newest first, by cursor."""
    desk = _desk(request)
    found = await desk.customers.list_payments(desk.scope, customer_id, window=query.window())
    return ok(found.read(desk.show_payment), "Payments.", now=desk.clock.now())


@router.post("/customers/{customer_id}/erasure", status_code=202, summary="Erase a customer")
async def customers_erase(customer_id: str, request: Request) -> Success[ErasureRead]:
    """Take everything personal of a customer out, for good; payments, refunds and the books stay. Ask again at will."""
    desk = _desk(request)
    erasure = await desk.erasing.erase_customer(desk.scope, customer_id, actor=desk.actor)
    return ok(ErasureRead.of(erasure), "The customer is being erased.", now=desk.clock.now())


@router.get("/customers/{customer_id}/erasure", summary="See how far an erasure is")
async def customers_erasure_get(customer_id: str, request: Request) -> Success[ErasureRead]:
    """Return how far the erasure of a customer is."""
    desk = _desk(request)
    erasure = await desk.erasing.get_erasure(desk.scope, customer_id)
    return ok(ErasureRead.of(erasure), "Erasure.", now=desk.clock.now())
