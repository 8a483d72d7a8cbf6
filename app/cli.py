"""The command door: `python -m app.cli COMMAND`, or `payment-gateway COMMAND` once installed.

Each command imports what it needs itself, so that `run` is up before the libraries of the API are even read.
"""

import asyncio
import json
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from app.config import Environment, Settings
from app.kit.clock import SystemClock
from app.kit.logs import configure_logs

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Payment Gateway API.")

_GRACE_SECONDS = 20
_BACKLOG = 2048


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
    import uvicorn

    settings = load_settings()
    configure_logs(level=settings.effective_log_level)
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        reload=reload and settings.environment is not Environment.PRODUCTION,
        reload_dirs=["app"] if reload else None,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


@app.command()
def worker() -> None:
    """Apply the processor's events and check open payments, until told to stop."""
    from app.worker import run_worker

    ready_file = os.environ.get("WORKER_READY_FILE")
    _run_async(run_worker(load_settings(), ready_file=Path(ready_file) if ready_file else None))


@app.command()
def demo() -> None:
    """Walk three payments through a running `make run`: paid, failed, paid late."""
    from app.local.demo import Demo, DemoFailed

    settings = load_settings()
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::", ""} else settings.host
    api_url = f"http://{host}:{settings.port}"
    simulator_url = f"http://127.0.0.1:{settings.simulator_port}"

    async def tell() -> None:
        async with Demo(api_url, simulator_url, SystemClock(), typer.echo) as stories:
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


@app.command()
def migrate() -> None:
    """Create collections and indexes and run pending migrations; the API and the worker do so at their start too."""
    from app.wiring import wire

    async def work() -> None:
        wiring = wire(load_settings())
        try:
            await wiring.start()
        finally:
            await wiring.close()

    asyncio.run(work())
    typer.echo("The database is ready.")


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
