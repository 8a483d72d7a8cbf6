"""Every way an exchange can fail, played by a real host on loopback (rows R2 to R7)."""

import asyncio
import contextlib
import datetime as dt
import gzip
import ipaddress
import random
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from http import HTTPMethod
from pathlib import Path

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from app import database
from app.gateways.port import NeverSent, OutcomeUnknown
from app.gateways.razorpay.breaker import BreakerState, Verdict
from app.gateways.razorpay.transport import Answer, Limits, Request, Transport
from app.kit.clock import Clock, MovableClock, SystemClock
from tests.gateways.razorpay.host import (
    Flood,
    Move,
    answer,
    half_an_answer,
    hang_up,
    no_http,
    playing,
    reset,
    slowly,
)

GET = Request(HTTPMethod.GET, "/v1/orders/order_1", {"User-Agent": "test"})
POST = Request(HTTPMethod.POST, "/v1/orders", {"Content-Type": "application/json"}, b'{"amount": 100}')
QUICK = Limits(connect_seconds=1.0, total_seconds=5.0, connections=8, queue_seconds=0.05, backoff_seconds=0.001)
FINE = answer({"id": "order_1"})
GOOD = Answer(200, {"id": "order_1"})


@contextlib.asynccontextmanager
async def transport_to(
    url: str,
    *,
    limits: Limits = QUICK,
    tls: ssl.SSLContext | None = None,
    clock: Clock | None = None,
    pauses: list[float] | None = None,
    session: aiohttp.ClientSession | None = None,
) -> AsyncIterator[Transport]:
    async def sleep(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)
        await asyncio.sleep(0)

    rng = random.Random(7)  # noqa: S311  jitter, no secret
    subject = Transport(
        url, limits=limits, clock=clock or SystemClock(), rng=rng, tls=tls, session=session, sleep=sleep
    )
    try:
        yield subject
    finally:
        await subject.close()


def save_up(subject: Transport) -> None:
    """Fill the retry budget as earlier calls would have."""
    for _ in range(100):
        subject.budget.deposit()


async def outcome(subject: Transport, request: Request) -> tuple[type[OutcomeUnknown], str]:
    with pytest.raises(OutcomeUnknown) as caught:
        await subject.send(request)
    return type(caught.value), str(caught.value)


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


async def test_r2_a_slow_host_is_left_after_the_total_time() -> None:
    limits = Limits(total_seconds=0.2)
    async with playing(slowly(30, FINE)) as host, transport_to(host.url, limits=limits) as subject:
        began = time.monotonic()
        assert await outcome(subject, POST) == (OutcomeUnknown, "timed_out")

    assert time.monotonic() - began < 2


async def test_r2_a_body_that_never_ends_is_left_after_the_total_time() -> None:
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


@pytest.fixture
def make_tls(tmp_path: Path) -> Callable[..., tuple[ssl.SSLContext, ssl.SSLContext]]:
    """Return a maker of a server's context with a certificate of its own, and of a client's that trusts it."""

    def make(*, expired: bool = False, name: str = "127.0.0.1") -> tuple[ssl.SSLContext, ssl.SSLContext]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
        now = dt.datetime.now(dt.UTC)
        begin, end = (now - dt.timedelta(days=3), now + dt.timedelta(days=-1 if expired else 1))
        alternative = x509.IPAddress(ipaddress.ip_address(name))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = tmp_path / "both.pem"
        file.write_bytes(pem + secret)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(file)
        return server, ssl.create_default_context(cadata=pem.decode())

    return make


async def test_tls_with_a_trusted_certificate_works(
    make_tls: Callable[..., tuple[ssl.SSLContext, ssl.SSLContext]],
) -> None:
    server, client = make_tls()
    async with playing(FINE, tls=server) as host, transport_to(host.url, tls=client) as subject:
        assert await subject.send(POST) == GOOD


