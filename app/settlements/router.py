"""Settlements over HTTP: translate, call one verb, translate back."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.kit.clock import Clock
from app.kit.scope import Scope
from app.settlements.schemas import LineQuery, LineRead, SettlementQuery, SettlementRead
from app.settlements.service import Settlements
from app.web.envelope import Page, Success, ok
from app.web.principal import current_principal
from app.web.route import Route

router = APIRouter(tags=["Settlements"], route_class=Route)


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose settlements they are, and the service that answers."""

    scope: Scope
    settlements: Settlements
    clock: Clock


def _desk(request: Request) -> Desk:
    state = request.app.state
    return Desk(current_principal(request).scope, state.settlements, state.clock)


@router.get("/settlements", summary="List settlements")
async def settlements_list(
    query: Annotated[SettlementQuery, Query()], request: Request
) -> Success[Page[SettlementRead]]:
    """Return settlements, newest first, by cursor."""
    desk = _desk(request)
    found = await desk.settlements.list_settlements(desk.scope, where=query.to_filter(), window=query.window())
    return ok(found.read(SettlementRead.of), "Settlements.", now=desk.clock.now())


@router.get("/settlements/{settlement_id}", summary="Fetch a settlement")
async def settlements_get(settlement_id: str, request: Request) -> Success[SettlementRead]:
    """Return a settlement, and how its lines agree with what is known here."""
    desk = _desk(request)
    settlement = await desk.settlements.get_settlement(desk.scope, settlement_id)
    return ok(SettlementRead.of(settlement), "Settlement.", now=desk.clock.now())


@router.get("/settlements/{settlement_id}/lines", summary="List what a settlement is made of")
async def settlements_lines(
    settlement_id: str, query: Annotated[LineQuery, Query()], request: Request
) -> Success[Page[LineRead]]:
    """Return its lines, by cursor: payments, refunds and adjustments, and what is wrong with each."""
    desk = _desk(request)
    found = await desk.settlements.list_lines(desk.scope, settlement_id, where=query.to_filter(), window=query.window())
    return ok(found.read(LineRead.of), "Lines of a settlement.", now=desk.clock.now())


@router.post("/settlements/{settlement_id}/reconcile", status_code=202, summary="Compare a settlement again")
async def settlements_reconcile(settlement_id: str, request: Request) -> Success[SettlementRead]:
    """Have its lines read again and compared with what is here; doing it twice changes nothing."""
    desk = _desk(request)
    settlement = await desk.settlements.reconcile_settlement(desk.scope, settlement_id)
    return ok(SettlementRead.of(settlement), "It is compared again.", now=desk.clock.now())
