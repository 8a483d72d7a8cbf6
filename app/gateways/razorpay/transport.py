"""HTTP to one Razorpay host: bounded in time, size, concurrency and repetitions.

A request ends in an `Answer` (a success with JSON, or a 4xx) or in `OutcomeUnknown`; in `NeverSent` only when it is
certain that the processor has not acted. A POST leaves at most once: whether to ask again is decided above, by
looking (A3, C3). Only GETs are repeated, within a budget.
"""

import asyncio
import io
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPMethod
from typing import Any

import aiohttp
import structlog
from yarl import URL

from app.database import refuse_inside_transaction
from app.gateways.port import NeverSent, OutcomeUnknown
from app.gateways.razorpay.breaker import Breaker, BreakerState, Verdict
from app.gateways.razorpay.budget import RetryBudget
from app.gateways.razorpay.wire import read_json
from app.kit.clock import Clock

_log = structlog.get_logger("app.gateways.razorpay")
_TOO_MANY_REQUESTS = 429
_REQUEST_TIMEOUT = 408
_LARGE_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of every call.

    Attributes:
        connect_seconds: for name, connection and TLS together.
        total_seconds: for the whole call with its repetitions.
        connections: requests under way at one time, and the size of the keep-alive pool (the bulkhead).
        queue_seconds: how long a request waits for its place among them.
        answer_bytes: how much of an answer is read.
        tries: how often a GET goes out at most.
        backoff_seconds, backoff_most_seconds: the first and the longest pause, before jitter.
        retry_after_seconds: the longest pause that the host may ask for; beyond it we give up instead.
    """

    connect_seconds: float = 2.0
    total_seconds: float = 10.0
    connections: int = 512
    queue_seconds: float = 0.25
    answer_bytes: int = 1024 * 1024
    tries: int = 3
    backoff_seconds: float = 0.1
    backoff_most_seconds: float = 1.0
    retry_after_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Request:
    """One call, complete: the transport adds nothing to it."""

    method: HTTPMethod
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back explicitly: 2xx with its JSON, or 4xx with its JSON or None when there was none."""

    status: int
    body: Any

    @property
    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return self.status < 300


@dataclass(frozen=True, slots=True)
class _Failure:
    """A try without an explicit answer.

    Attributes:
        error: what it proves.
        pause_seconds: what the host asked for; inf means don't come back.
        verdict: what it tells of the host's health.
    """

    error: OutcomeUnknown
    pause_seconds: float = 0.0
    verdict: Verdict = Verdict.UNANSWERED


class _ConnectionLost(aiohttp.ClientError):
    """A connection broke after the request may have left."""


