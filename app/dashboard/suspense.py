"""Held money: captured amounts that belong to no payment, until somebody decides."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.confirming import Question, ask, carry_out
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.listing import chosen, filters_of, options_of, pager_of, window_of
from app.dashboard.route import DashboardRoute
from app.kit.ids import Prefix
from app.kit.money import Money
from app.pages.money import format_money
from app.payments.models import SuspenseEntry, SuspenseState

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/suspense")

_REASON_LENGTH = 255


@router.get("")
async def dashboard_suspense_list(request: Request) -> Response:
    """Show what is held, newest first."""
    desk, window = desk_of(request), window_of(request, Prefix.SUSPENSE)
    state = chosen(request.query_params, "state", SuspenseState)
    found = await desk.door.suspense.list_entries(desk.scope, state=state, window=window)
    return await desk.show(
        "suspense_list.html",
        held=found.rows,
        pager=pager_of(request, window, found, id_of=lambda entry: entry.id),
        filters=filters_of(request),
        states=options_of(SuspenseState, anything="Any state"),
    )


@router.get("/{suspense_id}")
async def dashboard_suspense(suspense_id: str, request: Request) -> Response:
    """Show one amount with what became of it."""
    desk = desk_of(request)
    entry = await desk.door.suspense.get_entry(desk.scope, suspense_id)
    return await desk.show("suspense.html", entry=entry)


@router.get("/{suspense_id}/place")
async def dashboard_suspense_place_page(suspense_id: str, request: Request) -> Response:
    """Ask whether it is the merchant's."""
    desk = desk_of(request)
    return await _ask(desk, await desk.door.suspense.get_entry(desk.scope, suspense_id), is_placed=True)


@router.post("/{suspense_id}/place")
async def dashboard_suspense_place(suspense_id: str, request: Request) -> Response:
    """Give the money to the merchant."""
    desk = desk_of(request)
    known = await desk.door.suspense.get_entry(desk.scope, suspense_id)
    reason = _reason(desk)
    if not reason:
        return await _ask(desk, known, is_placed=True, error="Say why; the audit log keeps it.")

    async def deed() -> object:
        return await desk.door.suspense.place_entry(desk.scope, known.id, actor=desk.actor, reason=reason)

    return await carry_out(desk, deed, back=_page(known), notice="placed")


@router.get("/{suspense_id}/return")
async def dashboard_suspense_return_page(suspense_id: str, request: Request) -> Response:
    """Ask whether it goes back."""
    desk = desk_of(request)
    return await _ask(desk, await desk.door.suspense.get_entry(desk.scope, suspense_id), is_placed=False)


@router.post("/{suspense_id}/return")
async def dashboard_suspense_return(suspense_id: str, request: Request) -> Response:
    """Have the money refunded to the customer."""
    desk = desk_of(request)
    known = await desk.door.suspense.get_entry(desk.scope, suspense_id)
    reason = _reason(desk)
    if not reason:
        return await _ask(desk, known, is_placed=False, error="Say why; the audit log keeps it.")

    async def deed() -> object:
        return await desk.door.suspense.return_entry(desk.scope, known.id, actor=desk.actor, reason=reason)

    return await carry_out(desk, deed, back=_page(known), notice="returning")


async def _ask(desk: Desk, entry: SuspenseEntry, *, is_placed: bool, error: str = "") -> Response:
    rest = format_money(Money(entry.rest, entry.held.amount.currency))
    question = Question(
        title=f"Keep {rest}?" if is_placed else f"Give {rest} back?",
        says=["It becomes yours; no payment changes by it."] if is_placed else ["It is refunded to who paid it."],
        button="Keep it" if is_placed else "Give it back",
        back=_page(entry),
        tone="main" if is_placed else "danger",
        facts=[
            ("Came with", entry.held.payment_id),
            ("Attempt", entry.held.gateway_payment_id),
            ("Why it is held", entry.held.reason.value.replace("_", " ")),
        ],
        fields=("reason",),
        errors={"reason": error} if error else {},
    )
    return await ask(desk, question, status=422 if error else 200)


def _reason(desk: Desk) -> str:
    return desk.form.get("reason", "").strip()[:_REASON_LENGTH]


def _page(entry: SuspenseEntry) -> str:
    return f"{HOME}/suspense/{entry.id}"
