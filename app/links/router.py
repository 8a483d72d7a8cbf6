"""Payment links over HTTP: translate, call one verb, translate back."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.audit.models import Actor
from app.kit.clock import Clock
from app.kit.scope import Scope
from app.links.models import Link
from app.links.schemas import LinkCreate, LinkQuery, LinkRead, LinkResend
from app.links.service import Links
from app.web.envelope import Page, Success, ok
from app.web.principal import Principal, current_principal
from app.web.route import Route

router = APIRouter(tags=["Payment links"], route_class=Route)


@dataclass(frozen=True, slots=True)
class Desk:
    """Who asks, and the service that answers."""

    principal: Principal
    links: Links
    clock: Clock

    @property
    def scope(self) -> Scope:
        """Return whose links they are."""
        return self.principal.scope

    @property
    def actor(self) -> Actor:
        """Return who acts, for the audit log."""
        return Actor(kind=self.principal.subject_kind.value, id=self.principal.subject_id)

    def show(self, link: Link) -> LinkRead:
        """Return a link as the API shows it."""
        return LinkRead.of(
            link,
            url=self.links.address_of(link),
            status=link.shown_status(self.clock.now()),
            customer=self.links.posting.customer_of(link),
        )


def _desk(request: Request) -> Desk:
    state = request.app.state
    return Desk(current_principal(request), state.links, state.clock)


@router.post("/payment-links", status_code=201, summary="Create a payment link")
async def payment_links_create(request: Request, body: LinkCreate) -> Success[LinkRead]:
    """Create an address that you send to a customer, who pays there. No order is made before somebody opens it."""
    desk = _desk(request)
    state = request.state
    link = await desk.links.create_link(
        desk.scope,
        body.to_new(),
        actor=desk.actor,
        key=state.idempotency_key,
        is_repeated=state.idempotency_attempt > 1,
    )
    return ok(desk.show(link), "Payment link created.", now=desk.clock.now())


@router.get("/payment-links", summary="List payment links")
async def payment_links_list(query: Annotated[LinkQuery, Query()], request: Request) -> Success[Page[LinkRead]]:
    """Return payment links, newest first, by cursor."""
    desk = _desk(request)
    found = await desk.links.list_links(
        desk.scope, status=query.status, reference=query.reference, window=query.window()
    )
    return ok(found.read(desk.show), "Payment links.", now=desk.clock.now())


@router.get("/payment-links/{link_id}", summary="Fetch a payment link")
async def payment_links_get(link_id: str, request: Request) -> Success[LinkRead]:
    """Return a payment link; `GET /payments?link_id=` lists what was made through it."""
    desk = _desk(request)
    return ok(desk.show(await desk.links.get_link(desk.scope, link_id)), "Payment link.", now=desk.clock.now())


@router.post("/payment-links/{link_id}/cancel", summary="Cancel a payment link")
async def payment_links_cancel(link_id: str, request: Request) -> Success[LinkRead]:
    """End a link and cancel its payments that wait for money; money that arrives later is kept apart in suspense."""
    desk = _desk(request)
    link = await desk.links.cancel_link(desk.scope, link_id, actor=desk.actor)
    return ok(desk.show(link), "Payment link cancelled.", now=desk.clock.now())


@router.post("/payment-links/{link_id}/resend", summary="Send a payment link again")
async def payment_links_resend(link_id: str, request: Request, body: LinkResend | None = None) -> Success[LinkRead]:
    """Send the link again to whom it is for, and tell those who listen (`payment_link.resent`); once a minute."""
    desk = _desk(request)
    notify = None if body is None or body.notify is None else body.notify.to_payer()
    link = await desk.links.resend_link(desk.scope, link_id, actor=desk.actor, notify=notify)
    return ok(desk.show(link), "The link is being sent again.", now=desk.clock.now())
