"""The bench and the rig of this folder."""

import random
from collections.abc import AsyncIterator

import aiohttp
import pytest

from app.gateways.razorpay.factory import RazorpayGateways
from app.gateways.razorpay.transport import Limits
from app.kit.clock import SystemClock
from razorpay_simulator import serve
from tests.gateways.razorpay.bench import CREDENTIALS, Bench
from tests.gateways.razorpay.host import answer, playing
from tests.gateways.razorpay.rig import Rig


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    seen: list[tuple[str, str]] = []

    def observe(operation: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        seen.append((operation, outcome))

    async with playing(answer({})) as host:
        rng = random.Random(1)  # noqa: S311  jitter, no secret
        gateways = RazorpayGateways(host.url, limits=Limits(), clock=SystemClock(), rng=rng, observer=observe)
        yield Bench(host, gateways.for_credentials(CREDENTIALS), seen)
        await gateways.close()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with serve() as simulator, aiohttp.ClientSession() as session:
        gateways = RazorpayGateways(
            simulator.url,
            limits=Limits(),
            clock=SystemClock(),
            rng=random.Random(1),  # noqa: S311  jitter, no secret
            observer=lambda _operation, _outcome, _seconds: None,
        )
        yield Rig(simulator, gateways, session)
        await gateways.close()
