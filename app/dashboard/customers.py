"""Customers: who paid, found by their whole address or number, with what they paid.

What is searched for is sent in a form and never stands in an address, where histories and logs would keep it.
"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.auth.models import Permission
from app.customers.models import Customer
from app.customers.places import cursor_of, is_cursor
from app.customers.problems import CustomerInDispute
from app.customers.schemas import masked
from app.dashboard.confirming import Question, ask
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.listing import pager_of, window_by, window_of
from app.dashboard.route import DashboardRoute
from app.gateways.payer import Payer
from app.kit.contacts import EMAIL_LENGTH
from app.kit.ids import Prefix
from app.pages.render import see_other
from app.payments.payers import plain_payer

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/customers")


@router.get("")
async def dashboard_customers(request: Request) -> Response:
    """Show customers, who paid last first."""
    desk, window = desk_of(request), window_by(request, is_cursor)
    found = await desk.door.customers.list_customers(desk.scope, window=window)
    pager = pager_of(request, window, found, id_of=cursor_of)
    return await _list(desk, [shown(desk, customer) for customer in found.rows], pager=pager)


@router.post("/search")
async def dashboard_customers_search(request: Request) -> Response:
    """Find who paid with an address or number; one who is found is shown at once."""
    desk = desk_of(request)
    sought = desk.form.get("sought", "").strip()
    payer = plain_payer(email=sought) if "@" in sought else plain_payer(phone=sought)
    if not payer or len(sought) > EMAIL_LENGTH:
        said = "Write a whole e-mail address, or a whole telephone number such as +91 98123 45670."
        return await _list(desk, [], sought=sought, error=said, status=422)
    found = await desk.door.customers.list_known_by(desk.scope, payer)
    if len(found) == 1:
        return see_other(_page(found[0].id))
    return await _list(desk, [shown(desk, customer) for customer in found], sought=sought)


@router.get("/{customer_id}")
async def dashboard_customer(customer_id: str, request: Request) -> Response:
    """Show a customer and their payments."""
    desk, window = desk_of(request), window_of(request, Prefix.PAYMENT)
    customer = await desk.door.customers.get_customer(desk.scope, customer_id)
    found = await desk.door.customers.list_payments(desk.scope, customer.id, window=window)
    return await desk.show(
        "customer.html",
        customer=customer,
        payer=shown(desk, customer)[1],
        is_open=desk.may(Permission.CUSTOMERS_READ),
        payments=found.rows,
        pager=pager_of(request, window, found, id_of=lambda payment: payment.id),
    )


@router.get("/{customer_id}/erase")
async def dashboard_customer_erase_page(customer_id: str, request: Request) -> Response:
    """Ask whether to erase somebody."""
    desk = desk_of(request)
    customer = await desk.door.customers.get_customer(desk.scope, customer_id)
    payer = shown(desk, customer)[1]
    question = Question(
        title="Erase this customer?",
        says=[
            "Their address, number and name are taken out of everything that is kept here. This can't be taken back.",
            "Payments, refunds and the ledger stay as they are; nothing says any more whose they were.",
            "What you wrote yourself into references, descriptions and metadata stays too.",
            "The processor keeps its own records, and older backups keep theirs until they are removed.",
        ],
        button="Erase the customer",
        back=_page(customer.id),
        tone="danger",
        facts=[("Customer", payer.email or payer.phone or customer.id), ("Payments", customer.payments)],
    )
    return await ask(desk, question)


@router.post("/{customer_id}/erase")
async def dashboard_customer_erase(customer_id: str, request: Request) -> Response:
    """Erase somebody; where they stood there is nobody afterwards, so the list is shown."""
    desk = desk_of(request)
    try:
        await desk.door.erasing.erase_customer(desk.scope, customer_id, actor=desk.actor)
    except CustomerInDispute as problem:
        return desk.refused(_page(customer_id), problem)
    return desk.done(f"{HOME}/customers", "customer_erased")


def shown(desk: Desk, customer: Customer) -> tuple[Customer, Payer]:
    """Return a customer with as much of their address and number as this person may see."""
    payer = desk.door.customers.payer_of(customer)
    return customer, payer if desk.may(Permission.CUSTOMERS_READ) else masked(payer)


async def _list(
    desk: Desk,
    customers: list[tuple[Customer, Payer]],
    *,
    pager: Any = None,
    sought: str | None = None,
    error: str = "",
    status: int = 200,
) -> Response:
    return await desk.show(
        "customers.html", status=status, customers=customers, pager=pager, sought=sought, error=error
    )


def _page(customer_id: str) -> str:
    return f"{HOME}/customers/{customer_id}"
