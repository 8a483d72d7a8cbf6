"""The first page: what was taken, and what needs somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.analytics.models import Sums
from app.analytics.service import Overview, shares_of
from app.auth.models import Permission
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.route import DashboardRoute
from app.disputes.models import DisputeStatus
from app.kit.money import Money
from app.pages import charts
from app.pages.charts import Mark
from app.pages.money import format_money
from app.pages.times import ZONE_COOKIE, zone_of
from app.payments.models import OrderState, PaymentStatus, SuspenseState
from app.payments.store import PaymentFilter
from app.web.paging import Window

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=HOME)

RANGES = (7, 30, 90)
_MOST_METHODS, _MOST_FAILURES = 5, 6
_COUNTED = 99
NO_VALUE, _MINUS = "\u2013", "\u2212"
_GENERAL_WORDS = {"upi": "UPI", "emi": "EMI", "netbanking": "Net banking"}


@dataclass(frozen=True, slots=True)
class Need:
    """Something that waits for a person: how much of it, in words, and where to look."""

    tone: str
    count: int
    text: str
    path: str

    @property
    def shown(self) -> str:
        """Return the count; it is counted up to a bound."""
        return f"{_COUNTED}+" if self.count > _COUNTED else str(self.count)


@router.get("")
async def dashboard_home(request: Request) -> Response:
    """Show the numbers of the last days, and what needs attention."""
    desk = desk_of(request)
    asked = request.query_params.get("days", "")
    days = int(asked) if asked in {str(one) for one in RANGES} else RANGES[1]
    zone = zone_of(request.cookies.get(ZONE_COOKIE))
    numbers = await desk.door.analytics.get_overview(desk.scope, days=days, zone=zone)
    currency = request.query_params.get("currency")
    chosen = next((one for one in numbers.overviews if one.currency == currency), None)
    overview = chosen or next(iter(numbers.overviews), None)
    newest = await desk.door.payments.list_payments(desk.scope, where=PaymentFilter(), window=Window(limit=6))
    return await desk.show(
        "home.html",
        days=days,
        ranges=RANGES,
        overview=overview,
        currencies=[one.currency for one in numbers.overviews],
        counted_at=numbers.counted_at,
        newest=newest.rows,
        needs=await needs_of(desk),
        **({} if overview is None else pictures_of(overview)),
    )


async def needs_of(desk: Desk) -> list[Need]:
    """Return what waits for a person, the most urgent first; each is counted up to a bound."""
    door, scope, window = desk.door, desk.scope, Window(limit=_COUNTED)

    async def payments(where: PaymentFilter) -> int:
        found = await door.payments.list_payments(scope, where=where, window=window)
        return len(found.rows) + found.has_more

    urgent = await door.disputes.list_urgent(scope, limit=_COUNTED)
    unanswered = [one for one in urgent if one.status is DisputeStatus.OPEN and one.answered is None]
    endpoints = await door.endpoints.list_endpoints(scope)
    held = await door.suspense.list_entries(scope, state=SuspenseState.OPEN, window=window)
    needs = [
        Need("bad", len(unanswered), "disputes to answer before their last day", f"{HOME}/disputes"),
        Need(
            "bad",
            sum(endpoint.is_failing for endpoint in endpoints),
            "webhook endpoints that do not take what they are told",
            f"{HOME}/webhooks",
        ),
        Need("warn", len(held.rows) + held.has_more, "amounts that belong to no payment", f"{HOME}/suspense"),
        Need(
            "warn",
            await payments(PaymentFilter(order_state=OrderState.UNKNOWN)),
            "payments whose order is not known yet",
            f"{HOME}/payments?attention=unknown",
        ),
        Need(
            "info",
            await payments(PaymentFilter(status=PaymentStatus.AUTHORIZED)),
            "payments to capture before the bank lets go",
            f"{HOME}/payments?status=authorized",
        ),
        Need(
            "warn",
            await payments(PaymentFilter(in_review=True)),
            "payments with something odd about them",
            f"{HOME}/payments?attention=review",
        ),
    ]
    if desk.may(Permission.AUDIT_READ):
        broken = await door.recovery.list_found(scope, is_open=True, window=window)
        count = len(broken.rows) + broken.has_more
        needs.insert(0, Need("bad", count, "facts that contradict each other", f"{HOME}/system"))
    return [need for need in needs if need.count]


def pictures_of(overview: Overview) -> dict[str, Any]:
    """Return the charts of an overview, and the parts behind them."""

    def money(minor: int) -> str:
        return format_money(Money(minor, overview.currency))

    days = [
        Mark(f"{day.day:%d %b}".lstrip("0"), day.sums.succeeded.amount, money(day.sums.succeeded.amount))
        for day in overview.days
    ]
    rates = [
        Mark(f"{day.day:%d %b}".lstrip("0"), day.sums.success_permille, percent(day.sums.success_permille))
        for day in overview.days
    ]
    whole = overview.whole
    methods = _marks(shares_of({name: one.amount for name, one in whole.methods.items()}, most=_MOST_METHODS), money)
    failures = shares_of(whole.failures, most=_MOST_FAILURES)
    return {
        "volume_chart": charts.bars(days, title="Volume by day", description=f"{money(whole.succeeded.amount)} in all"),
        "rate_chart": charts.line(
            rates, top=1000, title="Success rate by day", description=f"{percent(whole.success_permille)} in all"
        ),
        "method_ring": charts.ring(
            methods,
            title="Volume by method",
            description=", ".join(f"{mark.label} {mark.shown}" for mark in methods),
        ),
        "methods": methods,
        "failures": [
            (words_of(name), count, charts.meter(count, most=max(one for _, one in failures)))
            for name, count in failures
        ],
        "total": money(whole.succeeded.amount),
        "rate": percent(whole.success_permille),
        "comparisons": [
            ("Volume today", money(overview.today.succeeded.amount), _volumes(overview)),
            ("Paid today", str(overview.today.succeeded.count), _counts(overview)),
        ],
        "ticket": None if whole.average_ticket is None else money(whole.average_ticket),
        "refunded": money(whole.refunded.amount),
    }


def percent(permille: int | None) -> str:
    """Return thousandths as per cent with one digit, or a dash for nothing."""
    return NO_VALUE if permille is None else f"{permille // 10}.{permille % 10} %"


def words_of(name: str) -> str:
    """Return a machine word of the processor as people read it."""
    return _GENERAL_WORDS.get(name, name.replace("_", " ").capitalize())


def change(now: int, before: int) -> tuple[str, str]:
    """Return how much a number has changed, in words, and whether that is good, bad or nothing."""
    if not before:
        return ("new", "plain") if now else (NO_VALUE, "plain")
    permille = (now - before) * 1000 // before
    sign, size = ("+", permille) if permille >= 0 else (_MINUS, -permille)
    return f"{sign}{size // 10}.{size % 10} %", "good" if permille > 0 else "bad" if permille < 0 else "plain"


def _volumes(overview: Overview) -> Sequence[tuple[str, str, str]]:
    return _against(overview, lambda sums: sums.succeeded.amount)


def _counts(overview: Overview) -> Sequence[tuple[str, str, str]]:
    return _against(overview, lambda sums: sums.succeeded.count)


def _against(overview: Overview, of: Any) -> Sequence[tuple[str, str, str]]:
    before: Sequence[tuple[str, Sums]] = (
        ("against yesterday", overview.yesterday),
        ("against last week", overview.last_week),
    )
    return [(label, *change(of(overview.today), of(sums))) for label, sums in before]


def _marks(parts: Sequence[tuple[str, int]], money: Any) -> list[Mark]:
    return [Mark(words_of(name), amount, money(amount)) for name, amount in parts]
