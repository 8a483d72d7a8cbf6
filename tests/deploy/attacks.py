"""Attacks on a running nginx: what is sent, what came back, and whether that is a refusal.

Everything is bounded in count and time and goes to loopback. The attacker has an address of its own there, so that
limits by address can tell it from a good client.
"""

import asyncio
import contextlib
import ssl
import time
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

HOST = "127.0.0.1"
ATTACKER = "127.0.0.66"
_ANSWER_SECONDS = 20.0
_SLOW = 40
_STALLED = 12
_DRIPPING = 90
_DRIP_SECONDS = 8


@dataclass(frozen=True, slots=True)
class Target:
    """Where the attacked nginx is, its right name, and who answers for its certificate."""

    name: str
    http: int
    https: int
    trust: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attack; `was_refused` only when all of it was."""

    was_refused: bool
    told: str


Attack = Callable[[Target], Awaitable[Outcome]]


async def exchange(target: Target, sent: bytes, *, is_plain: bool = False, seconds: float = _ANSWER_SECONDS) -> bytes:
    """Send bytes as they are and return all that comes until the other side closes, or until time is over."""
    reader, writer = await _connect(target, is_plain=is_plain)
    try:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            writer.write(sent)
            await writer.drain()
        return await _read_all(reader, seconds)
    finally:
        await _close(writer)


async def slow_headers(target: Target) -> Outcome:
    """Open connections that send a header's letter a second (N2)."""

    async def one() -> float:
        reader, writer = await _connect(target)
        began = time.monotonic()
        try:
            writer.write(f"GET /health HTTP/1.1\r\nHost: {target.name}\r\nX-Slow: ".encode())
            while time.monotonic() - began < _ANSWER_SECONDS:
                writer.write(b"a")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    if not await asyncio.wait_for(reader.read(1), 1):
                        break
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            await _close(writer)
        return time.monotonic() - began

    lasted = max(await asyncio.gather(*(one() for _ in range(_SLOW))))
    return Outcome(lasted < _ANSWER_SECONDS, f"{_SLOW} connections, the last closed after {lasted:.0f} s")


async def stalled_bodies(target: Target) -> Outcome:
    """Promise a body, send its beginning and nothing more (N2)."""
    head = _post(target, "/api/v1/auth/signin", b"Content-Length: 1000\r\n")
    answers = await asyncio.gather(*(exchange(target, head + b'{"email"') for _ in range(_STALLED)))
    # Closed without a word, or with a 4xx: both are a refusal; a connection that is still open is none.
    statuses = {_status(answer) for answer in answers}
    return Outcome(statuses <= {None, 408, 400}, f"{_STALLED} connections, ended with {_told(statuses)}")


async def dripping_bodies(target: Target) -> Outcome:
    """Send many bodies at once, a byte a second: the address runs out of connections, not the service (N2)."""
    head = _post(target, "/api/v1/auth/signup", b"Content-Length: 1000\r\n")

    async def one() -> int | None:
        reader, writer = await _connect(target)
        try:
            writer.write(head)
            for _ in range(_DRIP_SECONDS):
                writer.write(b" ")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    if line := await asyncio.wait_for(reader.readline(), 1):
                        return _status(line)
        except (ConnectionError, ssl.SSLError):
            return None
        finally:
            await _close(writer)
        return 0

    statuses = await asyncio.gather(*(one() for _ in range(_DRIPPING)))
    refused = sum(status == 429 for status in statuses)
    return Outcome(refused >= _DRIPPING - 64, f"{_DRIPPING} connections, {refused} answered 429 at once")


async def oversized(target: Target) -> Outcome:
    """Promise 100 MB, send an endless chunked body, send endless headers (N1)."""
    promised = _post(target, "/api/v1/payments", b"Content-Length: 104857600\r\n")
    chunk = b"%x\r\n" % 8192 + b" " * 8192 + b"\r\n"
    endless = _post(target, "/api/v1/payments", b"Transfer-Encoding: chunked\r\n") + chunk * 64
    get = f"GET /health HTTP/1.1\r\nHost: {target.name}\r\n".encode()
    headers = get + b"X-Long: " + b"a" * 100_000 + b"\r\n\r\n"
    many = get + b"X-Many: aaaaaaaa\r\n" * 10_000 + b"\r\n"
    statuses = [_status(await exchange(target, sent)) for sent in (promised, endless, headers, many)]
    return Outcome(statuses == [413, 413, 400, 400], f"answered {_told(statuses)}")


async def smuggled(target: Target) -> Outcome:
    """Frame one request so that two readers may see two (N10): one answer, a refusal, and the connection is closed."""
    told: list[str] = []
    cases = smuggling_cases(target.name)
    for what, sent in cases.items():
        answer = await exchange(target, sent)
        status = _status(answer)
        if status not in {400, 405, 501} or answer.count(b"HTTP/1.1 ") != 1:
            told.append(f"{what}: {status}, {answer.count(b'HTTP/1.1 ')} answers")
    return Outcome(not told, "; ".join(told) or f"{len(cases)} ways, each refused with 4xx or 501")


