"""What is repeated, when, and how often at most (rows R3, R4)."""

import asyncio
import contextlib
import random

import pytest

from app.gateways.port import NeverSent, OutcomeUnknown
from app.gateways.razorpay.breaker import Verdict
from app.gateways.razorpay.transport import Limits, Transport
from app.kit.clock import MovableClock, SystemClock
from tests.gateways.razorpay.client import FINE, GET, GOOD, POST, outcome, save_up, transport_to
from tests.gateways.razorpay.host import Move, answer, half_an_answer, hang_up, held, playing, reset


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


async def test_r3_d9_a_get_goes_out_three_times_at_most() -> None:
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


async def test_r4_d9_a_storm_of_failures_adds_at_most_a_tenth_to_the_calls() -> None:
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


@pytest.mark.parametrize("reason", ["breaker_open", "bulkhead_full"])
async def test_r4_a_call_we_stopped_ourselves_costs_no_budget(reason: str) -> None:
    pauses: list[float] = []
    arrived, over = asyncio.Event(), asyncio.Event()
    limits = Limits(connections=1, queue_seconds=0.01)
    async with (
        playing(held(arrived, over, FINE)) as host,
        transport_to(host.url, limits=limits, pauses=pauses) as subject,
    ):
        save_up(subject)
        busy = asyncio.create_task(subject.send(POST))
        await arrived.wait()
        if reason == "breaker_open":
            for _ in range(10):
                subject.breaker.record(subject.breaker.admit() or 0, Verdict.UNANSWERED)
        assert await outcome(subject, GET) == (NeverSent, reason)
        over.set()
        await busy

    assert pauses == []
