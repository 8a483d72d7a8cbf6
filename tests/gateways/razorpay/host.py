"""A host on loopback that plays every way an HTTP exchange can go wrong, on real sockets."""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Move = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class PlayingHost:
    """Answers the n-th request with the n-th move, and every later one with the last."""

    moves: list[Move]
    port: int = 0
    scheme: str = "http"
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                self.received.append(await _read_request(reader))
                move = self.moves[min(len(self.received), len(self.moves)) - 1]
                await move(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _read_request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, target, headers, body)


@contextlib.asynccontextmanager
async def playing(*moves: Move, tls: ssl.SSLContext | None = None) -> AsyncIterator[PlayingHost]:
    """Serve the moves on a free port until the block ends."""
    host = PlayingHost(list(moves), scheme="http" if tls is None else "https")
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(host.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answer(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Move:
    """Answer with JSON, or with the very bytes or text given."""
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = {"Content-Length": str(len(raw)), "Content-Type": "application/json", **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    message = f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + raw

    async def move(writer: asyncio.StreamWriter) -> None:
        writer.write(message)
        await writer.drain()

    return move


def held(arrived: asyncio.Event, over: asyncio.Event, move: Move) -> Move:
    """Return a move that says when the request has arrived, and is made once the test lets it."""

    async def play(writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await over.wait()
        await move(writer)

    return play


def slowly(seconds: float, then: Move) -> Move:
    async def move(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await then(writer)

    return move


async def reset(writer: asyncio.StreamWriter) -> None:
    """Cut the connection with a TCP reset, the request being read."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    await asyncio.sleep(0)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close politely without an answer, as a server does with an idle keep-alive connection."""
    writer.close()
    await asyncio.sleep(0)


async def half_an_answer(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"id": "order_')
    await writer.drain()
    writer.close()


async def no_http(writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    await writer.drain()
    writer.close()


class Flood:
    """Streams an endless body in chunks and counts what it could send."""

    def __init__(self, megabytes: int) -> None:
        self.left = megabytes
        self.sent = 0

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b"7" * 65536 + b"\r\n"
        for _ in range(self.left * 16):
            writer.write(piece)
            await writer.drain()
            self.sent += 65536
        writer.write(b"0\r\n\r\n")
        await writer.drain()