async def test_r6_a_host_that_cannot_prove_who_it_is_gets_nothing(
    make_tls: Callable[..., tuple[ssl.SSLContext, ssl.SSLContext]],
) -> None:
    stranger, _ = make_tls()
    late, late_trust = make_tls(expired=True)
    other, other_trust = make_tls(name="127.0.0.2")
    for server, trust in ((stranger, None), (late, late_trust), (other, other_trust)):
        async with playing(FINE, tls=server) as host, transport_to(host.url, tls=trust) as subject:
            assert await outcome(subject, POST) == (NeverSent, "tls_failed")
        assert host.received == []


async def test_r6_an_old_tls_version_is_refused(
    make_tls: Callable[..., tuple[ssl.SSLContext, ssl.SSLContext]],
) -> None:
    server, client = make_tls()
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    async with playing(FINE, tls=server) as host, transport_to(host.url, tls=client) as subject:
        kind, _ = await outcome(subject, POST)

    assert kind is NeverSent
    assert host.received == []


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        (ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_2),
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
    ],
)
def test_r6_tls_1_2_is_the_least_that_is_spoken(asked: ssl.TLSVersion, used: ssl.TLSVersion) -> None:
    context = ssl.create_default_context()
    context.minimum_version = asked
    Transport("https://x", limits=QUICK, clock=SystemClock(), rng=random.Random(1), tls=context)  # noqa: S311  jitter

    assert context.minimum_version is used


def test_r6_a_context_that_would_not_verify_is_refused() -> None:
    blind = ssl.create_default_context()
    blind.check_hostname = False
    unnamed = ssl.create_default_context()
    unnamed.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    for context in (blind, unnamed):
        with pytest.raises(ValueError, match="verify"):
            Transport("https://x", limits=QUICK, clock=SystemClock(), rng=random.Random(1), tls=context)  # noqa: S311


async def test_plain_http_where_tls_was_expected_was_never_sent() -> None:
    limits = Limits(connect_seconds=0.2)
    async with playing(no_http) as host, transport_to(f"https://127.0.0.1:{host.port}", limits=limits) as subject:
        kind, _ = await outcome(subject, POST)

    assert kind is NeverSent


@pytest.mark.parametrize(
    "move", [answer({}, status=503), answer({}, status=429), answer("<html>"), reset, hang_up, half_an_answer]
)
async def test_r3_a_get_is_repeated_until_it_is_answered(move: Move) -> None:
    pauses: list[float] = []
    async with playing(move, move, FINE) as host, transport_to(host.url, pauses=pauses) as subject:
        save_up(subject)
        assert await subject.send(GET) == GOOD

    assert len(host.received) == 3
    assert 0 <= pauses[0] <= 0.001
    assert 0 <= pauses[1] <= 0.002


class Latest(random.Random):
    """Always draws the far end of a range."""

    def random(self) -> float:
        return 1.0


async def test_r4_the_pauses_double_up_to_a_bound() -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    limits = Limits(tries=5, backoff_seconds=0.25, backoff_most_seconds=1.0)
    async with playing(answer({}, status=500)) as host:
        subject = Transport(host.url, limits=limits, clock=SystemClock(), rng=Latest(), sleep=sleep)
        save_up(subject)
        await outcome(subject, GET)
        await subject.close()

    assert pauses == [0.25, 0.5, 1.0, 1.0]


async def test_r3_a_get_goes_out_three_times_at_most() -> None:
    async with playing(answer({}, status=500)) as host, transport_to(host.url) as subject:
        save_up(subject)
        assert await outcome(subject, GET) == (OutcomeUnknown, "status_500")

    assert len(host.received) == 3


