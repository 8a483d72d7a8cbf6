"""Payments: search and filter them, take them along as a table, look at one with everything known of it."""

import csv
import io
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from app.dashboard.customers import shown
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.listing import chosen, day_of, filters_of, options_of, pager_of, text_of, window_of
from app.dashboard.route import DashboardRoute
from app.dashboard.search import find_page
from app.kit.clock import to_rfc3339
from app.kit.ids import Prefix
from app.ledger.store import EntryFilter
from app.outbox.store import ItemFilter
from app.pages.money import read_amount
from app.pages.render import see_other
from app.pages.times import ZONE_COOKIE, zone_of
from app.payments.models import OrderState, Payment, PaymentStatus
from app.payments.store import PaymentFilter
from app.web.paging import Window

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/payments")

_RELATED = Window(limit=50)
_EXPORTED_AT_ONCE = 500
_CURRENCY = "INR"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = (
    "id", "created_at", "status", "amount_minor", "currency", "captured_minor", "refunded_minor", "method", "reference",
    "description", "order_id", "processor_payment_id",
)  # fmt: skip


@router.get("")
async def dashboard_payments(request: Request) -> Response:
    """Show payments, newest first; a search that finds one thing leads to its page."""
    desk = desk_of(request)
    sought = text_of(request.query_params, "q")
    if sought is not None:
        page = await find_page(desk.door, desk.scope, sought)
        if page is not None:
            return see_other(page)
    window, where = window_of(request, Prefix.PAYMENT), filter_of(request)
    found = await desk.door.payments.list_payments(desk.scope, where=where, window=window)
    return await desk.show(
        "payments.html",
        payments=found.rows,
        pager=pager_of(request, window, found, id_of=lambda payment: payment.id),
        filters=filters_of(request),
        statuses=options_of(PaymentStatus, anything="Any status"),
    )


@router.get(".csv")
async def dashboard_payments_export(request: Request) -> Response:
    """Send the payments that a filter leaves as a table, however many, while they are read."""
    desk, where = desk_of(request), filter_of(request)

    async def lines() -> AsyncIterator[str]:
        yield _csv([COLUMNS])
        after: str | None = None
        while True:
            window = Window(limit=_EXPORTED_AT_ONCE, starting_after=after)
            found = await desk.door.payments.list_payments(desk.scope, where=where, window=window)
            yield _csv(_row(payment) for payment in found.rows)
            after = found.next_cursor
            if after is None:
                return

    headers = {"Content-Disposition": 'attachment; filename="payments.csv"'}
    return StreamingResponse(lines(), media_type="text/csv", headers=headers)


@router.get("/{payment_id}")
async def dashboard_payment(payment_id: str, request: Request) -> Response:
    """Show a payment: what happened, what it caused, and what may be done."""
    desk = desk_of(request)
    payment = await desk.door.payments.get_payment(desk.scope, payment_id)
    return await desk.show("payment.html", payment=payment, **await _around(desk, payment))


def filter_of(request: Request) -> PaymentFilter:
    """Return what an address narrows the list to; what it says wrongly narrows nothing."""
    query = request.query_params
    zone = zone_of(request.cookies.get(ZONE_COOKIE))
    until = day_of(query, "until", zone)
    sought = text_of(query, "q")
    amount = None if sought is None else read_amount(sought, _CURRENCY)
    attention = query.get("attention")
    return PaymentFilter(
        status=chosen(query, "status", PaymentStatus),
        # A search that is no amount is a reference: the merchant's own number, in full.
        reference=sought if amount is None else None,
        amount_min=None if amount is None else amount.minor,
        amount_max=None if amount is None else amount.minor,
        created_from=day_of(query, "from", zone),
        created_before=None if until is None else until + timedelta(days=1),
        order_state=OrderState.UNKNOWN if attention == "unknown" else None,
        in_review=attention == "review",
    )


async def _around(desk: Desk, payment: Payment) -> dict[str, Any]:
    """Return what a payment caused."""
    door, scope = desk.door, desk.scope
    refunds = await door.refunds.list_payment_refunds(scope, payment.id, window=_RELATED)
    entries = await door.ledger.list_entries(scope, where=EntryFilter(payment_id=payment.id), window=_RELATED)
    items = await door.outbox.list_items(scope, where=ItemFilter(subject=payment.id), window=_RELATED)
    customer = await door.customers.find_of_payment(scope, payment.id)
    return {
        "refunds": refunds.rows,
        "entries": entries.rows,
        "items": items.rows,
        "customer": None if customer is None else shown(desk, customer),
    }


def _row(payment: Payment) -> Iterable[object]:
    primary = payment.primary
    return (
        payment.id,
        to_rfc3339(payment.created_at),
        payment.shown_status.value,
        payment.money.minor,
        payment.money.currency,
        payment.amount_captured,
        payment.amount_refunded,
        _harmless(primary.method if primary else None),
        _harmless(payment.reference),
        _harmless(payment.description),
        payment.order_id or "",
        primary.id if primary else "",
    )


def _harmless(text: str | None) -> str:
    """Return a text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text and text.startswith(_FORMULA) else text or ""


def _csv(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
