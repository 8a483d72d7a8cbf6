"""The invariants over HTTP: read only."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from app.kit.clock import Clock
from app.recovery.schemas import RoundRead, RoundsRead, ViolationQuery, ViolationRead
from app.recovery.service import Recovery
from app.web.envelope import Page, Success, ok
from app.web.principal import CurrentPrincipal
from app.web.route import Route

router = APIRouter(tags=["Invariants"], route_class=Route)


async def _recovery(request: Request) -> Recovery:
    service: Recovery = request.app.state.recovery
    return service


async def _clock(request: Request) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


Service = Annotated[Recovery, Depends(_recovery)]
Now = Annotated[Clock, Depends(_clock)]


@router.get("/invariants", summary="See how the invariants are checked")
async def invariants_get(_principal: CurrentPrincipal, recovery: Service, clock: Now) -> Success[RoundsRead]:
    """Return every walk that checks them, and when it last looked at everything."""
    rounds = await recovery.list_rounds()
    return ok(RoundsRead(items=[RoundRead.of(one) for one in rounds]), "Invariants.", now=clock.now())


@router.get("/invariants/violations", summary="List what is not as it must be")
async def invariants_violations_list(
    query: Annotated[ViolationQuery, Query()], principal: CurrentPrincipal, recovery: Service, clock: Now
) -> Success[Page[ViolationRead]]:
    """Return this merchant's violations, newest first, by cursor; there should be none."""
    found = await recovery.list_found(principal.scope, is_open=not query.resolved, window=query.window())
    return ok(found.read(ViolationRead.of), "Violations.", now=clock.now())
