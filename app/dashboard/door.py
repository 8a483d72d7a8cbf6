"""What the dashboard's pages need: the rooms' services, and for each request who asks and how they are answered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, StreamingResponse

from app.analytics.service import Analytics
from app.audit.service import Actor
from app.auth.browsers import Browsers, Visitor
from app.auth.keys import ApiKeys
from app.auth.models import Permission
from app.auth.service import Accounts
from app.auth.sessions import Sessions
from app.customers.erasing import Erasing
from app.customers.service import Customers
from app.dashboard.layout import NAVIGATION, NOTICES, problem_sentence
from app.disputes.service import Disputes
from app.health.heartbeats import Heartbeats
from app.health.service import Health
from app.inbox.service import Inbox
from app.kit.clock import Clock
from app.kit.errors import Problem
from app.kit.money import Money
from app.kit.scope import Scope
from app.ledger.service import Ledger
from app.ledger.verification import BookChecks
from app.links.service import Links
from app.notices.service import Notices
from app.outbox.service import Outbox
from app.pages.forms import Upload
from app.pages.live import Poll, Streams
from app.pages.money import format_money
from app.pages.render import Pages, see_other
from app.payments.outcomes import Outcomes
from app.payments.service import Payments
from app.payments.suspense import SuspenseMoney
from app.ratelimits.service import RateLimits
from app.recovery.service import Recovery
from app.refunds.service import Refunds
from app.settlements.service import Settlements
from app.tenants.service import Merchants
from app.web.errors import Unauthenticated
from app.web.principal import Principal
from app.webhooks.deliveries import Deliveries
from app.webhooks.service import Endpoints

HOME = "/dashboard"
SIGN_IN = f"{HOME}/sign-in"


@dataclass(frozen=True, slots=True)
class DashboardDoor:
    """The services; the doors of the application put one into `app.state.dashboard`."""

    pages: Pages
    browsers: Browsers
    limits: RateLimits
    accounts: Accounts
    sessions: Sessions
    keys: ApiKeys
    merchants: Merchants
    payments: Payments
    outcomes: Outcomes
    links: Links
    customers: Customers
    erasing: Erasing
    refunds: Refunds
    disputes: Disputes
    settlements: Settlements
    suspense: SuspenseMoney
    ledger: Ledger
    book_checks: BookChecks
    inbox: Inbox
    outbox: Outbox
    endpoints: Endpoints
    deliveries: Deliveries
    notices: Notices
    recovery: Recovery
    analytics: Analytics
    health: Health
    heartbeats: Heartbeats
    streams: Streams
    clock: Clock
    version: str

    @property
    def session_cookie(self) -> str:
        """Return the name of the cookie; by HTTPS browsers hold it to its prefix."""
        return "__Secure-pg_session" if self.pages.is_https else "pg_session"


@dataclass(frozen=True, slots=True)
class Desk:
    """A signed-in person at a page: who they are, what they may do, and how they are answered."""

    request: Request
    door: DashboardDoor
    visitor: Visitor

    @property
    def principal(self) -> Principal:
        """Return who asks, as the services know them."""
        return self.visitor.principal

    @property
    def scope(self) -> Scope:
        """Return whose data is shown."""
        return self.principal.scope

    @property
    def actor(self) -> Actor:
        """Return who did it, for the audit log."""
        return Actor(kind=self.principal.subject_kind.value, id=self.principal.subject_id)

    @property
    def form(self) -> dict[str, str]:
        """Return the fields of the form that was sent; the route has judged it."""
        fields: dict[str, str] = self.request.state.form
        return fields

    @property
    def files(self) -> dict[str, Upload]:
        """Return the files that came with the form, where its route takes some."""
        files: dict[str, Upload] = self.request.state.files
        return files

    def may(self, permission: str) -> bool:
        """Tell whether this person may do something; what they may not do is not shown to them."""
        return permission in self.principal.permissions

    async def show(self, template: str, *, status: int = 200, **facts: Any) -> HTMLResponse:
        """Return a page within the frame of the dashboard."""
        merchant = await self.door.merchants.get_merchant(self.principal.tenant)
        query = self.request.query_params
        shown = [entry for entry in NAVIGATION if entry.permission is None or self.may(entry.permission)]
        return self.door.pages.answer(
            self.request,
            f"dashboard/{template}",
            status=status,
            language="en",
            visitor=self.visitor,
            mode=self.principal.mode.value,
            merchant=merchant,
            navigation=shown,
            section=next((one.path for one in reversed(shown) if one.is_around(self.request.url.path)), ""),
            notice=NOTICES.get(query.get("notice", "")),
            problem=problem_sentence(query.get("problem", "")),
            may=self.may,
            Permission=Permission,
            cash=_cash,
            as_json=_as_json,
            now=self.door.clock.now(),
            **facts,
        )

    def watch(self, look: Poll) -> StreamingResponse:
        """Tell an open page what `look` finds, whenever that changes, until the viewer's session ends."""
        secret = self.request.cookies.get(self.door.session_cookie, "")

        async def poll() -> Mapping[str, object]:
            if await self.door.browsers.find_visitor(secret) is None:
                raise Unauthenticated
            return await look()

        return self.door.streams.answer(poll)

    def done(self, path: str, notice: str) -> RedirectResponse:
        """Return the answer to a form that was done: back to a page, which says so."""
        return see_other(path, notice=notice)

    def refused(self, path: str, problem: Problem) -> RedirectResponse:
        """Return the answer to a form that could not be done: back to a page, which says why."""
        return see_other(path, problem=problem.code)


def _cash(minor: int, currency: str) -> str:
    return format_money(Money(minor, currency))


def _as_json(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False, default=str)


def door_of(request: Request) -> DashboardDoor:
    """Return the services, as the application's door gave them."""
    door: DashboardDoor = request.app.state.dashboard
    return door


def desk_of(request: Request) -> Desk:
    """Return the desk of whoever the route let in."""
    return Desk(request, door_of(request), request.state.visitor)
