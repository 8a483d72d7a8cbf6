"""A transport at the ready, and the two requests that the tests send."""

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator
from http import HTTPMethod

import aiohttp
import pytest

from app.gateways.port import OutcomeUnknown
from app.gateways.razorpay.transport import Answer, Limits, Request, Transport
from app.kit.clock import Clock, SystemClock
from tests.gateways.razorpay.host import answer

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
