"""The command door: `python -m app.cli COMMAND`, or `payment-gateway COMMAND` once installed.

Each command imports what it needs itself, so that `run` is up before the libraries of the API are even read.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from app.config import Environment, Settings
from app.kit.clock import SystemClock, to_rfc3339
from app.kit.logs import configure_logs
from app.outbox.models import ItemState

if TYPE_CHECKING:
    from app.wiring import Wiring

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Payment Gateway API.")

outbox_app = typer.Typer(no_args_is_help=True, help="Look at the outbox of all merchants, and replay what is parked.")
app.add_typer(outbox_app, name="outbox")

erasures_app = typer.Typer(
    no_args_is_help=True, help="The list of erased customers: keep it, and apply it to a restored backup."
)
app.add_typer(erasures_app, name="erasures")


def main() -> None:
    """Run the command line."""
    app()


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


@app.command()
def run(
    *, reload: Annotated[bool, typer.Option("--reload", help="Restart the API when the code changes.")] = False
) -> None:
    """Start everything: database, simulator, API and worker, and say what is where."""
    from app.local.plan import RunPlan
    from app.local.supervisor import run as supervise

    settings = load_settings()
    plan = RunPlan(
        data_dir=settings.data_dir,
        host=settings.host,
        port=settings.port,
        simulator_port=settings.simulator_port,
        has_postbox=not (settings.is_production or settings.mail_server or settings.sms_service),
        postbox_port=settings.postbox_port,
        mongodb_url=settings.mongodb_url or None,
        mongod_path=settings.mongod_path or None,
        razorpay_key_id=settings.razorpay_key_id,
        razorpay_base_url=settings.razorpay_base_url or None,
        reload=reload,
    )
    raise typer.Exit(supervise(plan, say=typer.echo))


@app.command()
def api(*, reload: Annotated[bool, typer.Option("--reload", help="Restart when the code changes.")] = False) -> None:
    """Serve the HTTP API."""
    from app.main import serve

    settings = load_settings()
    asyncio.run(_until_the_database_answers(settings))
    configure_logs(level=settings.effective_log_level)
    serve(settings, reload=reload and settings.environment is not Environment.PRODUCTION)


@app.command()
def worker() -> None:
    """Apply the processor's events and check open payments, until told to stop."""
    from app.health.exporter import MetricsPortTaken
    from app.worker import run_worker

    ready_file = os.environ.get("WORKER_READY_FILE")
    settings = load_settings()

    async def work() -> None:
        await _until_the_database_answers(settings)
        try:
            await run_worker(settings, ready_file=Path(ready_file) if ready_file else None)
        except MetricsPortTaken as taken:
            typer.echo(f"Stopped: {taken.strerror}", err=True)
            raise typer.Exit(3) from None

    _run_async(work())


@app.command()
def demo(
    *,
    api_url: Annotated[str, typer.Option(help="Of the API, when it is not this machine's.")] = "",
    simulator_url: Annotated[str, typer.Option(help="Of the simulator, when it is not this machine's.")] = "",
) -> None:
    """Walk three payments through a running `make run`: paid and refunded, failed, paid late."""
    from app.local.demo import Demo, DemoFailed

    settings = load_settings()
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::", ""} else settings.host
    api = api_url.rstrip("/") or f"http://{host}:{settings.port}"
    simulator = simulator_url.rstrip("/") or f"http://127.0.0.1:{settings.simulator_port}"

    async def tell() -> None:
        async with Demo(api, simulator, SystemClock(), typer.echo) as stories:
            await stories.run()

    try:
        asyncio.run(tell())
    except DemoFailed as failure:
        typer.echo(f"The demo failed: {failure}", err=True)
        raise typer.Exit(1) from None
    typer.echo("All three payments ended as they must.")


