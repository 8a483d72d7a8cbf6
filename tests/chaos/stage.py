"""The product as real processes: three mongods, the simulator, API instances and workers, all through the proxy."""

import asyncio
import contextlib
import random
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp

from app.local.ports import free_port
from app.webhooks.signing import sign
from tests.chaos.builds import Build
from tests.chaos.cluster import Cluster
from tests.chaos.processes import Program, ProxyClient, product_programs, proxy_program, simulator_program
from tests.chaos.proxy import HOST
from tests.webhooks.receiver import Receiver, receiving
from tests.world import Answer, Merchant, World

DATABASE = "chaos"
PROCESSOR, FRONT = "processor", "front"
_APIS, _WORKERS, _MERCHANTS = 2, 2, 2
_WATCH_SECONDS = 0.2
_HTTP_SECONDS = 15.0
_ANSWERS = (200, 200, 204, 200, 500, 503)
_UNSURE_ANSWERS = 2000
_SIGN_UP_SECONDS = 180.0
_DRAIN_SECONDS = "1"
PLAIN_OPTIONS = (
    "wTimeoutMS=0&serverSelectionTimeoutMS=30000&connectTimeoutMS=20000&socketTimeoutMS=0&heartbeatFrequencyMS=10000"
    "&timeoutMS=0"
)


class _ToldToWait(RuntimeError):
    """The product answered 503, and after how many seconds to come back."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(slots=True)
class _Front(World):
    """The product as it is reached by the balancer, whose 503 is no answer."""

    async def ask(self, *asked: Any, **options: Any) -> Answer:
        answer = await World.ask(self, *asked, **options)
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise _ToldToWait(float(answer.headers["Retry-After"]))
        return answer


@dataclass(slots=True)
class Stage:
    """Everything that runs, and how to reach it."""

    folder: Path
    cluster: Cluster
    proxy: ProxyClient
    simulator: Program
    apis: Sequence[Program]
    workers: Sequence[Program]
    api_ports: Sequence[int]
    simulator_port: int
    session: aiohttp.ClientSession
    build: Build
    receiver: Receiver
    merchants: list[Merchant] = field(default_factory=list)
    signing_secrets: dict[str, str] = field(default_factory=dict)
    settled: list[str] = field(default_factory=list)

    @property
    def products(self) -> list[Program]:
        """Return the API instances and the workers."""
        return [*self.apis, *self.workers]

    @property
    def journal(self) -> Path:
        """Return the simulator's journal."""
        return self.folder / "journal.jsonl"

    @property
    def simulator_url(self) -> str:
        """Return the simulator's own address, past the proxy."""
        return f"http://{HOST}:{self.simulator_port}"

    def api_url(self, number: int) -> str:
        """Return the address of one API instance."""
        return f"http://{HOST}:{self.api_ports[number % len(self.api_ports)]}"

    async def simulate(
        self, method: str, path: str, body: Any = None, *, timeout_seconds: float = _HTTP_SECONDS
    ) -> tuple[int, Any]:
        """Ask the simulator's control API, which no fault touches."""
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        async with self.session.request(method, self.simulator_url + path, json=body, timeout=timeout) as answer:
            return answer.status, await answer.json()

    async def watch(self) -> None:
        """Start again whatever ended, as a supervisor does, until cancelled."""
        await _watch(self.products)

    async def add_merchants(self, count: int = _MERCHANTS) -> None:
        """Sign merchants up over HTTP; their events come through the balancer in front of the API instances."""
        world = _Front(
            url=f"http://{HOST}:{self.proxy.ports[FRONT]}",
            simulator=cast("Any", SimpleNamespace(url=self.simulator_url)),
            wiring=cast("Any", None),
            settings=cast("Any", None),
            session=self.session,
        )
        async with asyncio.timeout(_SIGN_UP_SECONDS):
            while len(self.merchants) < count:
                # The set may elect once more right after its start. Whose sign-up a 503 cut short begins as another.
                try:
                    await self._add_merchant(world)
                except _ToldToWait as told:
                    await asyncio.sleep(told.seconds)

    async def _add_merchant(self, world: World) -> None:
        merchant = await world.merchant()
        endpoint = {"url": f"{self.receiver.url}?{merchant.id}"}
        made = await merchant.ask_as_owner("POST", "/api/v1/webhook-endpoints", endpoint)
        assert made.status == 201, made.body
        self.signing_secrets[merchant.id] = made.data["secret"]
        self.merchants.append(merchant)

    def received(self) -> list[dict[str, Any]]:
        """Return what the merchants' receivers got: of which event, whose it was to be, and whether it verifies."""
        return [
            {
                "id": headers["webhook-id"],
                "merchant": merchant,
                "is_signed": _is_signed(self.signing_secrets[merchant], headers, body),
            }
            for (headers, body), merchant in zip(self.receiver.got, self.receiver.queries, strict=True)
        ]


