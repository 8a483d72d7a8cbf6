"""`make attack`: attack a running nginx from a process of its own, beside a good client whose times are compared.

It starts the lighter half of the deployment with the limits of production. Every attack has to be refused, and the good
client's 99th percentile may be at most 1.5 times its quiet one; a machine that is busy otherwise gets three tries.
"""

import asyncio
import json
import ssl
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import aiohttp
import typer

from app.local.embedded import EmbeddedMongod
from tests.deploy.attacks import ATTACKS, Outcome, Target
from tests.deploy.edge import NAME, Edge, running_edge

_MOST_TIMES_SLOWER = 1.5
_TRIES = 3
_QUIET_REQUESTS = 500
_REST_SECONDS = 0.02


async def run() -> bool:
    """Attack, and tell whether all of it was refused and nobody else noticed."""
    with EmbeddedMongod.ephemeral() as mongod, tempfile.TemporaryDirectory(prefix="payment-gateway-attack-") as place:
        async with running_edge(mongod.url, Path(place)) as edge:
            return await _attacked(edge)


async def _attacked(edge: Edge) -> bool:
    await _times(edge, 100)
    ratio, outcomes = 0.0, {}
    for _ in range(_TRIES):
        quiet = await _times(edge, _QUIET_REQUESTS)
        attackers = await _attackers(edge)
        during: list[float] = []
        while attackers.returncode is None:
            during += await _times(edge, 25)
        said, _ = await attackers.communicate()
        outcomes = {name: Outcome(**told) for name, told in json.loads(said).items()}
        ratio = _percentile(during) / _percentile(quiet)
        if ratio <= _MOST_TIMES_SLOWER:
            break
    for name, outcome in outcomes.items():
        typer.echo(f"  {'refused' if outcome.was_refused else 'NOT REFUSED':<12} {name:<16} {outcome.told}")
    typer.echo(f"  a good client's 99th percentile: {ratio:.2f} of its quiet one (at most {_MOST_TIMES_SLOWER})")
    return ratio <= _MOST_TIMES_SLOWER and all(outcome.was_refused for outcome in outcomes.values())


async def _times(edge: Edge, count: int) -> list[float]:
    took = []
    for _ in range(count):
        began = time.perf_counter()
        async with edge.session.get(f"{edge.nginx.url}/health", timeout=aiohttp.ClientTimeout(total=10)) as answer:
            assert answer.status == 200, answer.status
        took.append(time.perf_counter() - began)
        await asyncio.sleep(_REST_SECONDS)
    return took


async def _attackers(edge: Edge) -> asyncio.subprocess.Process:
    certificate = str(edge.nginx.folder / "tls.crt")
    ports = (str(edge.nginx.http), str(edge.nginx.https))
    command = (sys.executable, "-m", "tests.deploy.attack", "--only-attack", certificate, *ports)
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)


async def _attack(certificate: str, http: int, https: int) -> dict[str, dict[str, object]]:
    target = Target(NAME, http, https, ssl.create_default_context(cafile=certificate))
    told = {}
    for name, attack in ATTACKS.items():
        outcome = await attack(target)
        told[name] = {"was_refused": outcome.was_refused, "told": outcome.told}
    return told


def _percentile(values: list[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]


def main(
    where: Annotated[list[str] | None, typer.Argument(help="Certificate and ports, for the attackers alone.")] = None,
    *,
    only_attack: Annotated[bool, typer.Option("--only-attack", hidden=True)] = False,
) -> None:
    """Attack a running nginx beside a good client."""
    if only_attack and where:
        certificate, http, https = where
        typer.echo(json.dumps(asyncio.run(_attack(certificate, int(http), int(https)))))
        return
    if not asyncio.run(run()):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
