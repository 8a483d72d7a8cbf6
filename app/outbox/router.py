"""The outbox for people: what happened and what follows from it, and taking up again what was parked."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.kit.clock import Clock
from app.outbox.schemas import ItemQuery, ItemRead
from app.outbox.service import Outbox
from app.web.envelope import Page, Success, ok
from app.web.principal import CurrentPrincipal
from app.web.route import Route

router = APIRouter(tags=["Outbox"], route_class=Route)


@dataclass(frozen=True, slots=True)
class OutboxDoor:
    """What the routes need."""

    outbox: Outbox
    clock: Clock


def _door(request: Request) -> OutboxDoor:
    state = request.app.state
    return OutboxDoor(state.outbox, state.clock)


@router.get("/outbox", summary="List events and jobs")
async def outbox_list(
    query: Annotated[ItemQuery, Query()], principal: CurrentPrincipal, request: Request
) -> Success[Page[ItemRead]]:
    """Return items, newest first, by cursor."""
    door = _door(request)
    found = await door.outbox.list_items(principal.scope, where=query.to_filter(), window=query.window())
    return ok(found.read(ItemRead.of), "Outbox items.", now=door.clock.now())


@router.get("/outbox/{item_id}", summary="Inspect an event or a job")
async def outbox_get(item_id: str, principal: CurrentPrincipal, request: Request) -> Success[ItemRead]:
    """Return an item."""
    door = _door(request)
    item = await door.outbox.get_item(principal.scope, item_id)
    return ok(ItemRead.of(item), "Outbox item.", now=door.clock.now())


@router.post("/outbox/{item_id}/replay", summary="Replay an event or a job")
async def outbox_replay(item_id: str, principal: CurrentPrincipal, request: Request) -> Success[ItemRead]:
    """Take an ended item up again, from its first try; an effect it already had is not repeated."""
    door = _door(request)
    item = await door.outbox.replay_item(principal.scope, item_id)
    return ok(ItemRead.of(item), "The item will be worked on again.", now=door.clock.now())