@pytest.mark.parametrize(
    ("retry_after", "tries", "least"),
    [("1", 2, 1.0), ("2", 2, 2.0), ("0", 2, 0.0), ("3", 1, 0), ("-1", 1, 0), ("soon", 1, 0), ("9" * 30, 1, 0)],
)
async def test_r4_the_pause_a_host_asks_for_is_kept_or_the_call_given_up(
    retry_after: str, tries: int, least: float
) -> None:
    pauses: list[float] = []
    busy = answer({}, status=429, headers={"Retry-After": retry_after})
    async with playing(busy, FINE) as host, transport_to(host.url, pauses=pauses) as subject:
        save_up(subject)
        with contextlib.suppress(NeverSent):
            await subject.send(GET)

    assert len(host.received) == tries
    assert all(least <= pause <= least + 0.001 for pause in pauses)


async def test_no_try_begins_after_the_total_time() -> None:
    clock = MovableClock()

    async def pass_time(writer: asyncio.StreamWriter) -> None:
        clock.advance(seconds=5)
        await answer({}, status=500)(writer)

    async with playing(pass_time) as host, transport_to(host.url, clock=clock) as subject:
        save_up(subject)
        assert await outcome(subject, GET) == (OutcomeUnknown, "status_500")

    assert len(host.received) == 1


async def test_r4_a_storm_of_failures_adds_at_most_a_tenth_to_the_calls() -> None:
    calls = 300
    async with playing(answer({}, status=429)) as host, transport_to(host.url) as subject:
        results = await asyncio.gather(*(subject.send(GET) for _ in range(calls)), return_exceptions=True)

    # Some found the bulkhead full; what reached the host stays within the budget all the same.
    assert all(isinstance(result, NeverSent) for result in results)
    assert 0 < len(host.received) <= calls * 1.1


async def test_r4_one_after_the_other_the_calls_stay_within_the_budget() -> None:
    calls = 200
    async with playing(answer({}, status=429)) as host, transport_to(host.url) as subject:
        for _ in range(calls):
            assert await outcome(subject, GET) == (NeverSent, "rate_limited")

    assert calls < len(host.received) <= calls * 1.1


async def test_r2_after_many_unknown_outcomes_the_host_is_left_alone_and_then_probed() -> None:
    clock = MovableClock()
    async with playing(*[reset] * 10, FINE) as host, transport_to(host.url, clock=clock) as subject:
        with capture_logs() as logs:
            for _ in range(10):
                assert (await outcome(subject, POST))[1] == "connection_lost"
            assert await outcome(subject, POST) == (NeverSent, "breaker_open")
            assert subject.breaker.state is BreakerState.OPEN
            clock.advance(seconds=5)
            assert await subject.send(POST) == GOOD
        assert subject.breaker.state is BreakerState.CLOSED

    assert len(host.received) == 11
    changes = [(line["before"], line["after"]) for line in logs]
    assert changes == [("closed", "open"), ("half_open", "closed")]


async def test_refusals_and_rate_limits_never_open_the_breaker() -> None:
    moves = [answer({"error": {}}, status=400), answer({}, status=429)] * 20
    async with playing(*moves) as host, transport_to(host.url) as subject:
        for _ in moves:
            with contextlib.suppress(NeverSent):
                await subject.send(POST)
        assert subject.breaker.state is BreakerState.CLOSED

    assert len(host.received) == len(moves)


async def test_a_get_that_may_have_arrived_once_is_never_called_unsent() -> None:
    async with playing(FINE) as host, transport_to(host.url) as subject:
        host.moves = [answer({}, status=500)]
        for _ in range(9):
            await outcome(subject, POST)
        save_up(subject)
        # The first try opens the breaker, and the second finds it open.
        assert await outcome(subject, GET) == (OutcomeUnknown, "status_500")
        assert subject.breaker.state is BreakerState.OPEN


async def test_r2_a_full_bulkhead_turns_away_what_it_cannot_hold() -> None:
    limits = Limits(connections=2, queue_seconds=0.05)
    async with playing(slowly(0.3, FINE)) as host, transport_to(host.url, limits=limits) as subject:
        results = await asyncio.gather(*(subject.send(POST) for _ in range(6)), return_exceptions=True)

    assert [result for result in results if isinstance(result, Answer)] == [GOOD] * 2
    assert [str(result) for result in results if isinstance(result, NeverSent)] == ["bulkhead_full"] * 4
    assert len(host.received) == 2


