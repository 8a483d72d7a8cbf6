"""How one exchange can fail, played by a real host on loopback (rows R2 to R7)."""

import asyncio
import gzip
import random
import socket
import time

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from app import database
from app.gateways.port import NeverSent, OutcomeUnknown
from app.gateways.razorpay.transport import Answer, Limits, Transport
from app.kit.clock import SystemClock
from tests.gateways.razorpay.client import FINE, GET, GOOD, POST, QUICK, outcome, save_up, transport_to
from tests.gateways.razorpay.host import (
    Flood,
    Move,
    answer,
    half_an_answer,
    hang_up,
    held,
    no_http,
    playing,
    reset,
    slowly,
)


async def test_a_request_leaves_as_it_is_and_its_answer_comes_back() -> None:
    async with playing(FINE) as host, transport_to(host.url) as subject:
        assert await subject.send(POST) == GOOD
        assert await subject.send(GET) == GOOD

    first, second = host.received
    assert (first.method, first.target, first.body) == ("POST", "/v1/orders", POST.body)
    assert (second.method, second.target, second.headers["user-agent"]) == ("GET", "/v1/orders/order_1", "test")
    assert host.connections == 1


@pytest.mark.parametrize(
    ("move", "kind", "reason"),
    [
        (answer({"error": {}}, status=500), OutcomeUnknown, "status_500"),
        (answer("<html>502 Bad Gateway</html>", status=502), OutcomeUnknown, "status_502"),
        (answer({}, status=503, headers={"Retry-After": "1"}), OutcomeUnknown, "status_503"),
        (answer({}, status=408), OutcomeUnknown, "status_408"),
        (answer({}, status=302, headers={"Location": "/elsewhere"}), OutcomeUnknown, "status_302"),
        (answer(""), OutcomeUnknown, "answer_unreadable"),
        (answer("", status=204), OutcomeUnknown, "answer_unreadable"),
        (answer("<html>Welcome</html>"), OutcomeUnknown, "answer_unreadable"),
        (answer('{"id": "order_'), OutcomeUnknown, "answer_unreadable"),
        (answer('{"amount": NaN}'), OutcomeUnknown, "answer_unreadable"),
        (
            answer(gzip.compress(b'{"id": 1}'), headers={"Content-Encoding": "gzip"}),
            OutcomeUnknown,
            "answer_unreadable",
        ),
        (answer(b"7" * (1024 * 1024 + 1)), OutcomeUnknown, "answer_too_large"),
        (half_an_answer, OutcomeUnknown, "connection_lost"),
        (no_http, OutcomeUnknown, "connection_lost"),
        (reset, OutcomeUnknown, "connection_lost"),
        (hang_up, OutcomeUnknown, "connection_lost"),
        (answer({"message": "API rate limit exceeded"}, status=429), NeverSent, "rate_limited"),
    ],
)
async def test_r3_r5_r7_without_an_explicit_answer_the_outcome_of_a_post_is_unknown_and_it_left_once(
    move: Move, kind: type[OutcomeUnknown], reason: str
) -> None:
    async with playing(move) as host, transport_to(host.url) as subject:
        save_up(subject)
        assert await outcome(subject, POST) == (kind, reason)

    assert len(host.received) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
async def test_a_4xx_is_an_answer_with_or_without_json(status: int) -> None:
    async with (
        playing(answer({"error": "x"}, status=status), answer("<html>No</html>", status=status)) as host,
        transport_to(host.url) as subject,
    ):
        assert await subject.send(POST) == Answer(status, {"error": "x"})
        found = await subject.send(GET)

    assert (found, found.is_success) == (Answer(status, None), False)


async def test_r2_d9_a_slow_host_is_left_after_the_total_time() -> None:
    limits = Limits(total_seconds=0.2)
    async with playing(slowly(30, FINE)) as host, transport_to(host.url, limits=limits) as subject:
        began = time.monotonic()
        assert await outcome(subject, POST) == (OutcomeUnknown, "timed_out")

    assert time.monotonic() - began < 25


async def test_r2_d9_a_body_that_never_ends_is_left_after_the_total_time() -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        for _ in range(1000):
            writer.write(b" ")
            await asyncio.sleep(0.01)

    async with playing(trickle) as host, transport_to(host.url, limits=Limits(total_seconds=0.2)) as subject:
        assert await outcome(subject, POST) == (OutcomeUnknown, "timed_out")


