"""The breaker and the bulkhead around the exchanges (row R2)."""

import asyncio
import contextlib

import pytest

from app.gateways.port import NeverSent, OutcomeUnknown
from app.gateways.razorpay.breaker import BreakerState
from app.gateways.razorpay.transport import Answer, Limits, Transport
from app.kit.clock import MovableClock
from tests.gateways.razorpay.client import FINE, GET, GOOD, POST, outcome, save_up, transport_to
from tests.gateways.razorpay.host import PlayingHost, answer, playing, reset, slowly
from tests.logs import captured_logs


async def test_r2_after_many_unknown_outcomes_the_host_is_left_alone_and_then_probed() -> None:
    clock = MovableClock()
    async with playing(*[reset] * 10, FINE) as host, transport_to(host.url, clock=clock) as subject:
        with captured_logs() as logs:
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


async def test_r2_d9_a_full_bulkhead_turns_away_what_it_cannot_hold() -> None:
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


async def cut_off(subject: Transport, host: PlayingHost, clock: MovableClock, *, after_seconds: float) -> None:
    """Cancel a call that has arrived, as its caller's own deadline does."""
    before = len(host.received)
    task = asyncio.create_task(subject.send(POST))
    async with asyncio.timeout(20):
        while len(host.received) == before:
            await asyncio.sleep(0.005)
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
        await cut_off(subject, host, clock, after_seconds=after_seconds)

        assert subject.breaker.state is state


async def test_a_probe_cut_off_early_leaves_the_way_free_for_the_next() -> None:
    clock = MovableClock()
    moves = [*[reset] * 10, slowly(30, FINE), FINE]
    async with playing(*moves) as host, transport_to(host.url, clock=clock) as subject:
        for _ in range(10):
            await outcome(subject, POST)
        clock.advance(seconds=5)
        await cut_off(subject, host, clock, after_seconds=0)

        assert await subject.send(POST) == GOOD
