"""Notices over HTTP: who was told what, and what became of it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.kit.clock import Clock
from app.notices.models import Notice
from app.notices.schemas import NoticeQuery, NoticeRead
from app.notices.service import Notices
from app.web.envelope import Page, Success, ok
from app.web.principal import CurrentPrincipal
from app.web.route import Route

router = APIRouter(tags=["Notices"], route_class=Route)


@dataclass(frozen=True, slots=True)
class NoticesDoor:
    """What the routes need."""

    notices: Notices
    clock: Clock

    def show(self, notice: Notice) -> NoticeRead:
        """Return a notice as the API shows it."""
        return NoticeRead.of(notice, self.notices.recipient_of(notice))


def _door(request: Request) -> NoticesDoor:
    return NoticesDoor(request.app.state.notices, request.app.state.clock)


@router.get("/notices", summary="List notices")
async def notices_list(
    query: Annotated[NoticeQuery, Query()], principal: CurrentPrincipal, request: Request
) -> Success[Page[NoticeRead]]:
    """Return the mails and SMS of the last 90 days, newest first, by cursor. Recipients are masked."""
    door = _door(request)
    found = await door.notices.list_notices(principal.scope, where=query.to_filter(), window=query.window())
    return ok(found.read(door.show), "Notices.", now=door.clock.now())


@router.get("/notices/{notice_id}", summary="Fetch a notice")
async def notices_get(notice_id: str, principal: CurrentPrincipal, request: Request) -> Success[NoticeRead]:
    """Return a notice with how often it was tried, and why it failed if it did."""
    door = _door(request)
    notice = await door.notices.get_notice(principal.scope, notice_id)
    return ok(door.show(notice), "Notice.", now=door.clock.now())