async def test_our_own_crowd_says_nothing_of_the_hosts_health() -> None:
    limits = Limits(connections=1, queue_seconds=0.01)
    async with playing(slowly(0.3, FINE)) as host, transport_to(host.url, limits=limits) as subject:
        await asyncio.gather(*(subject.send(POST) for _ in range(30)), return_exceptions=True)

        assert subject.breaker.state is BreakerState.CLOSED


async def test_a_place_in_the_bulkhead_is_waited_for_a_short_while() -> None:
    limits = Limits(connections=1, queue_seconds=2.0)
    async with playing(slowly(0.02, FINE)) as host, transport_to(host.url, limits=limits) as subject:
        results = await asyncio.gather(*(subject.send(POST) for _ in range(4)))

    assert results == [GOOD] * 4
    assert host.connections == 1


async def cut_off(subject: Transport, clock: MovableClock, *, after_seconds: float) -> None:
    """Cancel a call, as its caller's own deadline does."""
    task = asyncio.create_task(subject.send(POST))
    await asyncio.sleep(0.05)
    clock.advance(seconds=after_seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("after_seconds", "state"), [(0.0, BreakerState.CLOSED), (2.4, BreakerState.CLOSED), (2.5, BreakerState.OPEN)]
)
async def test_r2_a_call_cut_off_late_counts_as_unanswered(after_seconds: float, state: BreakerState) -> None:
    clock = MovableClock()
    async with playing(*[reset] * 9, slowly(30, FINE)) as host, transport_to(host.url, clock=clock) as subject:
        for _ in range(9):
            await outcome(subject, POST)
        await cut_off(subject, clock, after_seconds=after_seconds)

        assert subject.breaker.state is state


async def test_a_probe_cut_off_early_leaves_the_way_free_for_the_next() -> None:
    clock = MovableClock()
    moves = [*[reset] * 10, slowly(30, FINE), FINE]
    async with playing(*moves) as host, transport_to(host.url, clock=clock) as subject:
        for _ in range(10):
            await outcome(subject, POST)
        clock.advance(seconds=5)
        await cut_off(subject, clock, after_seconds=0)

        assert await subject.send(POST) == GOOD


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
    limits = Limits(connections=1, queue_seconds=2.0)
    async with playing(slowly(0.1, FINE)) as host, transport_to(host.url, limits=limits) as subject:
        first = asyncio.create_task(subject.send(POST))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(subject.send(POST))
        await asyncio.sleep(0.02)
        await subject.close()
        results = await asyncio.gather(first, second, return_exceptions=True)

    assert [str(result) for result in results] == ["connection_lost", "closed"]
    assert len(host.received) == 1


@pytest.mark.parametrize("reason", ["breaker_open", "bulkhead_full"])
async def test_r4_a_call_we_stopped_ourselves_costs_no_budget(reason: str) -> None:
    pauses: list[float] = []
    limits = Limits(connections=1, queue_seconds=0.01)
    async with playing(slowly(0.2, FINE)) as host, transport_to(host.url, limits=limits, pauses=pauses) as subject:
        save_up(subject)
        busy = asyncio.create_task(subject.send(POST))
        await asyncio.sleep(0.02)
        if reason == "breaker_open":
            for _ in range(10):
                subject.breaker.record(subject.breaker.admit() or 0, Verdict.UNANSWERED)
        assert await outcome(subject, GET) == (NeverSent, reason)
        await busy

    assert pauses == []


@pytest.mark.parametrize(
    "move", [answer({}, status=302, headers={"Location": "/v1/elsewhere"}), answer({}, status=307)]
)
async def test_a_redirect_is_not_followed(move: Move) -> None:
    async with playing(move) as host, transport_to(host.url) as subject:
        await outcome(subject, GET)

    assert {request.target for request in host.received} == {"/v1/orders/order_1"}
