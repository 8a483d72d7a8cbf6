"""The command `make drill`: save 100,000 payments, restore them into a new replica set, and check every invariant."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from pymongo import MongoClient

from app.kit.logs import configure_logs
from app.local.embedded import EmbeddedMongod
from tests.backups.drill import Drill, drill
from tests.stepped import stepped

cli = typer.Typer(add_completion=False)
_WINDOW = "minSnapshotHistoryWindowInSeconds"


@cli.command()
def main(*, count: Annotated[int, typer.Option(min=1, help="How many made-up payments.")] = 100_000) -> None:
    """Run the drill, and print how long each step took; ends with 1 when anything is not as it was."""
    configure_logs(level="ERROR")
    with (
        tempfile.TemporaryDirectory(prefix="payment-gateway-drill-") as folder,
        EmbeddedMongod.ephemeral() as source,
        EmbeddedMongod.ephemeral() as target,
        MongoClient(source.url) as client,
    ):
        # A test run's mongod forgets its past after seconds; this is what servers come with.
        client.admin.command({"setParameter": 1, _WINDOW: 300})
        done = asyncio.run(_run(source.url, target.url, count=count, folder=Path(folder)))
    _show(done)
    raise typer.Exit(0 if done.passed else 1)


async def _run(source: str, target: str, *, count: int, folder: Path) -> Drill:
    async with stepped(source, "drill") as shop:
        say = typer.echo
        return await drill(shop, url=target, name="restored", count=count, folder=folder, say=say)


def _show(done: Drill) -> None:
    typer.echo("")
    for line in (*done.differing, *(f"{flaw.looked_at}: {flaw.subject}: {flaw.fact}" for flaw in done.verdict.flaws)):
        typer.echo(line)
    manifest = done.manifest
    typer.echo(f"{done.payments} payments, {manifest.documents} documents in {len(manifest.parts)} collections")
    packed, plain = manifest.file_size, sum(part.size for part in manifest.parts)
    typer.echo(f"{packed / 1e6:.1f} MB in files, of {plain / 1e6:.1f} MB")
    for name in ("seed", "backup", "restore", "checks"):
        typer.echo(f"{name:8} {done.seconds[name]:7.1f} s")
    typer.echo("every invariant holds, balances and documents are equal" if done.passed else "NOT as it was")


if __name__ == "__main__":
    cli()
