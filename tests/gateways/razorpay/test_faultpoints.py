"""Where the process may be made to die around a call: in processes of their own, as points are armed at the start."""

import asyncio
import os
import sys

import pytest

from tests.gateways.razorpay.host import Move, PlayingHost, answer, playing, reset
from tests.gateways.razorpay.samples import error

KILLED = 137
CALL = """
import asyncio, random, sys
from app.gateways.port import GatewayError
from app.gateways.razorpay.factory import RazorpayGateways
from app.gateways.razorpay.transport import Limits
from app.kit.clock import SystemClock
from tests.gateways.razorpay.bench import CREDENTIALS, VERBS

async def main():
    gateways = RazorpayGateways(
        sys.argv[1], limits=Limits(), clock=SystemClock(), rng=random.Random(1), observer=lambda *_: None
    )
    try:
        await VERBS[sys.argv[2]](gateways.for_credentials(CREDENTIALS))
    except GatewayError:
        pass
    finally:
        await gateways.close()

asyncio.run(main())
"""


async def die(host: PlayingHost, verb: str, at: str) -> int | None:
    """Call a verb in a process that dies at a point; return how the process ended."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CALL, host.url, verb, env={**os.environ, "FAULT_POINT": at}
    )
    async with asyncio.timeout(30):
        return await child.wait()


@pytest.mark.parametrize(
    "verb", ["create_order", "capture_payment", "create_refund", "accept_dispute", "contest_dispute", "upload_document"]
)
async def test_p1_before_a_call_that_changes_something_nothing_has_left(verb: str) -> None:
    async with playing(answer({})) as host:
        assert await die(host, verb, f"gateway.{verb}.before") == KILLED
        assert host.received == []


@pytest.mark.parametrize(
    ("move", "end"),
    [(answer({}), KILLED), (answer(error("No."), status=400), KILLED), (reset, 0), (answer("", status=502), 0)],
)
async def test_p1_behind_a_call_is_reached_only_when_the_answer_came(move: Move, end: int) -> None:
    async with playing(move) as host:
        assert await die(host, "create_refund", "gateway.create_refund.after") == end
        assert len(host.received) == 1


async def test_a_call_that_only_looks_has_no_points() -> None:
    async with playing(answer({})) as host:
        assert await die(host, "get_refund", "gateway.get_refund.before") == 0
