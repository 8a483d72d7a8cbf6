"""The server, which ends so that whoever balances in front of it loses no request (P7)."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from app.kit.garbage import spare_the_lasting

_LOOK_SECONDS = 0.02
_LAST_LOOKS = 50


class DrainingServer(uvicorn.Server):
    """A server that leaves its balancer time: asked to end, it says "not ready" and goes on serving for a while (P7).

    It then takes no more connections, answers those that it has, finishes what is under way and ends. A second request
    to end is obeyed at once.

    Args:
        config: how to serve.
        drain_seconds: how long to serve on after it said that it ends; zero for one that nothing balances.
        on_end: called when it is asked to end. From then on the application answers that it is not ready, and
            closes the connection with each answer.
    """

    def __init__(self, config: uvicorn.Config, *, drain_seconds: float, on_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._on_end = on_end
        self._ends_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at the first SIGTERM; end otherwise."""
        self._on_end()
        if sig == signal.SIGTERM and self._drain_seconds and self._ends_at is None:
            self._ends_at = time.monotonic() + self._drain_seconds
            return
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say to the garbage collector that all this stays."""
        await super().startup(sockets)
        spare_the_lasting()

    async def on_tick(self, counter: int) -> bool:
        """End once the time for draining is over; called ten times a second."""
        if self._ends_at is not None and time.monotonic() >= self._ends_at:
            return True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: first with those whose request is on its way, when something balances in front, then with all."""
        if self._drain_seconds and not self.force_exit:
            await self._close_the_door()
            await self._answer_the_last()
        await super().shutdown(sockets)

    async def _close_the_door(self) -> None:
        """Take no more connections, but keep every one that the system has already made.

        They wait in the listener's queue, often with their request, and closing the listener would cut them: a proxy
        may not send such a request elsewhere. So the queue is emptied through a second handle, which is closed at once.
        """
        loop = asyncio.get_running_loop()
        listeners = [listener for server in self.servers for listener in server.sockets]
        for listener in listeners:
            # asyncio's own loop forgets a connection that it accepted in the very moment its server is closed.
            loop.remove_reader(listener.fileno())
        await asyncio.sleep(0)
        queues = [socket.socket(fileno=os.dup(listener.fileno())) for listener in listeners]
        for server in self.servers:
            server.close()
        for connection in [connection for queue in queues for connection in _emptied(queue)]:
            with contextlib.suppress(OSError):
                await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        # As uvicorn makes it for a connection of its own.
        protocol = self.config.http_protocol_class
        return protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)  # type: ignore[call-arg]

    async def _answer_the_last(self) -> None:
        """Wait for requests on connections that are there; each answer closes its own."""
        for _ in range(_LAST_LOOKS):
            # At least once: a connection that was just accepted is known a moment later.
            await asyncio.sleep(_LOOK_SECONDS)
            if not self.server_state.connections or self.force_exit:
                return


def _emptied(queue: socket.socket) -> list[socket.socket]:
    """Return the connections that wait at a listener, and close it."""
    waiting = []
    with queue, contextlib.suppress(BlockingIOError):
        queue.setblocking(False)
        while True:
            waiting.append(queue.accept()[0])
    return waiting
