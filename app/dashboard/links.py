"""Payment links: make one, for somebody or for nobody, look at what was paid through it, send it again, end it."""

from collections.abc import Mapping
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.confirming import Question, ask, carry_out
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.listing import chosen, day_of, filters_of, options_of, pager_of, text_of, window_of
from app.dashboard.route import DashboardRoute
from app.dashboard.settings import NO_CARRIER
from app.gateways.payer import Payer
from app.kit.bounds import DESCRIPTION_LENGTH, REFERENCE_LENGTH
from app.kit.errors import Problem
from app.kit.ids import Prefix
from app.kit.money import Money
from app.links.models import Link, ShownStatus
from app.links.problems import LinkBoundsRefused, LinkExpiryRefused
from app.links.schemas import LinkNotifyRead
from app.links.service import NewLink
from app.notices.problems import TooManyNotices
from app.pages.money import format_money, read_amount
from app.pages.times import ZONE_COOKIE, zone_of
from app.payments.limits import CURRENCIES
from app.payments.payers import plain_payer
from app.payments.problems import AmountRefused
from app.payments.store import PaymentFilter
from app.tenants.channels import Channel, ChannelNotConfigured

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/links")

_FIELDS = (
    "amount", "min_amount", "max_amount", "currency", "description", "reference", "last_day", "kind", "often",
    "email", "phone",
)  # fmt: skip
_USUAL: Mapping[str, str] = {**dict.fromkeys(_FIELDS, ""), "currency": "INR", "kind": "fixed", "often": "once"}
_BESIDE_A_FIELD = (AmountRefused, ChannelNotConfigured, LinkBoundsRefused, LinkExpiryRefused, TooManyNotices)
_WAYS = {"email": Channel.EMAIL, "phone": Channel.SMS}
_LONGEST = {"description": DESCRIPTION_LENGTH, "reference": REFERENCE_LENGTH}


@router.get("")
async def dashboard_links(request: Request) -> Response:
    """Show payment links, newest first."""
    desk, query, window = desk_of(request), request.query_params, window_of(request, Prefix.LINK)
    found = await desk.door.links.list_links(
        desk.scope,
        status=chosen(query, "status", ShownStatus),
        reference=text_of(query, "reference"),
        window=window,
    )
    return await desk.show(
        "links.html",
        links=[(link, _shown(desk, link), amount_of(link)) for link in found.rows],
        pager=pager_of(request, window, found, id_of=lambda link: link.id),
        filters=filters_of(request),
        statuses=options_of(ShownStatus, anything="Any status"),
    )


@router.get("/new")
async def dashboard_link_new(request: Request) -> Response:
    """Show the form for a new link."""
    return await _form(desk_of(request), values=_USUAL)


@router.post("/new")
async def dashboard_link_create(request: Request) -> Response:
    """Make a link, and show it with its address and code."""
    desk = desk_of(request)
    values = {name: desk.form.get(name, "").strip() for name in _FIELDS}
    new, errors = _read(desk, values)
    if errors:
        return await _form(desk, values=values, errors=errors)
    try:
        link = await desk.door.links.create_link(desk.scope, new, actor=desk.actor)
    except _BESIDE_A_FIELD as problem:
        return await _form(desk, values=values, errors=_refused(problem))
    return desk.done(_page(link.id), "link_sent" if new.notify else "link_created")


@router.get("/{link_id}")
async def dashboard_link(link_id: str, request: Request) -> Response:
    """Show a link with its address, its code, and the payments made through it."""
    desk, window = desk_of(request), window_of(request, Prefix.PAYMENT)
    link = await desk.door.links.get_link(desk.scope, link_id)
    where = PaymentFilter(link_id=link.id)
    found = await desk.door.payments.list_payments(desk.scope, where=where, window=window)
    return await desk.show(
        "link.html",
        link=link,
        shown=_shown(desk, link),
        amount=amount_of(link),
        customer=LinkNotifyRead.of(desk.door.links.posting.customer_of(link)),
        again=_again(_reached(desk, link)),
        address=desk.door.links.address_of(link),
        public_path=desk.door.links.path_of(link),
        payments=found.rows,
        pager=pager_of(request, window, found, id_of=lambda payment: payment.id),
    )


@router.get("/{link_id}/resend")
async def dashboard_link_resend_page(link_id: str, request: Request) -> Response:
    """Ask whether to send it again."""
    desk = desk_of(request)
    link = await desk.door.links.get_link(desk.scope, link_id)
    reached = _reached(desk, link)
    to = LinkNotifyRead.of(reached)
    told = "Your systems are told payment_link.resent"
    if to is None:
        says = [
            f"{told}; the one that sends your messages sends the address once more.",
            "Nothing goes out from here: there is nobody whom we could reach.",
        ]
    else:
        says = [f"It goes out from here to {_listed(to.email, to.phone)}.", f"{told} too."]
    question = Question(
        title="Send this link again?",
        says=says,
        button=_again(reached),
        back=_page(link.id),
        facts=_facts(link),
    )
    return await ask(desk, question)


@router.post("/{link_id}/resend")
async def dashboard_link_resend(link_id: str, request: Request) -> Response:
    """Send it again to whom it is for, and tell those who listen."""
    desk = desk_of(request)
    known = await desk.door.links.get_link(desk.scope, link_id)

    async def deed() -> object:
        return await desk.door.links.resend_link(desk.scope, known.id, actor=desk.actor)

    notice = "link_sent_again" if _reached(desk, known) else "link_resent"
    return await carry_out(desk, deed, back=_page(known.id), notice=notice)


