"""Notices: the mails and SMS of the last 90 days, what became of each, and why in words where it went wrong.

Recipients are masked for everybody, as in the API.
"""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.listing import chosen, filters_of, options_of, pager_of, text_of, window_of
from app.dashboard.route import DashboardRoute
from app.kit.ids import Prefix
from app.notices.models import TOO_MANY, Notice, NoticeKind, NoticeState
from app.notices.schemas import NoticeRead
from app.notices.store import NoticeFilter
from app.tenants.channels import Channel

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/notices")

KINDS: Mapping[NoticeKind, str] = {
    NoticeKind.WEBHOOK_GAVE_UP: "An endpoint missed events",
    NoticeKind.WEBHOOK_GONE: "An endpoint is gone",
    NoticeKind.DISPUTE_OPENED: "A dispute",
    NoticeKind.SUSPENSE_OPENED: "Money waits for a decision",
    NoticeKind.PAYMENT_RECEIPT: "Receipt of a payment",
    NoticeKind.REFUND_RECEIPT: "Receipt of a refund",
    NoticeKind.PAYMENT_LINK: "A payment link",
}
CHANNELS: Mapping[Channel, str] = {Channel.EMAIL: "E-mail", Channel.SMS: "SMS"}
REASONS: Mapping[str, str] = {
    TOO_MANY: "This recipient, or all of yours together, got as many messages as may be sent in 24 hours.",
    "connection_failed": "The carrier could not be reached.",
    "credentials_refused": "The carrier did not accept this service's credentials; whoever runs it can correct them.",
    "gateway_refused": "The SMS service refused it.",
    "key_gone": "The recipient was sealed with a key that this service no longer has.",
    "no_carrier": "This service has no carrier for it any more; whoever runs it can set one up.",
    "not_an_address": "The mail server can't be given this address.",
    "not_encrypted": "The mail server offers no encryption, and without it nothing is sent.",
    "server_refused": "The mail server took no mail from this service at that time.",
    "timeout": "The carrier did not answer in time.",
    "tls_failed": "The carrier's certificate could not be trusted.",
}
"""Why a try failed, by its code; those that end in the carrier's number are put into words below."""

_NUMBERED = {"smtp": "The mail server answered with the code", "status": "The SMS service answered with the status"}


@router.get("")
async def dashboard_notices(request: Request) -> Response:
    """Show notices, newest first."""
    desk, query, window = desk_of(request), request.query_params, window_of(request, Prefix.NOTICE)
    where = NoticeFilter(
        state=chosen(query, "state", NoticeState),
        kind=chosen(query, "kind", NoticeKind),
        channel=chosen(query, "channel", Channel),
        subject=text_of(query, "subject"),
    )
    found = await desk.door.notices.list_notices(desk.scope, where=where, window=window)
    return await desk.show(
        "notices.html",
        notices=[_shown(desk, notice) for notice in found.rows],
        pager=pager_of(request, window, found, id_of=lambda notice: notice.id),
        filters=filters_of(request),
        states=options_of(NoticeState, anything="Any state"),
        kinds=[("", "Any kind"), *KINDS.items()],
        channels=[("", "Both ways"), *CHANNELS.items()],
        kind_words=KINDS,
        channel_words=CHANNELS,
        is_any_carried=bool(desk.door.notices.channels.open),
    )


@router.get("/{notice_id}")
async def dashboard_notice(notice_id: str, request: Request) -> Response:
    """Show a notice: to whom it went, what it is about, how often it was tried, and why it failed if it did."""
    desk = desk_of(request)
    found = await desk.door.notices.get_notice(desk.scope, notice_id)
    return await desk.show(
        "notice.html",
        told=_shown(desk, found),
        title=KINDS[found.kind],
        channel=CHANNELS[found.channel],
        whose="Your team" if found.kind.is_for_team else "A customer",
        reason=None if found.reason is None else reason_of(found.reason),
    )


def reason_of(code: str) -> str:
    """Return why a try failed, in words; a code that is not known here, as it is."""
    sort, _, number = code.partition("_")
    if number.isdecimal() and sort in _NUMBERED:
        return f"{_NUMBERED[sort]} {number}."
    return REASONS.get(code, code.replace("_", " ").capitalize())


def _shown(desk: Desk, notice: Notice) -> NoticeRead:
    return NoticeRead.of(notice, desk.door.notices.recipient_of(notice))
