"""Refunds: those that were asked for here and at the processor."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.confirming import Question, ask, carry_out
from app.dashboard.door import HOME, desk_of
from app.dashboard.listing import chosen, filters_of, options_of, pager_of, window_of
from app.dashboard.route import DashboardRoute
from app.kit.ids import Prefix
from app.pages.money import format_money
from app.refunds.models import RefundStatus
from app.refunds.store import RefundFilter

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/refunds")


@router.get("")
async def dashboard_refunds(request: Request) -> Response:
    """Show refunds, newest first."""
    desk, window = desk_of(request), window_of(request, Prefix.REFUND)
    where = RefundFilter(status=chosen(request.query_params, "status", RefundStatus))
    found = await desk.door.refunds.list_refunds(desk.scope, where=where, window=window)
    return await desk.show(
        "refunds.html",
        refunds=found.rows,
        pager=pager_of(request, window, found, id_of=lambda refund: refund.id),
        filters=filters_of(request),
        statuses=options_of(RefundStatus, anything="Any status"),
    )


@router.get("/{refund_id}")
async def dashboard_refund(refund_id: str, request: Request) -> Response:
    """Show a refund with its history."""
    desk = desk_of(request)
    refund = await desk.door.refunds.get_refund(desk.scope, refund_id)
    return await desk.show("refund.html", refund=refund)


@router.get("/{refund_id}/cancel")
async def dashboard_refund_cancel_page(refund_id: str, request: Request) -> Response:
    """Ask whether to give it up."""
    desk = desk_of(request)
    refund = await desk.door.refunds.get_refund(desk.scope, refund_id)
    question = Question(
        title="Cancel this refund?",
        says=["It has not been sent yet, so it can still be given up. The amount may be refunded again."],
        button="Cancel the refund",
        back=f"{HOME}/refunds/{refund.id}",
        tone="danger",
        facts=[("Refund", refund.id), ("Amount", format_money(refund.money))],
    )
    return await ask(desk, question)


@router.post("/{refund_id}/cancel")
async def dashboard_refund_cancel(refund_id: str, request: Request) -> Response:
    """Give up a refund that never left."""
    desk = desk_of(request)
    known = await desk.door.refunds.get_refund(desk.scope, refund_id)

    async def deed() -> object:
        return await desk.door.refunds.cancel_refund(desk.scope, known.id)

    return await carry_out(desk, deed, back=f"{HOME}/refunds/{known.id}", notice="refund_cancelled")
