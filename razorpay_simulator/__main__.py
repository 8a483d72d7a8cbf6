"""The command: `python -m razorpay_simulator`."""

from pathlib import Path
from typing import Annotated

import typer

from razorpay_simulator.config import SimulatorConfig
from razorpay_simulator.server import run

_DEFAULTS = SimulatorConfig()
cli = typer.Typer(add_completion=False)


@cli.command()
def simulate(  # noqa: PLR0913  the documented key; every parameter is an option of the command
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 means any free one.")] = 8090,
    key_id: Annotated[str, typer.Option(help="Key id of the default account.")] = _DEFAULTS.key_id,
    key_secret: Annotated[str, typer.Option(help="Key secret of the default account.")] = _DEFAULTS.key_secret,
    seed: Annotated[int, typer.Option(help="Decides everything random.")] = 1,
    epoch: Annotated[int | None, typer.Option(help="Unix time to start at; makes ids reproducible.")] = None,
    latency_ms: Annotated[int, typer.Option(help="How long every API answer takes at least.")] = 0,
    journal: Annotated[Path | None, typer.Option(help="File for one JSON line per fact.")] = None,
    seed_data: Annotated[bool, typer.Option("--seed-data", help="Start with some payments.")] = False,
    unique_receipts: Annotated[bool, typer.Option(help="Refuse an order's receipt the second time.")] = True,
    refuse_private_urls: Annotated[bool, typer.Option(help="Refuse webhooks to private addresses.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No access log.")] = False,
) -> None:
    """Play Razorpay on this machine; no real money moves."""
    run(
        SimulatorConfig(
            host=host,
            port=port,
            key_id=key_id,
            key_secret=key_secret,
            seed=seed,
            epoch=epoch,
            latency_ms=latency_ms,
            journal=journal,
            seed_data=seed_data,
            unique_receipts=unique_receipts,
            refuse_private_urls=refuse_private_urls,
            quiet=quiet,
        )
    )


def main() -> None:
    """Run the command."""
    cli()


if __name__ == "__main__":
    main()
