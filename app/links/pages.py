"""A payment link as its customer meets it: the page, the way to the payment, and the code to print.

The address is all that a customer needs and all that they have, so these pages know nobody: no cookie, no session.
"""

import secrets
import string
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from app.kit.money import Money
from app.links.models import Link
from app.links.opening import LinkOpening
from app.links.problems import LinkAmountRefused, LinkClosed
from app.links.qr import qr_svg
from app.links.service import LINK_PATH, Links
from app.pages.money import read_amount
from app.pages.render import Pages, pages_of, see_other
from app.pages.route import PageRoute
from app.payments.addresses import CheckoutAddresses
from app.tenants.service import Merchants

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_VISIT_LETTERS = 24
_A_DAY = "private, max-age=86400"


@dataclass(frozen=True, slots=True)
class LinkDoor:
    """What the pages of links need."""

    links: Links
    opening: LinkOpening
    merchants: Merchants

    @property
    def addresses(self) -> CheckoutAddresses:
        """Return where payments are paid."""
        return self.links.payments.addresses


@dataclass(frozen=True, slots=True)
class _Visit:
    """A customer at a link's page."""

    request: Request
    door: LinkDoor
    link: Link
    token: str

    @property
    def path(self) -> str:
        return f"{LINK_PATH}/{self.token}"

    async def show(self, template: str, *, status: int = 200, **facts: Any) -> Response:
        """Return a page about the link."""
        link, pages = self.link, pages_of(self.request)
        merchant = await self.door.merchants.get_merchant(link.scope.tenant)
        return pages.answer(
            self.request,
            template,
            status=status,
            headers={"Cache-Control": "no-store"},
            link=link,
            merchant=merchant.name,
            shown=link.shown_status(self.door.links.clock.now()).value,
            amount=_of(link, link.amount),
            least=_of(link, link.min_amount),
            most=_of(link, link.max_amount),
            address=self.door.links.address_of(link),
            link_path=self.path,
            payment_path=None if link.payment_id is None else self.door.addresses.path_of(link.payment_id),
            visit=_new_visit(),
            **({"written": "", "error": ""} | facts),
        )

    async def refuse(self, written: str) -> Response:
        """Return the page once more, with what is wrong with the amount beside its field."""
        pages: Pages = pages_of(self.request)
        return await self.show(
            "links/link.html", status=422, written=written, error=pages.say(self.request, "link.amount.wrong")
        )


async def _visit(request: Request, token: str) -> _Visit:
    door: LinkDoor = request.app.state.link_door
    return _Visit(request, door, await door.links.get_public(token), token)


@router.get(f"{LINK_PATH}/{{token}}", response_model=None)
async def link_page(token: str, request: Request) -> Response:
    """Show what is to be paid and to whom, or why nothing can be paid any more."""
    visit = await _visit(request, token)
    return await visit.show("links/link.html")


@router.post(f"{LINK_PATH}/{{token}}", response_model=None)
async def link_open(token: str, request: Request) -> Response:
    """Make the payment, or find the one that there is, and go to its page."""
    visit = await _visit(request, token)
    # It needs no token: a form that another site makes somebody send opens a payment that anybody may open.
    form = await pages_of(request).read_form(request, needs_token=False)
    link, written, amount = visit.link, form.get("amount", ""), None
    if link.amount is None:
        chosen = read_amount(written[:32], link.currency)
        if chosen is None:
            return await visit.refuse(written)
        amount = chosen.minor
    try:
        payment = await visit.door.opening.open_payment(
            link.scope, link.id, visit=form.get("visit") or _new_visit(), amount=amount
        )
    except LinkAmountRefused:
        return await visit.refuse(written)
    except LinkClosed:
        return see_other(visit.path)
    return see_other(visit.door.addresses.path_of(payment.id))


@router.get(f"{LINK_PATH}/{{token}}/print", response_model=None)
async def link_print(token: str, request: Request) -> Response:
    """Show the link's code on a sheet to print and put up."""
    visit = await _visit(request, token)
    return await visit.show("links/print.html")


@router.get(f"{LINK_PATH}/{{token}}/qr.svg", response_model=None)
async def link_qr(token: str, request: Request) -> Response:
    """Return the link's code as a picture."""
    visit = await _visit(request, token)
    picture = qr_svg(visit.door.links.address_of(visit.link))
    return Response(picture, media_type="image/svg+xml", headers={"Cache-Control": _A_DAY})


def _new_visit() -> str:
    # Of letters alone: digits may look like a card's number (S18).
    return "".join(secrets.choice(string.ascii_letters) for _ in range(_VISIT_LETTERS))


def _of(link: Link, minor: int | None) -> Money | None:
    return None if minor is None else Money(minor, link.currency)
