"""Disputes: what a bank asks back, until when to answer, and giving one up; `dispute_answers.py` contests one."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.confirming import Question, ask, carry_out
from app.dashboard.door import HOME, desk_of
from app.dashboard.listing import chosen, filters_of, options_of, pager_of, window_of
from app.dashboard.route import DashboardRoute
from app.disputes.models import Dispute, DisputeStatus
from app.disputes.store import DisputeFilter
from app.kit.ids import Prefix
from app.pages.money import format_money

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/disputes")


@router.get("")
async def dashboard_disputes(request: Request) -> Response:
    """Show disputes, newest first."""
    desk, window = desk_of(request), window_of(request, Prefix.DISPUTE)
    where = DisputeFilter(status=chosen(request.query_params, "status", DisputeStatus))
    found = await desk.door.disputes.list_disputes(desk.scope, where=where, window=window)
    return await desk.show(
        "disputes.html",
        disputes=found.rows,
        pager=pager_of(request, window, found, id_of=lambda dispute: dispute.id),
        filters=filters_of(request),
        statuses=options_of(DisputeStatus, anything="Any status"),
    )


@router.get("/{dispute_id}")
async def dashboard_dispute(dispute_id: str, request: Request) -> Response:
    """Show a dispute with its history."""
    desk = desk_of(request)
    dispute = await desk.door.disputes.get_dispute(desk.scope, dispute_id)
    return await desk.show("dispute.html", dispute=dispute)


@router.get("/{dispute_id}/accept")
async def dashboard_dispute_accept_page(dispute_id: str, request: Request) -> Response:
    """Ask whether to give it up."""
    desk = desk_of(request)
    dispute = await desk.door.disputes.get_dispute(desk.scope, dispute_id)
    question = Question(
        title="Give this dispute up?",
        says=["The customer keeps the money, and it is taken from you. This can't be taken back."],
        button="Give it up",
        back=page_of(dispute),
        tone="danger",
        facts=facts_of(dispute),
    )
    return await ask(desk, question)


@router.post("/{dispute_id}/accept")
async def dashboard_dispute_accept(dispute_id: str, request: Request) -> Response:
    """Let the customer keep the money."""
    desk = desk_of(request)
    known = await desk.door.disputes.get_dispute(desk.scope, dispute_id)

    async def deed() -> object:
        return await desk.door.disputes.accept_dispute(desk.scope, known.id)

    return await carry_out(desk, deed, back=page_of(known), notice="dispute_accepted")


def facts_of(dispute: Dispute) -> list[tuple[str, str]]:
    """Return by what a dispute is recognised."""
    return [("Dispute", dispute.id), ("Amount", format_money(dispute.money)), ("Payment", dispute.payment_id)]


def page_of(dispute: Dispute) -> str:
    """Return where a dispute is shown."""
    return f"{HOME}/disputes/{dispute.id}"