def smuggling_cases(name: str) -> dict[str, bytes]:
    """Return requests whose framing can be read in two ways; the hidden one asks for `/smuggled`."""
    hidden = f"GET /smuggled HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()
    host = f"Host: {name}\r\n".encode()
    post = b"POST /api/v1/auth/signin HTTP/1.1\r\n" + host
    chunks = b"0\r\n\r\n" + hidden
    return {
        "length and chunks": post + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
        "two lengths": post + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden,
        "a signed length": post + b"Content-Length: +%d\r\n\r\n" % len(hidden) + hidden,
        "an unknown coding": post + b"Transfer-Encoding: xchunked\r\n\r\n" + chunks,
        "two codings": post + b"Transfer-Encoding: chunked, identity\r\n\r\n" + chunks,
        "chunks in HTTP/1.0": b"POST /health HTTP/1.0\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n" + chunks,
        "a coding twice": post + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunks,
        "a chunk of no number": post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + hidden,
        "a zero byte": b"GET /health\x00 HTTP/1.1\r\n" + host + b"\r\n" + hidden,
        "two hosts": b"GET /health HTTP/1.1\r\n" + host + b"Host: evil.example\r\n\r\n" + hidden,
    }


async def wrong_host(target: Target) -> Outcome:
    """Ask for somebody else's name, for none, and by a whole address (N9)."""
    cases = [
        b"GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET https://evil.example/health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: evil.example@%s\r\nConnection: close\r\n\r\n" % target.name.encode(),
    ]
    statuses = [_status(await exchange(target, sent)) for sent in cases]
    return Outcome(all(status in {400, 421} for status in statuses), f"answered {_told(statuses)}")


async def plain_http(target: Target) -> Outcome:
    """Call the API without TLS, and speak plain HTTP to the TLS port."""
    head = f"GET /api/v1/payments HTTP/1.1\r\nHost: {target.name}\r\nAuthorization: Basic eA==\r\n"
    call = f"{head}Connection: close\r\n\r\n".encode()
    refused = await exchange(target, call, is_plain=True)
    mixed = await exchange(Target(target.name, target.https, target.https, target.trust), call, is_plain=True)
    statuses = [_status(refused), _status(mixed)]
    is_told = b"https_required" in refused
    return Outcome(statuses == [403, 400] and is_told, f"answered {_told(statuses)}")


async def old_tls(target: Target) -> Outcome:
    """Offer only TLS 1.0 and 1.1, and only ciphers without forward secrecy."""
    told = []
    for what, context in (("TLS 1.1", _old_context()), ("static RSA", _weak_context())):
        try:
            reader, writer = await asyncio.open_connection(HOST, target.https, ssl=context, server_hostname=target.name)
        except (ssl.SSLError, ConnectionError):
            continue
        del reader
        await _close(writer)
        told.append(what)
    return Outcome(not told, f"agreed to {' and '.join(told)}" if told else "no handshake")


async def escaping_paths(target: Target) -> Outcome:
    """Climb out of the folder of static files, and reach what is for scrapers."""
    paths = [
        "/static/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2fetc/passwd",
        "/metrics",
        "//metrics",
    ]
    statuses = []
    for path in paths:
        sent = f"GET {path} HTTP/1.1\r\nHost: {target.name}\r\nConnection: close\r\n\r\n".encode()
        statuses.append(_status(await exchange(target, sent)))
    return Outcome(all(status in {400, 404} for status in statuses), f"answered {_told(statuses)}")


ATTACKS: dict[str, Attack] = {
    "slow headers": slow_headers,
    "stalled bodies": stalled_bodies,
    "dripping bodies": dripping_bodies,
    "oversized": oversized,
    "smuggled": smuggled,
    "wrong host": wrong_host,
    "plain HTTP": plain_http,
    "old TLS": old_tls,
    "escaping paths": escaping_paths,
}


def _post(target: Target, path: str, framing: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {target.name}\r\nContent-Type: application/json\r\n"
    return head.encode() + framing + b"\r\n"


async def _connect(target: Target, *, is_plain: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if is_plain:
        return await asyncio.open_connection(HOST, target.http, local_addr=(ATTACKER, 0))
    return await asyncio.open_connection(
        HOST, target.https, ssl=target.trust, server_hostname=target.name, local_addr=(ATTACKER, 0)
    )


async def _read_all(reader: asyncio.StreamReader, seconds: float) -> bytes:
    got = b""
    try:
        async with asyncio.timeout(seconds):
            while part := await reader.read(65536):
                got += part
    except TimeoutError:
        return got or b"STILL OPEN"
    except (ConnectionError, ssl.SSLError):
        pass
    return got


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), 1)


def _status(answer: bytes) -> int | None:
    """Return the first status, None when the connection was closed without a word, 0 when it was not closed."""
    if not answer:
        return None
    words = answer.split(b" ", 2)
    return int(words[1]) if answer.startswith(b"HTTP/") and words[1].isdigit() else 0


def _told(statuses: object) -> str:
    return str(statuses).replace("None", "closed")


def _old_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        # Python advises against it, which is the point.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def _weak_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA:AES256-SHA:@SECLEVEL=0")
    return context
