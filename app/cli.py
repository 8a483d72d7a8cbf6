"""The command door: `python -m app.cli COMMAND`, or `payment-gateway COMMAND` once installed.

Each command imports what it needs itself, so that `run` is up before the libraries of the API are even read.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli_base import load_settings, run_async, until_the_database_answers, with_wiring
from app.cli_upkeep import erasures_app, outbox_app
from app.config import Environment, Settings
from app.kit.clock import SystemClock
from app.kit.logs import configure_logs

if TYPE_CHECKING:
    from app.wiring import Wiring

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Payment Gateway API.")

app.add_typer(outbox_app, name="outbox")
app.add_typer(erasures_app, name="erasures")


def main() -> None:
    """Run the command line."""
    app()


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
    asyncio.run(until_the_database_answers(settings))
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
        await until_the_database_answers(settings)
        try:
            await run_worker(settings, ready_file=Path(ready_file) if ready_file else None)
        except MetricsPortTaken as taken:
            typer.echo(f"Stopped: {taken.strerror}", err=True)
            raise typer.Exit(3) from None

    run_async(work())


@app.command()
def demo(
    *,
    api_url: Annotated[str, typer.Option(help="Of the API, when it is not this machine's.")] = "",
    simulator_url: Annotated[str, typer.Option(help="Of the simulator, when it is not this machine's.")] = "",
) -> None:
    """Walk three payments through a running `make run`: paid and refunded, failed, paid late; then to the bank."""
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

    asyncio.run(with_wiring(fill))


@app.command()
def migrate() -> None:
    """Create collections and indexes and run pending migrations; the API and the worker do so at their start too."""

    async def start(wiring: "Wiring") -> None:
        await wiring.start()

    asyncio.run(with_wiring(start))
    typer.echo("The database is ready.")


@app.command(name="gather-customers")
def gather_customers() -> None:
    """Count every completed payment for its customer again: after SECRET_KEY was rotated, or to make customers anew."""

    async def gather(wiring: "Wiring") -> None:
        await wiring.start()
        changed = await wiring.customers.gathering.gather_everything()
        typer.echo(f"Customers are as their payments are; {changed} payments were counted anew.")

    asyncio.run(with_wiring(gather))


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

    asyncio.run(with_wiring(save))


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

    asyncio.run(with_wiring(bring_back, database_name=database))


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


if __name__ == "__main__":
    main()
