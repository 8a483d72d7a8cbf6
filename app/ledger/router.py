"""The books over HTTP: read only."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse

from app.kit.clock import Clock
from app.ledger import export
from app.ledger.schemas import (
    AccountsQuery,
    AccountsRead,
    ChainQuery,
    ChainRead,
    EntryQuery,
    EntryRead,
    ExportQuery,
    TrialBalanceQuery,
    TrialBalanceRead,
)
from app.ledger.service import Ledger
from app.ledger.verification import BookChecks
from app.web.envelope import Page, Success, ok
from app.web.principal import CurrentPrincipal
from app.web.route import Route

router = APIRouter(tags=["Ledger"], route_class=Route, prefix="/ledger")


@dataclass(frozen=True, slots=True)
class LedgerDoor:
    """What the routes need."""

    ledger: Ledger
    checks: BookChecks
    clock: Clock


class CsvResponse(StreamingResponse):
    """A table that is sent while it is read."""

    media_type = "text/csv"


def _door(request: Request) -> LedgerDoor:
    door: LedgerDoor = request.app.state.ledger_door
    return door


@router.get("/accounts", summary="Show the accounts")
async def ledger_accounts_get(
    query: Annotated[AccountsQuery, Query()], principal: CurrentPrincipal, request: Request
) -> Success[AccountsRead]:
    """Return every account with its balance, up to the last booked entry."""
    door = _door(request)
    balances = await door.ledger.get_balances(principal.scope)
    return ok(AccountsRead.of(balances, currency=query.currency), "Accounts.", now=door.clock.now())


@router.get("/entries", summary="List the entries")
async def ledger_entries_list(
    query: Annotated[EntryQuery, Query()], principal: CurrentPrincipal, request: Request
) -> Success[Page[EntryRead]]:
    """Return entries, newest first, by cursor."""
    door = _door(request)
    found = await door.ledger.list_entries(principal.scope, where=query.to_filter(), window=query.window())
    return ok(found.read(EntryRead.of), "Entries.", now=door.clock.now())


@router.get("/entries/{entry_id}", summary="Get an entry")
async def ledger_entries_get(entry_id: str, principal: CurrentPrincipal, request: Request) -> Success[EntryRead]:
    """Return one entry with its legs and its place in the chain."""
    door = _door(request)
    entry = await door.ledger.get_entry(principal.scope, entry_id)
    return ok(EntryRead.of(entry), "Entry.", now=door.clock.now())


@router.get("/trial-balance", summary="Show the trial balance of a moment")
async def ledger_trial_balance_get(
    query: Annotated[TrialBalanceQuery, Query()], principal: CurrentPrincipal, request: Request
) -> Success[TrialBalanceRead]:
    """Return every account as it was at a moment, and both sums of each currency, which are equal."""
    door = _door(request)
    now = door.clock.now()
    ledger, scope = door.ledger, principal.scope
    balances = await (ledger.get_trial_balance(scope, before=query.at) if query.at else ledger.get_balances(scope))
    return ok(TrialBalanceRead.of(balances, at=query.at or now), "Trial balance.", now=now)


@router.get(
    "/export",
    summary="Export the entries",
    response_class=CsvResponse,
    responses={200: {"description": "A table with one row for each leg, oldest first."}},
)
async def ledger_export_get(
    query: Annotated[ExportQuery, Query()], principal: CurrentPrincipal, request: Request
) -> CsvResponse:
    """Return entries as comma-separated values, sent while they are read: any number of them."""
    door = _door(request)
    batches = door.ledger.export_entries(principal.scope, since=query.since, before=query.before)

    async def lines() -> AsyncIterator[str]:
        yield export.header()
        async for batch in batches:
            yield export.rows_of(batch)

    return CsvResponse(lines(), headers={"Content-Disposition": 'attachment; filename="ledger.csv"'})


@router.get("/chain", summary="Verify the books")
async def ledger_chain_verify(
    query: Annotated[ChainQuery, Query()], principal: CurrentPrincipal, request: Request
) -> Success[ChainRead]:
    """Recompute a part of the chain, compare the stored sums, and tell what the worker's last whole walk found."""
    door = _door(request)
    read = ChainRead.of(await door.checks.verify(principal.scope, after=query.after))
    message = "The books are whole." if read.is_whole else "The books are broken."
    return ok(read, message, now=door.clock.now())
