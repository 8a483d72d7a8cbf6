"""The service itself: whether it is well, what waits, and whether the money's facts agree."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.door import HOME, desk_of
from app.dashboard.listing import pager_of, window_of
from app.dashboard.route import DashboardRoute
from app.kit.ids import Prefix
from app.recovery.models import CHECKED_BY

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/system")


@router.get("")
async def dashboard_system(request: Request) -> Response:
    """Show health, queues, walks and violations."""
    desk, door = desk_of(request), desk_of(request).door
    window = window_of(request, Prefix.VIOLATION)
    found = await door.recovery.list_found(desk.scope, is_open=True, window=window)
    inbox = await door.inbox.store.measure_backlog()
    return await desk.show(
        "system.html",
        ready=await door.health.check_readiness(),
        heartbeat=await door.heartbeats.find_newest("worker"),
        inbox_depth=inbox.waiting,
        inbox_oldest=inbox.oldest,
        lanes=await door.outbox.store.measure_backlog(),
        rounds=[(one, CHECKED_BY[one.walk]) for one in await door.recovery.list_rounds()],
        violations=found.rows,
        pager=pager_of(request, window, found, id_of=lambda violation: violation.id),
        version=door.version,
    )