@contextlib.asynccontextmanager
async def staged(seed: int, *, build: Build | None = None, folder: Path | None = None) -> AsyncIterator[Stage]:
    """Start everything, yield it with merchants signed up, end everything."""
    build = build or Build()
    folder = folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster.prepared(is_tuned=build.is_tuned, size=build.members)
    taken: list[int] = [port for (port,) in cluster.targets.values()]
    simulator_port, *api_ports = (_reserve(taken) for _ in range(1 + _APIS))
    targets = {**cluster.targets, PROCESSOR: (simulator_port,), FRONT: tuple(api_ports)}
    gate, cluster.proxy = proxy_program(folder, targets, {name: _reserve(taken) for name in targets}, seed=seed)
    simulator = simulator_program(folder, port=simulator_port, seed=seed)
    environment = _environment(cluster, build)
    apis, workers = product_programs(folder, environment, api_ports=api_ports, workers=_WORKERS, command=build.command)
    # A client of a payment API gives an idle connection up before the server does; one that drains does so soon.
    is_kept = {"force_close": True} if build.older else {"keepalive_timeout": 2}
    connector = aiohttp.TCPConnector(limit=0, **is_kept)
    timeout = aiohttp.ClientTimeout(total=_HTTP_SECONDS)
    try:
        gate.start()
        await gate.wait_until_healthy()
        simulator.start()
        await cluster.start()
        for program in (*apis, *workers):
            program.start()
        # What meets an election right after the set's start ends, and is started again.
        watching = asyncio.create_task(_watch([*apis, *workers]))
        try:
            await asyncio.gather(*(each.wait_until_healthy() for each in (simulator, *apis, *workers)))
        finally:
            watching.cancel()
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, receiving() as receiver:
            ports = (api_ports, simulator_port)
            stage = Stage(folder, cluster, cluster.proxy, simulator, apis, workers, *ports, session, build, receiver)
            await stage.add_merchants()
            # Receivers have bad days too: a part of the deliveries has to be made again.
            receiver.answers = random.Random(seed).choices(_ANSWERS, k=_UNSURE_ANSWERS)
            yield stage
    finally:
        await asyncio.gather(*(program.stop() for program in [*apis, *workers]))
        await simulator.stop()
        await cluster.close()
        await gate.stop()


async def _watch(programs: Sequence[Program]) -> None:
    while True:
        for program in programs:
            program.restart_if_ended()
        await asyncio.sleep(_WATCH_SECONDS)


def _is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    signed = sign(headers["webhook-id"], int(headers["webhook-timestamp"]), body, secrets=[secret])
    return headers["webhook-signature"] == signed


def _reserve(taken: list[int]) -> int:
    taken.append(port := free_port(other_than=taken))
    return port


def _environment(cluster: Cluster, build: Build) -> dict[str, str]:
    assert cluster.proxy is not None
    options = build.url_options if build.is_tuned else PLAIN_OPTIONS
    return {
        "ENVIRONMENT": "test",
        "HOST": HOST,
        "PUBLIC_URL": f"http://{HOST}",
        "MONGODB_URL": cluster.url + (f"&{options}" if options else ""),
        "DATABASE_NAME": DATABASE,
        "SECRET_KEY": secrets.token_hex(32),
        "RAZORPAY_BASE_URL": f"http://{HOST}:{cluster.proxy.ports[PROCESSOR]}",
        "BCRYPT_ROUNDS": "4",
        "LOG_LEVEL": "WARNING",
        # Everybody in a run signs in from one address; the other budgets are the usual ones.
        "RATE_LIMIT_SIGN_IN": "1000/s",
        "TYPER_STANDARD_TRACEBACK": "1",
        "WORKER_POLL_SECONDS": "0.1",
        "WEBHOOKS_TO_PRIVATE": "true",
        **({"PYTHONPATH": str(build.older), "DRAIN_SECONDS": _DRAIN_SECONDS} if build.older else {}),
    }
