"""Serves a simulator: in a process of its own, or inside a test on a free port."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import uvicorn
from uvicorn.config import LOGGING_CONFIG
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from razorpay_simulator.answers import TRANSPORT
from razorpay_simulator.app import build_app
from razorpay_simulator.config import SimulatorConfig
from razorpay_simulator.world import World

_GRACE_SECONDS = 1
_TICK_SECONDS = 0.1


class ResettableProtocol(HttpToolsProtocol):
    """Leaves the transport where a fault can find it, as ASGI itself can't reset a connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the parent has it
        """Begin a connection; small answers must not wait for the client's acknowledgement of their headers."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["state"][TRANSPORT] = self.transport


class _QuietServer(uvicorn.Server):
    """A server inside somebody else's process, whose signals stay theirs; it ends as soon as it is told."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Begin to end."""
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        """Tick as the parent does, without sleeping through the end."""
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), _TICK_SECONDS)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that answers.

    Args:
        url: where, without a slash at the end.
        world: its state, for tests that look inside.
        config: how it was started.
    """

    url: str
    world: World
    config: SimulatorConfig

    @property
    def key_id(self) -> str:
        """Return the default account's key id."""
        return self.config.key_id

    @property
    def key_secret(self) -> str:
        """Return the default account's secret."""
        return self.config.key_secret


@contextlib.asynccontextmanager
async def serve(config: SimulatorConfig | None = None) -> AsyncIterator[RunningSimulator]:
    """Run a simulator on the current loop until the block ends.

    Args:
        config: None means the defaults, on any free port of the loopback interface.

    Raises:
        OSError: the port is in use.
    """
    config = config or SimulatorConfig(port=0, quiet=True)
    world = World(config)
    listener = socket.create_server((config.host, config.port))
    # What uvicorn sets on its own sockets; without it every answer waits for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = _QuietServer(_settings(world, config, is_guest=True))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.005)
        host, port = listener.getsockname()[:2]
        yield RunningSimulator(f"http://{host}:{port}", world, config)
    finally:
        server.leave()
        await task
        listener.close()


def run(config: SimulatorConfig) -> None:
    """Run a simulator until it is told to stop."""
    uvicorn.Server(_settings(World(config), config, is_guest=False)).run()


def _settings(world: World, config: SimulatorConfig, *, is_guest: bool) -> uvicorn.Config:
    return uvicorn.Config(
        build_app(world),
        host=config.host,
        port=config.port,
        http=ResettableProtocol,
        ws="none",
        lifespan="on",
        log_level="warning" if config.quiet else "info",
        access_log=not config.quiet,
        # The loggers of a process belong to whoever started it.
        log_config=None if is_guest else LOGGING_CONFIG,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