class Transport:
    """One host's session, bulkhead, breaker and retry budget, shared by all merchants.

    Args:
        base_url: scheme and host, without a path.
        limits: the bounds of every call.
        clock: for deadlines and the breaker.
        rng: where the jitter comes from.
        tls: the trust to use instead of the system's; it must verify certificates and names.
        session: a session to use, which its owner closes; else one is made at the first call.
        sleep: waits between tries.

    Raises:
        ValueError: `tls` would not verify the host.
    """

    def __init__(
        self,
        base_url: str,
        *,
        limits: Limits,
        clock: Clock,
        rng: random.Random,
        tls: ssl.SSLContext | None = None,
        session: aiohttp.ClientSession | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.breaker = Breaker(clock)
        self.budget = RetryBudget()
        self.limits = limits
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._rng = rng
        self._sleep = sleep
        self._tls = _verifying(tls)
        self._session = session
        self._owns_session = session is None
        self._closed = False
        self._places = asyncio.Semaphore(limits.connections)

    async def send(self, request: Request) -> Answer:
        """Send a request and return the explicit answer.

        Raises:
            OutcomeUnknown: nobody can tell whether the request had its effect.
            NeverSent: it certainly had none.
            NetworkInsideTransaction: called within a database transaction.
        """
        refuse_inside_transaction()
        self.budget.deposit()
        deadline = self._clock.monotonic() + self.limits.total_seconds
        worst: OutcomeUnknown | None = None
        tries = 0
        while True:
            tries += 1
            result = await self._try(request, seconds=deadline - self._clock.monotonic())
            if isinstance(result, Answer):
                return result
            # Once a try may have reached the host, a later one that did not changes nothing about that.
            if worst is None or not isinstance(result.error, NeverSent):
                worst = result.error
            pause = self._pause(result, tries)
            may_repeat = request.method is HTTPMethod.GET and tries < self.limits.tries
            if not may_repeat or self._clock.monotonic() + pause >= deadline or not self.budget.withdraw():
                raise worst
            await self._sleep(pause)

    async def close(self) -> None:
        """Close the session if it is ours; later calls raise NeverSent."""
        self._closed = True
        if self._session is not None and self._owns_session:
            await self._session.close()

    def _pause(self, failure: _Failure, tries: int) -> float:
        """Return the seconds before the next try: full jitter, at least what the host asked for."""
        longest = min(self.limits.backoff_seconds * 2 ** (tries - 1), self.limits.backoff_most_seconds)
        if failure.pause_seconds > self.limits.retry_after_seconds:
            return float("inf")
        return failure.pause_seconds + self._rng.uniform(0, longest)

    async def _try(self, request: Request, *, seconds: float) -> Answer | _Failure:
        """Send once, behind the breaker and the bulkhead."""
        ticket = self.breaker.admit()
        if ticket is None:
            return _turned_away("breaker_open")
        began = self._clock.monotonic()
        verdict = Verdict.NOTHING
        try:
            result = await self._exchange_in_place(request, seconds=seconds)
            verdict = result.verdict if isinstance(result, _Failure) else Verdict.ANSWERED
        except asyncio.CancelledError:
            # Cut off by a caller's own deadline after most of ours: as unanswered as a time-out (R2). Cut off early,
            # it tells nothing of the host.
            if self._clock.monotonic() - began >= self.limits.total_seconds / 2:
                verdict = Verdict.UNANSWERED
            raise
        finally:
            self._record(ticket, verdict)
        return result

    def _record(self, ticket: int, verdict: Verdict) -> None:
        before = self.breaker.state
        self.breaker.record(ticket, verdict)
        if self.breaker.state is not before:
            level = _log.warning if self.breaker.state is BreakerState.OPEN else _log.info
            level("gateway_breaker_changed", before=before.value, after=self.breaker.state.value)

    async def _exchange_in_place(self, request: Request, *, seconds: float) -> Answer | _Failure:
        """Wait a short while for a place among the requests under way, and send."""
        try:
            async with asyncio.timeout(self.limits.queue_seconds if self._places.locked() else None):
                await self._places.acquire()
        except TimeoutError:
            return _turned_away("bulkhead_full")
        try:
            if self._closed:
                return _turned_away("closed")
            return await self._exchange(request, seconds=seconds)
        finally:
            self._places.release()

    async def _exchange(self, request: Request, *, seconds: float) -> Answer | _Failure:
        """Send once and read the answer; every failure of the network becomes a value."""
        try:
            async with self._open_session().request(
                request.method,
                URL(self._base_url + request.path, encoded=True),
                data=_sendable(request.body),
                headers=request.headers,
                timeout=aiohttp.ClientTimeout(total=seconds, connect=self.limits.connect_seconds),
                allow_redirects=False,
                auto_decompress=False,
                middlewares=(_never_resend,),
                ssl=self._tls,
            ) as response:
                return await self._read(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            return _Failure(_reason_of(error))

    async def _read(self, response: aiohttp.ClientResponse) -> Answer | _Failure:
        status = response.status
        if status == _TOO_MANY_REQUESTS:
            # An explicit "not processed", so it is no unknown; it is nobody's refusal either.
            return _Failure(NeverSent("rate_limited"), _retry_after(response), Verdict.ANSWERED)
        if not (200 <= status < 300 or 400 <= status < 500) or status == _REQUEST_TIMEOUT:
            return _Failure(OutcomeUnknown(f"status_{status}"), _retry_after(response))
        raw = await self._body(response)
        if raw is None:
            return _Failure(OutcomeUnknown("answer_too_large"))
        try:
            return Answer(status, read_json(raw))
        except ValueError:
            return Answer(status, None) if status >= 400 else _Failure(OutcomeUnknown("answer_unreadable"))

    async def _body(self, response: aiohttp.ClientResponse) -> bytes | None:
        """Return the body, or None when it is larger than we read; an unread rest closes the connection."""
        body = b""
        while chunk := await response.content.readany():
            body += chunk
            if len(body) > self.limits.answer_bytes:
                return None
        return body

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # The bulkhead bounds the connections: a second limit in the pool would only hide the queue.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


async def _never_resend(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep the HTTP library from repeating a request by itself: it would do so outside the budget."""
    try:
        return await handler(request)
    except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _ConnectionLost from error


def _sendable(body: bytes | None) -> bytes | io.BytesIO | None:
    """Return a body as the HTTP library wants it: a large one as a file, so that it is written in pieces."""
    return io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY_BYTES else body


def _turned_away(reason: str) -> _Failure:
    """Return the failure of a call that we ourselves stopped: repeating it would spend the budget on nothing."""
    return _Failure(NeverSent(reason), pause_seconds=float("inf"), verdict=Verdict.NOTHING)


def _reason_of(error: aiohttp.ClientError | TimeoutError) -> OutcomeUnknown:
    """Say what a failure of the network proves: before the connection stood nothing can have left."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return NeverSent("connect_timed_out")
        case aiohttp.ClientConnectorDNSError():
            return NeverSent("name_unknown")
        case aiohttp.ClientSSLError():
            return NeverSent("tls_failed")
        case aiohttp.ClientConnectorError():
            return NeverSent("connect_failed")
        case TimeoutError():
            return OutcomeUnknown("timed_out")
        case _:
            return OutcomeUnknown("connection_lost")


def _retry_after(response: aiohttp.ClientResponse) -> float:
    """Return the seconds of `Retry-After`; inf for one that can't be read, which is no invitation."""
    text = response.headers.get("Retry-After")
    if text is None:
        return 0.0
    return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else float("inf")


def _verifying(tls: ssl.SSLContext | None) -> ssl.SSLContext:
    """Return a context that verifies certificates and names, TLS 1.2 or newer (R6)."""
    context = ssl.create_default_context() if tls is None else tls
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        message = "the TLS context must verify certificates and host names"
        raise ValueError(message)
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    return context
