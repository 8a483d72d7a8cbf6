"""The books: accounts, entries, the trial balance of a moment, and whether they are whole."""

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.door import HOME, desk_of
from app.dashboard.listing import chosen, day_of, filters_of, options_of, pager_of, text_of, window_of
from app.dashboard.route import DashboardRoute
from app.kit.ids import Prefix
from app.ledger.models import Account, CauseKind
from app.ledger.schemas import TrialBalanceRead
from app.ledger.store import EntryFilter
from app.pages.times import ZONE_COOKIE, zone_of

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/ledger")


@router.get("")
async def dashboard_ledger(request: Request) -> Response:
    """Show every account, now or at the end of a day, and how the books stand."""
    desk = desk_of(request)
    day = day_of(request.query_params, "at", zone_of(request.cookies.get(ZONE_COOKIE)))
    now = desk.door.clock.now()
    at = None if day is None else min(now, day + timedelta(days=1))
    ledger, scope = desk.door.ledger, desk.scope
    balances = await (ledger.get_balances(scope) if at is None else ledger.get_trial_balance(scope, before=at))
    return await desk.show(
        "ledger.html",
        trial=TrialBalanceRead.of(balances, at=at or now),
        at=at,
        checked=await desk.door.book_checks.verify(scope),
        filters=filters_of(request),
    )


@router.get("/entries")
async def dashboard_ledger_entries(request: Request) -> Response:
    """Show entries, newest first."""
    desk, query = desk_of(request), request.query_params
    window = window_of(request, Prefix.LEDGER_ENTRY)
    where = EntryFilter(
        account=chosen(query, "account", Account),
        cause=chosen(query, "cause", CauseKind),
        payment_id=text_of(query, "payment"),
    )
    found = await desk.door.ledger.list_entries(desk.scope, where=where, window=window)
    return await desk.show(
        "ledger_entries.html",
        entries=found.rows,
        pager=pager_of(request, window, found, id_of=lambda entry: entry.id),
        filters=filters_of(request),
        accounts=options_of(Account, anything="Any account"),
        causes=options_of(CauseKind, anything="Any fact"),
    )


@router.get("/entries/{entry_id}")
async def dashboard_ledger_entry(entry_id: str, request: Request) -> Response:
    """Show one entry with its place in the chain."""
    desk = desk_of(request)
    entry = await desk.door.ledger.get_entry(desk.scope, entry_id)
    return await desk.show("ledger_entry.html", entry=entry)