async def test_r7_of_fifty_megabytes_one_is_read() -> None:
    flood = Flood(megabytes=50)
    async with playing(flood) as host, transport_to(host.url) as subject:
        assert await outcome(subject, POST) == (OutcomeUnknown, "answer_too_large")

    # The sockets' own buffers hold some megabytes that nobody read.
    assert flood.sent < 20 * 1024 * 1024


async def test_an_answer_of_exactly_the_limit_is_read() -> None:
    body = b'"' + b"7" * (1024 * 1024 - 2) + b'"'
    async with playing(answer(body)) as host, transport_to(host.url) as subject:
        assert (await subject.send(POST)).body == body.decode()[1:-1]


async def test_a_connection_closed_while_idle_costs_a_post_its_certainty_but_a_get_only_a_try() -> None:
    async with playing(FINE, hang_up, FINE, hang_up, FINE) as host, transport_to(host.url) as subject:
        save_up(subject)
        assert await subject.send(POST) == GOOD
        assert await outcome(subject, POST) == (OutcomeUnknown, "connection_lost")
        assert await subject.send(GET) == GOOD
        assert await subject.send(GET) == GOOD

    assert [request.method for request in host.received] == ["POST", "POST", "GET", "GET", "GET"]


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def test_r6_a_refused_connection_was_never_sent() -> None:
    async with transport_to(f"http://127.0.0.1:{unused_port()}") as subject:
        assert await outcome(subject, POST) == (NeverSent, "connect_failed")


class Nowhere(AbstractResolver):
    """A name server that knows no name; the system's own is not asked from tests."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise OSError(socket.EAI_NONAME, "unknown")

    async def close(self) -> None:
        return


async def test_r6_an_unknown_name_was_never_sent() -> None:
    connector = aiohttp.TCPConnector(resolver=Nowhere())
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        transport_to("http://host.invalid", session=session) as subject,
    ):
        assert await outcome(subject, POST) == (NeverSent, "name_unknown")


async def test_r2_a_host_that_accepts_no_connection_in_time_was_never_sent() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        port = sock.getsockname()[1]
        # The queue of the listener is filled, so that further connections hang.
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        async with transport_to(f"http://127.0.0.1:{port}", limits=Limits(connect_seconds=0.2)) as subject:
            assert await outcome(subject, POST) == (NeverSent, "connect_timed_out")
        for one in waiting:
            one.close()


async def test_nothing_is_sent_inside_a_database_transaction() -> None:
    async with playing(FINE) as host, transport_to(host.url) as subject:
        token = database._IN_TRANSACTION.set(True)
        try:
            with pytest.raises(database.NetworkInsideTransaction):
                await subject.send(GET)
        finally:
            database._IN_TRANSACTION.reset(token)

    assert host.received == []


async def test_after_closing_nothing_is_sent() -> None:
    async with playing(FINE) as host, transport_to(host.url) as subject:
        await subject.send(POST)
        await subject.close()
        assert await outcome(subject, POST) == (NeverSent, "closed")

    assert len(host.received) == 1


async def test_a_session_passed_in_is_used_and_left_open() -> None:
    async with playing(FINE) as host, aiohttp.ClientSession() as session:
        rng = random.Random(1)  # noqa: S311  jitter, no secret
        subject = Transport(host.url, limits=QUICK, clock=SystemClock(), rng=rng, session=session)
        assert await subject.send(GET) == GOOD
        await subject.close()
        assert not session.closed


async def test_a_call_that_waited_while_we_closed_is_not_sent() -> None:
    arrived, over = asyncio.Event(), asyncio.Event()
    limits = Limits(connections=1, queue_seconds=20.0)
    async with playing(held(arrived, over, FINE)) as host, transport_to(host.url, limits=limits) as subject:
        first = asyncio.create_task(subject.send(POST))
        await arrived.wait()
        second = asyncio.create_task(subject.send(POST))
        # One turn of the loop brings it to where it waits for the place of the first.
        await asyncio.sleep(0)
        await subject.close()
        over.set()
        results = await asyncio.gather(first, second, return_exceptions=True)

    assert [str(result) for result in results] == ["connection_lost", "closed"]
    assert len(host.received) == 1


@pytest.mark.parametrize(
    "move", [answer({}, status=302, headers={"Location": "/v1/elsewhere"}), answer({}, status=307)]
)
async def test_a_redirect_is_not_followed(move: Move) -> None:
    async with playing(move) as host, transport_to(host.url) as subject:
        await outcome(subject, GET)

    assert {request.target for request in host.received} == {"/v1/orders/order_1"}
