"""Money in suspense over HTTP: translate, call one verb, translate back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from app.audit.models import Actor
from app.kit.clock import Clock
from app.payments.suspense import SuspenseMoney
from app.payments.suspense_schemas import SuspenseDetail, SuspensePlace, SuspenseQuery, SuspenseRead, SuspenseReturn
from app.web.envelope import Page, Success, ok
from app.web.principal import CurrentPrincipal, Principal
from app.web.route import Route

router = APIRouter(tags=["Payments"], route_class=Route)


async def _suspense(request: Request) -> SuspenseMoney:
    service: SuspenseMoney = request.app.state.suspense
    return service


async def _clock(request: Request) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


Service = Annotated[SuspenseMoney, Depends(_suspense)]
Now = Annotated[Clock, Depends(_clock)]


def _actor(principal: Principal) -> Actor:
    return Actor(kind=principal.subject_kind.value, id=principal.subject_id)


@router.get("/suspense", summary="List money in suspense")
async def suspense_list(
    query: Annotated[SuspenseQuery, Query()], principal: CurrentPrincipal, suspense: Service, clock: Now
) -> Success[Page[SuspenseRead]]:
    """Return captured money that is no payment's, newest first."""
    found = await suspense.list_entries(principal.scope, state=query.state, window=query.window())
    return ok(found.read(SuspenseRead.of), "Suspense.", now=clock.now())


@router.get("/suspense/{suspense_id}", summary="Fetch money in suspense")
async def suspense_get(
    suspense_id: str, principal: CurrentPrincipal, suspense: Service, clock: Now
) -> Success[SuspenseDetail]:
    """Return one entry with what became of it."""
    entry = await suspense.get_entry(principal.scope, suspense_id)
    return ok(SuspenseDetail.of(entry), "Suspense.", now=clock.now())


@router.post("/suspense/{suspense_id}/place", summary="Place money in suspense")
async def suspense_place(
    suspense_id: str, body: SuspensePlace, principal: CurrentPrincipal, suspense: Service, clock: Now
) -> Success[SuspenseDetail]:
    """Give the money to the merchant, with a reason that the audit log keeps. No payment's status changes by it."""
    entry = await suspense.place_entry(
        principal.scope, suspense_id, actor=_actor(principal), reason=body.reason, payment_id=body.payment_id
    )
    return ok(SuspenseDetail.of(entry), "Placed.", now=clock.now())


@router.post("/suspense/{suspense_id}/return", summary="Give money in suspense back")
async def suspense_return(
    suspense_id: str, body: SuspenseReturn, principal: CurrentPrincipal, suspense: Service, clock: Now
) -> Success[SuspenseDetail]:
    """Have the money refunded to the customer, with a reason that the audit log keeps. The worker does it."""
    entry = await suspense.return_entry(principal.scope, suspense_id, actor=_actor(principal), reason=body.reason)
    return ok(SuspenseDetail.of(entry), "It goes back to the customer.", now=clock.now())
