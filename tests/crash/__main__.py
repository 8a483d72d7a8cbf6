"""The command `make crash`: kill the process at every step of every money flow, and look what becomes of the money."""

import asyncio
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import aiohttp
import typer

from app.local.embedded import EmbeddedMongod
from app.local.ports import free_port
from app.local.processes import end, spawn
from tests.crash.flows import FLOWS as FLOWS_OF_PAYMENTS
from tests.crash.link_flows import LINK_FLOWS
from tests.crash.matrix import Matrix, Pair, Verdict
from tests.crash.settlement_flows import SETTLEMENT_FLOWS
from tests.patience import patient

FLOWS = (*FLOWS_OF_PAYMENTS, *LINK_FLOWS, *SETTLEMENT_FLOWS)
cli = typer.Typer(add_completion=False)


def say(line: str) -> None:
    """Tell how far it is, beside the results."""
    typer.echo(line, err=True)


@cli.command()
def crash(
    flow: Annotated[str, typer.Argument(help="One flow; all of them when left out.")] = "",
    point: Annotated[str, typer.Argument(help="A point of it, or `point:visit`; none to let it live.")] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print every verdict as one JSON object.")] = False,
    share: Annotated[str, typer.Option(help="Only every n-th flow from the k-th on: `k/n`.")] = "1/1",
    sample: Annotated[str, typer.Option(help="Only every n-th pair from the k-th on, and each point once.")] = "1/1",
) -> None:
    """Let the process die at every fault point of every flow, and check the invariants after the recovery."""
    if flow and flow not in {known.name for known in FLOWS}:
        raise typer.BadParameter("; ".join(known.name for known in FLOWS), param_hint="FLOW")
    name, _, visit = point.partition(":")
    only = Pair(flow, name, int(visit or 1)) if flow else None
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="payment-gateway-crash-") as folder, EmbeddedMongod.ephemeral() as mongod:
        port = free_port()
        command = [sys.executable, "-m", "razorpay_simulator", "--port", str(port), "--quiet"]
        simulator = spawn(command, log=Path(folder, "simulator.log"))
        try:
            matrix = _matrix(Path(folder), patient(mongod.url), f"http://127.0.0.1:{port}", share)
            verdicts = [matrix.judge(only)] if only else list(matrix.run(_fraction(sample)))
        finally:
            end(simulator, grace_seconds=5)
        if only and any(verdict.broken for verdict in verdicts):
            say(matrix.log.read_text(encoding="utf-8")[-8000:])
    _show(verdicts, as_json=as_json)
    points = {verdict.pair.point for verdict in verdicts if verdict.pair.point}
    bad = sum(bool(verdict.broken) for verdict in verdicts)
    seconds = time.monotonic() - began
    say(f"{len(verdicts)} pairs of flow and point, {len(points)} points, {bad} violated, {seconds:.0f} s")
    raise typer.Exit(1 if bad else 0)


def _matrix(folder: Path, mongodb_url: str, simulator_url: str, share: str) -> Matrix:
    asyncio.run(_until_it_answers(simulator_url))
    _let_threads_end()
    flows = FLOWS[_fraction(share)]
    return Matrix.build(flows, mongodb_url=mongodb_url, simulator_url=simulator_url, folder=folder, say=say)


def _fraction(text: str) -> slice:
    first, _, step = text.partition("/")
    return slice(int(first) - 1, None, int(step))


def _show(verdicts: list[Verdict], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({f"{verdict.pair}": verdict.broken for verdict in verdicts}))
        return
    for verdict in verdicts:
        if verdict.broken:
            typer.echo("\n  ".join([f"{verdict.pair}", *verdict.broken]))


def _let_threads_end() -> None:
    """Wait for the threads of the start: a process with threads must not fork."""
    deadline = time.monotonic() + 10
    while threading.active_count() > 1:
        assert time.monotonic() < deadline, threading.enumerate()
        time.sleep(0.05)


async def _until_it_answers(url: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(15):
        while True:
            try:
                async with session.get(f"{url}/_sim/health") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


if __name__ == "__main__":
    cli()
