"""What an open page listens to: whether the record that it shows has changed."""

from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.route import DashboardRoute
from app.kit.ids import Prefix, is_id
from app.web.errors import NotFound

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/live")


@router.get("/{record_id}/state")
async def dashboard_live_state(record_id: str, request: Request) -> Response:
    """Tell how a record is now, for a page whose stream does not come through."""
    return JSONResponse(await _look(desk_of(request), record_id))


@router.get("/{record_id}/events")
async def dashboard_live_events(record_id: str, request: Request) -> Response:
    """Tell a page whenever its record has changed."""
    desk = desk_of(request)
    await _look(desk, record_id)  # what can't be seen is refused before a stream begins
    return desk.watch(partial(_look, desk, record_id))


async def _look(desk: Desk, record_id: str) -> Mapping[str, object]:
    door, scope = desk.door, desk.scope
    if is_id(record_id, Prefix.PAYMENT):
        payment = await door.payments.get_payment(scope, record_id)
        return {"version": payment.version, "status": payment.shown_status.value}
    if is_id(record_id, Prefix.REFUND):
        refund = await door.refunds.get_refund(scope, record_id)
        return {"version": refund.version, "status": refund.status.value}
    if is_id(record_id, Prefix.DISPUTE):
        dispute = await door.disputes.get_dispute(scope, record_id)
        return {"version": dispute.version, "status": dispute.status.value}
    raise NotFound