@router.get("/{link_id}/cancel")
async def dashboard_link_cancel_page(link_id: str, request: Request) -> Response:
    """Ask whether to end it."""
    desk = desk_of(request)
    link = await desk.door.links.get_link(desk.scope, link_id)
    question = Question(
        title="Cancel this link?",
        says=[
            "Nobody can pay through it any more, and its payments that wait for money are cancelled.",
            "What is paid stays paid. Money that is on its way is kept apart. This can't be taken back.",
        ],
        button="Cancel the link",
        back=_page(link.id),
        tone="danger",
        facts=_facts(link),
    )
    return await ask(desk, question)


@router.post("/{link_id}/cancel")
async def dashboard_link_cancel(link_id: str, request: Request) -> Response:
    """End a link."""
    desk = desk_of(request)
    known = await desk.door.links.get_link(desk.scope, link_id)

    async def deed() -> object:
        return await desk.door.links.cancel_link(desk.scope, known.id, actor=desk.actor)

    return await carry_out(desk, deed, back=_page(known.id), notice="link_cancelled")


def amount_of(link: Link) -> str:
    """Return what is paid through a link, in words: one amount, or the bounds of one."""
    if link.amount is not None:
        return format_money(Money(link.amount, link.currency))
    bounds = (format_money(Money(bound or 0, link.currency)) for bound in (link.min_amount, link.max_amount))
    return " to ".join(bounds)


def _read(desk: Desk, values: Mapping[str, str]) -> tuple[NewLink, dict[str, str]]:
    """Return the link that a form describes, and what is wrong with it."""
    errors = {name: f"At most {most} letters." for name, most in _LONGEST.items() if len(values[name]) > most}
    currency = values["currency"].upper()
    if currency not in CURRENCIES:
        return NewLink(currency), errors | {"currency": "Write a currency's three letters, such as INR."}
    amounts: dict[str, int] = {}
    for name in ("amount",) if values["kind"] == "fixed" else ("min_amount", "max_amount"):
        money = read_amount(values[name], currency)
        if money is None or not money.minor:
            errors[name] = "Write an amount such as 250.00."
        else:
            amounts[name] = money.minor
    day = day_of(values, "last_day", zone_of(desk.request.cookies.get(ZONE_COOKIE)))
    if day is None and values["last_day"]:
        errors["last_day"] = "Choose a day, or none."
    customer = plain_payer(email=values["email"], phone=values["phone"])
    if values["email"] and customer.email is None:
        errors["email"] = "Write a whole e-mail address, or none."
    if values["phone"] and customer.phone is None:
        errors["phone"] = "Write a whole telephone number such as +91 98123 45670, or none."
    new = NewLink(
        currency=currency,
        amount=amounts.get("amount"),
        min_amount=amounts.get("min_amount"),
        max_amount=amounts.get("max_amount"),
        description=values["description"] or None,
        reference=values["reference"] or None,
        expires_at=None if day is None else day + timedelta(days=1),
        is_reusable=values["often"] == "many",
        notify=customer or None,
    )
    return new, errors


def _refused(problem: Problem) -> dict[str, str]:
    """Return what stands beside which field when a link can't be made."""
    match problem:
        case LinkExpiryRefused():
            return {"last_day": problem.message}
        case AmountRefused():
            said = "The processor does not take this amount. In rupees the least is 1.00."
            return {problem.param or "amount": said}
        case LinkBoundsRefused():
            return {"max_amount": "It must be more than the least."}
        case _:
            channel = problem.details.get("channel")
            return {name: problem.message for name, way in _WAYS.items() if way == channel}


def _reached(desk: Desk, link: Link) -> Payer:
    """Return to whom a link goes when it is sent again: by the ways that have a carrier."""
    customer, channels = desk.door.links.posting.customer_of(link), desk.door.merchants.channels
    return Payer(
        email=customer.email if channels.has(Channel.EMAIL) else None,
        phone=customer.phone if channels.has(Channel.SMS) else None,
    )


def _again(reached: Payer) -> str:
    """Return what the button does that sends a link again."""
    ways = _listed(reached.email and "e-mail", reached.phone and "SMS")
    return f"Send again by {ways}" if ways else "Let your systems send it again"


def _listed(*words: str | None) -> str:
    return " and ".join(word for word in words if word)


async def _form(desk: Desk, *, values: Mapping[str, str], errors: Mapping[str, str] | None = None) -> Response:
    status = 422 if errors else 200
    channels = desk.door.merchants.channels
    closed = {name: NO_CARRIER[way] for name, way in _WAYS.items() if not channels.has(way)}
    return await desk.show("link_new.html", status=status, values=values, errors=errors or {}, closed=closed)


def _shown(desk: Desk, link: Link) -> ShownStatus:
    return link.shown_status(desk.door.clock.now())


def _facts(link: Link) -> list[tuple[str, str]]:
    facts = [("Link", link.id), ("Amount", amount_of(link))]
    return [
        *facts,
        *((name, text) for name, text in (("For", link.description), ("Reference", link.reference)) if text),
    ]


def _page(link_id: str) -> str:
    return f"{HOME}/links/{link_id}"
