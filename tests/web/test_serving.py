"""The server's end, on both event loops: what was sent to it is answered, and what comes later is refused."""

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
import uvloop

from app.web.serving import DrainingServer
from tests.chaos.proxy import HOST

_REQUEST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
_Loops = Callable[[], asyncio.AbstractEventLoop]
_LOOPS = pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["own", "uvloop"])


class Service:
    """A server with an application that answers 204 to everything, closing the connection once it ends."""

    def __init__(self, *, drain_seconds: float = 5) -> None:
        self.is_ending = False
        config = uvicorn.Config(self._app, interface="asgi3", host=HOST, port=0, lifespan="off", log_config=None)
        self.server = DrainingServer(config, drain_seconds=drain_seconds, on_end=self._end)

    async def start(self) -> None:
        config = self.server.config
        config.load()
        self.server.lifespan = config.lifespan_class(config)
        await self.server.startup()
        self.address = self.server.servers[0].sockets[0].getsockname()[:2]

    def connected(self) -> socket.socket:
        """Return a connection; made by the system alone, so the server has not seen it yet."""
        return socket.create_connection(self.address, timeout=5)

    def _end(self) -> None:
        self.is_ending = True

    async def _app(self, _scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"connection", b"close")] if self.is_ending else []
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body"})


@_LOOPS
def test_p7_a_request_that_waits_at_the_door_is_answered(loop_factory: _Loops) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        service = Service()
        runner.run(service.start())
        service.server.handle_exit(signal.SIGTERM, None)
        # The loop does not run: all of these are in the listener's queue when the server ends.
        clients = [service.connected() for _ in range(20)]
        for client in clients:
            client.sendall(_REQUEST)
        runner.run(service.server.shutdown())
        assert {_answer(client) for client in clients} == {b"HTTP/1.1 204 No Content"}


@_LOOPS
def test_p7_a_request_on_its_way_on_an_open_connection_is_answered(loop_factory: _Loops) -> None:
    async def told_late() -> bytes:
        await service.start()
        client = service.connected()
        service.server.handle_exit(signal.SIGTERM, None)
        ending = asyncio.create_task(service.server.shutdown())
        await asyncio.sleep(0.1)
        client.sendall(_REQUEST)
        await ending
        return _answer(client)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        service = Service()
        assert runner.run(told_late()) == b"HTTP/1.1 204 No Content"


@_LOOPS
def test_who_comes_later_is_refused(loop_factory: _Loops) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        service = Service()
        runner.run(service.start())
        runner.run(service.server.shutdown())
        with pytest.raises(ConnectionRefusedError):
            service.connected()


@_LOOPS
def test_who_says_nothing_does_not_keep_the_server(loop_factory: _Loops) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        service = Service()
        runner.run(service.start())
        with service.connected() as silent:
            runner.run(asyncio.wait_for(service.server.shutdown(), 30))
            assert silent.recv(1) == b""


def test_a_second_request_to_end_is_obeyed_at_once() -> None:
    server = Service(drain_seconds=60).server
    server.handle_exit(signal.SIGTERM, None)
    assert not asyncio.run(server.on_tick(1))
    server.handle_exit(signal.SIGTERM, None)
    assert asyncio.run(server.on_tick(1))


def test_without_a_balancer_the_end_is_at_once() -> None:
    server = Service(drain_seconds=0).server
    server.handle_exit(signal.SIGTERM, None)
    assert asyncio.run(server.on_tick(1))


def _answer(client: socket.socket) -> bytes:
    """Return the first line of what a client was answered."""
    with client:
        return client.recv(4096).partition(b"\r\n")[0]