@app.command(name="seed-demo")
def seed_demo_command(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Make the demo account with an API key, if it is not there; never in production."""
    from app.local.seed_demo import seed_demo

    settings = load_settings()
    if settings.is_production or not settings.demo_account:
        typer.echo("The demo account is switched off (DEMO_ACCOUNT, ENVIRONMENT).", err=True)
        raise typer.Exit(2)
    facts = asyncio.run(seed_demo(settings))
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        for name, value in facts.items():
            typer.echo(f"{name}: {value}")


@app.command(name="seed-payments")
def seed_payments_command(
    *,
    count: Annotated[int, typer.Option(min=1, max=10_000_000, help="How many payments.")],
    days: Annotated[int, typer.Option(min=1, max=365, help="Over how many days.")] = 60,
    email: Annotated[str, typer.Option(help="Of whose merchant.")] = "demo@example.com",
    seed: Annotated[int, typer.Option(help="Another seed makes other payments.")] = 1,
    books: Annotated[bool, typer.Option("--books", help="Book them too, so that the invariants hold.")] = False,
) -> None:
    """Fill the database with made-up payments for measurements; never in production."""
    from app.kit.scope import Mode, Scope
    from app.local.seed_payments import Seeding, seed_payments

    if load_settings().is_production:
        typer.echo("Made-up payments have no place in production (ENVIRONMENT).", err=True)
        raise typer.Exit(2)

    async def fill(wiring: "Wiring") -> None:
        await wiring.start()
        user = await wiring.accounts.users.find_by_email(email)
        if user is None:
            typer.echo(f"Nobody has the e-mail {email}.", err=True)
            raise typer.Exit(2)
        scope = Scope(user.tenant, Mode.TEST)
        until = wiring.clock.now()
        asked = Seeding(scope=scope, count=count, days=days, until=until, seed=seed, with_books=books)
        await seed_payments(wiring, asked, say=lambda line: typer.echo(line, err=True))

    asyncio.run(_with_wiring(fill))


@app.command()
def migrate() -> None:
    """Create collections and indexes and run pending migrations; the API and the worker do so at their start too."""

    async def start(wiring: "Wiring") -> None:
        await wiring.start()

    asyncio.run(_with_wiring(start))
    typer.echo("The database is ready.")


@app.command(name="gather-customers")
def gather_customers() -> None:
    """Count every completed payment for its customer again: after SECRET_KEY was rotated, or to make customers anew."""

    async def gather(wiring: "Wiring") -> None:
        await wiring.start()
        changed = await wiring.customers.gathering.gather_everything()
        typer.echo(f"Customers are as their payments are; {changed} payments were counted anew.")

    asyncio.run(_with_wiring(gather))


@app.command()
def backup(
    directory: Annotated[Path, typer.Argument(help="Where the backup's folder is made.")],
    *,
    keep: Annotated[int | None, typer.Option(min=1, help="Remove whole backups beyond the newest so many.")] = None,
) -> None:
    """Save the whole database, as it is at one moment, into a new folder of a directory."""
    from app.backups.dump import BackupFailed

    async def save(wiring: "Wiring") -> None:
        try:
            await wiring.backups.create_backup(directory, keep=keep, say=typer.echo)
        except BackupFailed as failure:
            typer.echo(f"No backup: {failure}", err=True)
            raise typer.Exit(1) from None

    asyncio.run(_with_wiring(save))


@app.command()
def restore(
    path: Annotated[Path, typer.Argument(help="A backup's folder, or a directory: its newest whole backup.")],
    *,
    database: Annotated[str, typer.Option(help="Into another database than DATABASE_NAME.")] = "",
    drop: Annotated[bool, typer.Option("--drop", help="Replace what the database holds.")] = False,
    end_sessions: Annotated[bool, typer.Option("--end-sessions", help="Let everybody sign in again.")] = False,
    any_key: Annotated[bool, typer.Option("--any-key", help="Go on with another SECRET_KEY than its own.")] = False,
) -> None:
    """Bring a backup back into an empty database, and check every invariant; ends with 1 when one does not hold."""
    from app.backups.manifest import BackupUnusable
    from app.backups.restoring import RestoreRefused
    from app.backups.service import How

    how = How(replace=drop, end_sessions=end_sessions, any_key=any_key)

    async def bring_back(wiring: "Wiring") -> None:
        try:
            verdict = await wiring.backups.restore_backup(path, how=how, start=wiring.start, say=typer.echo)
        except (BackupUnusable, RestoreRefused) as refusal:
            typer.echo(f"Not restored: {refusal}", err=True)
            raise typer.Exit(2) from None
        for flaw in verdict.flaws:
            typer.echo(f"{flaw.looked_at}: {flaw.subject}: {flaw.fact}", err=True)
        if not verdict.holds:
            typer.echo(f"Restored, but {verdict.count} things are not as they must be.", err=True)
            raise typer.Exit(1)
        typer.echo("Restored: every invariant holds.")

    asyncio.run(_with_wiring(bring_back, database_name=database))


@app.command()
def openapi(
    *, postman: Annotated[bool, typer.Option("--postman", help="Print a Postman collection instead.")] = False
) -> None:
    """Print the API's OpenAPI document."""
    from app.main import create_app
    from app.web.postman import postman_collection

    settings = load_settings()
    document = create_app(settings).openapi()
    shown = postman_collection(document, base_url=settings.public_address) if postman else document
    typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))


@app.command(name="error-reference")
def error_reference() -> None:
    """Print the reference of every error code, as kept in docs/reference/errors.md."""
    from app.main import create_app
    from app.web.errors import errors_markdown

    create_app(Settings(_env_file=None))
    typer.echo(errors_markdown(), nl=False)


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

    asyncio.run(_with_wiring(show))


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

    asyncio.run(_with_wiring(replay))


@erasures_app.command(name="list")
def erasures_list() -> None:
    """Print every erasure of all merchants, one a line as JSON: keep it beside the backups. It names nobody."""
    from app.customers.erasures import lines_of

    async def show(wiring: "Wiring") -> None:
        async for line in lines_of(wiring.customers.erasing):
            typer.echo(line)

    asyncio.run(_with_wiring(show))


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

    asyncio.run(_with_wiring(erase))


async def _with_wiring(work: Callable[["Wiring"], Awaitable[None]], *, database_name: str = "") -> None:
    from app.wiring import wire

    settings = load_settings()
    if database_name:
        settings = settings.model_copy(update={"database_name": database_name})
    await _until_the_database_answers(settings)
    wiring = wire(settings)
    try:
        await work(wiring)
    finally:
        await wiring.close()


async def _until_the_database_answers(settings: Settings) -> None:
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


def _run_async(work: Coroutine[object, object, None]) -> None:
    """Run on uvloop where it exists, as the API does."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
        return
    uvloop.run(work)


if __name__ == "__main__":
    main()
