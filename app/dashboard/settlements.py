"""Settlements: what reached the bank, what each is made of, and what is not as it is known here."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.confirming import carry_out
from app.dashboard.door import HOME, desk_of
from app.dashboard.listing import chosen, filters_of, options_of, pager_of, window_of
from app.dashboard.route import DashboardRoute
from app.kit.ids import Prefix
from app.settlements.models import Agreement, SettlementStatus
from app.settlements.store import LineFilter, SettlementFilter

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/settlements")


@router.get("")
async def dashboard_settlements(request: Request) -> Response:
    """Show settlements, newest first."""
    desk, window = desk_of(request), window_of(request, Prefix.SETTLEMENT)
    where = SettlementFilter(
        status=chosen(request.query_params, "status", SettlementStatus),
        agreement=chosen(request.query_params, "agreement", Agreement),
    )
    found = await desk.door.settlements.list_settlements(desk.scope, where=where, window=window)
    return await desk.show(
        "settlements.html",
        settlements=found.rows,
        pager=pager_of(request, window, found, id_of=lambda settlement: settlement.id),
        filters=filters_of(request),
        statuses=options_of(SettlementStatus, anything="Any status"),
        agreements=options_of(Agreement, anything="Any agreement"),
    )


@router.get("/{settlement_id}")
async def dashboard_settlement(settlement_id: str, request: Request) -> Response:
    """Show a settlement with its lines, or with those alone that are not as they should be."""
    desk, window = desk_of(request), window_of(request, Prefix.SETTLEMENT_LINE)
    settlement = await desk.door.settlements.get_settlement(desk.scope, settlement_id)
    is_narrowed = request.query_params.get("lines") == "findings"
    lines = await desk.door.settlements.list_lines(
        desk.scope, settlement.id, where=LineFilter(has_findings=is_narrowed), window=window
    )
    return await desk.show(
        "settlement.html",
        settlement=settlement,
        lines=lines.rows,
        is_narrowed=is_narrowed,
        pager=pager_of(request, window, lines, id_of=lambda line: line.id),
    )


@router.post("/{settlement_id}/reconcile")
async def dashboard_settlement_reconcile(settlement_id: str, request: Request) -> Response:
    """Have it compared again with what is here."""
    desk = desk_of(request)
    known = await desk.door.settlements.get_settlement(desk.scope, settlement_id)

    async def deed() -> object:
        return await desk.door.settlements.reconcile_settlement(desk.scope, known.id)

    return await carry_out(desk, deed, back=f"{HOME}/settlements/{known.id}", notice="comparing")
