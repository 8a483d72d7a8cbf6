"""What every command needs: the settings, a database that answers, the services, an event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING

import typer
from pydantic import ValidationError

from app.config import Settings

if TYPE_CHECKING:
    from app.wiring import Wiring


def load_settings() -> Settings:
    """Return the settings, or end with one sentence a problem."""
    try:
        return Settings()
    except ValidationError as error:
        for problem in error.errors():
            place = ".".join(str(part) for part in problem["loc"]).upper()
            sentence = problem["msg"].removeprefix("Value error, ")
            typer.echo(f"Refused: {f'{place}: ' if place else ''}{sentence}", err=True)
        raise typer.Exit(2) from None


async def with_wiring(work: Callable[["Wiring"], Awaitable[None]], *, database_name: str = "") -> None:
    """Do a piece of work with the services, and close them; another database than the settings' may be named."""
    from app.wiring import wire

    settings = load_settings()
    if database_name:
        settings = settings.model_copy(update={"database_name": database_name})
    await until_the_database_answers(settings)
    wiring = wire(settings)
    try:
        await work(wiring)
    finally:
        await wiring.close()


async def until_the_database_answers(settings: Settings) -> None:
    """Wait for the database as long as the settings say, then end with one sentence."""
    from pymongo.errors import PyMongoError

    from app.database import Database, DatabaseUnreachable

    try:
        database = Database.connect(settings.mongodb_address, name=settings.database_name)
    except (PyMongoError, ValueError) as error:
        typer.echo(f"Refused: MONGODB_URL is no address of a database ({type(error).__name__}).", err=True)
        raise typer.Exit(2) from None
    try:
        await database.await_primary(
            seconds=settings.database_wait_seconds,
            on_wait=lambda why: typer.echo(f"{why} Waiting ...", err=True),
        )
    except DatabaseUnreachable as absent:
        typer.echo(f"Stopped: {absent}", err=True)
        raise typer.Exit(3) from None
    finally:
        await database.close()


def run_async(work: Coroutine[object, object, None]) -> None:
    """Run on uvloop where it exists, as the API does."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
        return
    uvloop.run(work)
