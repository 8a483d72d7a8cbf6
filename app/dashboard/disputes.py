"""Disputes: what a bank asks back, until when to answer, and the answer."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.confirming import Question, ask, carry_out
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.listing import chosen, filters_of, options_of, pager_of, window_of
from app.dashboard.route import DashboardRoute
from app.disputes.models import Dispute, DisputeStatus
from app.disputes.store import DisputeFilter
from app.gateways.port import Contest
from app.kit.ids import Prefix
from app.pages.money import format_money

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/disputes")

_SUMMARY_LENGTH = 1000


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
        back=_page(dispute),
        tone="danger",
        facts=_facts(dispute),
    )
    return await ask(desk, question)


@router.post("/{dispute_id}/accept")
async def dashboard_dispute_accept(dispute_id: str, request: Request) -> Response:
    """Let the customer keep the money."""
    desk = desk_of(request)
    known = await desk.door.disputes.get_dispute(desk.scope, dispute_id)

    async def deed() -> object:
        return await desk.door.disputes.accept_dispute(desk.scope, known.id)

    return await carry_out(desk, deed, back=_page(known), notice="dispute_accepted")


@router.get("/{dispute_id}/contest")
async def dashboard_dispute_contest_page(dispute_id: str, request: Request) -> Response:
    """Ask for the answer."""
    desk = desk_of(request)
    return await _ask_contest(desk, await desk.door.disputes.get_dispute(desk.scope, dispute_id))


@router.post("/{dispute_id}/contest")
async def dashboard_dispute_contest(dispute_id: str, request: Request) -> Response:
    """Keep the answer as a draft; documents are added and submitted by the API."""
    desk = desk_of(request)
    known = await desk.door.disputes.get_dispute(desk.scope, dispute_id)
    summary = desk.form.get("summary", "").strip()
    if not 0 < len(summary) <= _SUMMARY_LENGTH:
        said = f"Write what happened, in at most {_SUMMARY_LENGTH} letters."
        return await _ask_contest(desk, known, values={"summary": summary}, errors={"summary": said})

    async def deed() -> object:
        answer = Contest(summary=summary, documents={}, amount=None, is_final=False)
        return await desk.door.disputes.contest_dispute(desk.scope, known.id, answer)

    return await carry_out(desk, deed, back=_page(known), notice="dispute_drafted")


async def _ask_contest(
    desk: Desk, dispute: Dispute, *, values: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> Response:
    question = Question(
        title="Answer this dispute",
        says=[
            "What you write is kept at the processor as a draft.",
            "Documents are added, and the answer is submitted for good, by the API.",
        ],
        button="Keep as a draft",
        back=_page(dispute),
        facts=_facts(dispute),
        fields=("summary",),
        values=dict(values or {}),
        errors=dict(errors or {}),
    )
    return await ask(desk, question, status=422 if errors else 200)


def _facts(dispute: Dispute) -> list[tuple[str, str]]:
    return [("Dispute", dispute.id), ("Amount", format_money(dispute.money)), ("Payment", dispute.payment_id)]


def _page(dispute: Dispute) -> str:
    return f"{HOME}/disputes/{dispute.id}"
