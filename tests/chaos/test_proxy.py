"""The proxy breaks what it is told to break, and nothing else."""

import asyncio
import os
import random
import time

import pytest

from app.local.ports import free_port
from tests.chaos.processes import ProxyClient
from tests.chaos.proxy import HOST, Gate, Proxy

_SECONDS = 5.0


@pytest.fixture
async def gate():
    """Return the command of a proxy before a server that sends back what it gets."""

    async def echo(reader, writer):
        while chunk := await reader.read(1024):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, HOST, 0)
    target = server.sockets[0].getsockname()[1]
    ports = {name: free_port(other_than={target}) for name in ("echo", "control")}
    proxy = Proxy({"echo": Gate("echo", ports["echo"], (target,))}, random.Random(1))
    serving = asyncio.create_task(proxy.serve(ports["control"]))
    client = ProxyClient(ports["control"], {"echo": ports["echo"]})
    async with asyncio.timeout(_SECONDS):
        while True:
            try:
                await client.heal()
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
    yield client
    serving.cancel()
    server.close()
    await asyncio.gather(serving, return_exceptions=True)


@pytest.fixture
async def connect(gate):
    """Return a function that connects to the echo through the proxy."""
    opened = []

    async def connected():
        opened.append(await asyncio.open_connection(HOST, gate.ports["echo"]))
        return opened[-1]

    yield connected
    for _, writer in opened:
        writer.transport.abort()
    await asyncio.sleep(0.05)


async def _said(connection, text):
    """Send a text and return what comes back; nothing when the connection ended."""
    reader, writer = connection
    try:
        writer.write(text)
        await writer.drain()
        return await reader.read(1024)
    except ConnectionError:
        return b""


async def test_without_a_rule_everything_passes(connect):
    assert await _said(await connect(), b"hello") == b"hello"


async def test_a_cut_ends_what_is_under_way_and_what_comes_and_is_lifted(gate, connect):
    before = await connect()
    assert await _said(before, b"hello") == b"hello"
    await gate.impose("echo", is_cut=True)
    assert await _said(before, b"hello") == b""
    assert await _said(await connect(), b"hello") == b""
    await gate.heal()
    assert await _said(await connect(), b"hello") == b"hello"


async def test_a_half_open_link_holds_everything_until_it_is_lifted(gate, connect):
    connection = await connect()
    await gate.impose("echo", is_half_open=True)
    waiting = asyncio.create_task(_said(connection, b"hello"))
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done
    await gate.heal()
    assert await asyncio.wait_for(waiting, _SECONDS) == b"hello"


async def test_latency_is_at_least_what_was_asked_for(gate, connect):
    await gate.impose("echo", latency_ms=100)
    began = time.monotonic()
    assert await _said(await connect(), b"hello") == b"hello"
    assert time.monotonic() - began >= 0.2  # there and back


async def test_a_link_ends_after_so_many_bytes(gate, connect):
    await gate.impose("echo", reset_after_bytes=15)
    connection = await connect()
    assert await _said(connection, b"hello") == b"hello"
    assert await _said(connection, b"hello") == b""


async def test_a_dropped_answer_is_that_of_a_post_only(gate, connect):
    await gate.impose("echo", drops_answers=1.0)
    assert await _said(await connect(), b"GET / HTTP/1.1") == b"GET / HTTP/1.1"
    assert await _said(await connect(), b"POST / HTTP/1.1") == b""


async def test_a_rule_for_one_process_leaves_the_others_alone(gate, connect):
    await gate.know(ourselves=os.getpid())
    await gate.impose("echo", source="somebody-else", is_cut=True)
    assert await _said(await connect(), b"hello") == b"hello"
    await gate.impose("echo", source="ourselves", is_cut=True)
    assert await _said(await connect(), b"hello") == b""
