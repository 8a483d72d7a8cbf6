"""Commands for whoever runs the service: `outbox` and `erasures`, of all merchants."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli_base import with_wiring
from app.kit.clock import to_rfc3339
from app.outbox.models import ItemState

if TYPE_CHECKING:
    from app.wiring import Wiring

outbox_app = typer.Typer(no_args_is_help=True, help="Look at the outbox of all merchants, and replay what is parked.")

erasures_app = typer.Typer(
    no_args_is_help=True, help="The list of erased customers: keep it, and apply it to a restored backup."
)


@outbox_app.command(name="list")
def outbox_list(
    *,
    state: Annotated[ItemState, typer.Option(help="Of which state.")] = ItemState.PARKED,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most, the newest first.")] = 50,
) -> None:
    """Print the items of a state, one a line as JSON."""

    async def show(wiring: "Wiring") -> None:
        for item in await wiring.outbox.survey_items(state=state, limit=limit):
            facts = {
                "id": item.id,
                "merchant": item.scope.tenant,
                "mode": item.scope.mode,
                "name": item.name,
                "subject": item.subject,
                "attempts": item.attempts,
                "reason": item.reason,
                "created_at": to_rfc3339(item.created_at),
            }
            typer.echo(json.dumps(facts))

    asyncio.run(with_wiring(show))


@outbox_app.command(name="replay")
def outbox_replay(item_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The items' ids.")]) -> None:
    """Take ended items up again, from their first try; an effect that one already had is not repeated."""
    from app.kit.errors import Problem

    async def replay(wiring: "Wiring") -> None:
        refused = 0
        for item_id in item_ids:
            try:
                await wiring.outbox.replay_anywhere(item_id)
            except Problem as problem:
                refused += 1
                typer.echo(f"{item_id}: {problem.message}", err=True)
            else:
                typer.echo(f"{item_id}: will be worked on again.")
        if refused:
            raise typer.Exit(1)

    asyncio.run(with_wiring(replay))


@erasures_app.command(name="list")
def erasures_list() -> None:
    """Print every erasure of all merchants, one a line as JSON: keep it beside the backups. It names nobody."""
    from app.customers.erasures import lines_of

    async def show(wiring: "Wiring") -> None:
        async for line in lines_of(wiring.customers.erasing):
            typer.echo(line)

    asyncio.run(with_wiring(show))


@erasures_app.command(name="apply")
def erasures_apply(path: Annotated[Path, typer.Argument(help="What `erasures list` printed.", exists=True)]) -> None:
    """Erase again whom a restored backup has brought back; whoever is erased already stays so."""
    from app.customers.erasures import apply_lines

    async def erase(wiring: "Wiring") -> None:
        await wiring.start()
        try:
            again, known = await apply_lines(wiring.customers.erasing, path.read_text().splitlines())
        except ValueError as refusal:
            typer.echo(f"Nothing was erased: {refusal}.", err=True)
            raise typer.Exit(2) from None
        typer.echo(f"{again} customers are being erased again; {known} were erased already.")

    asyncio.run(with_wiring(erase))
