"""Budgets in Redis: one for all instances, as in one process; and nobody waits for a Redis that is away (R1)."""

import asyncio
import contextlib
import os
import random
import signal
import socket
from functools import partial

import pytest
import redis.asyncio

from app.kit.clock import MovableClock, SystemClock
from app.kit.pace import MICROSECONDS, Budget, spend
from app.ratelimits.local import LocalBuckets
from app.ratelimits.models import Policy
from app.ratelimits.shared import REST_SECONDS, WAIT_SECONDS, SharedBuckets, _key
from tests.logs import captured_logs

# So slow that a test is over before it has earned another one.
SLOW = Budget(20, 7200)


@contextlib.asynccontextmanager
async def shared(url, *, clock=None):
    """Budgets at an address, with a list that grows whenever they were not shared."""
    missed = []
    fallback = LocalBuckets(clock or SystemClock())
    buckets = SharedBuckets.of(url, fallback=fallback, on_fallback=lambda: missed.append(1))
    try:
        yield buckets, missed
    finally:
        await buckets.close()


async def passes(buckets, number, *, subject="key_1", policy=Policy.WRITES, budget=SLOW):
    """Ask so often at once; return how many passed."""
    decisions = await asyncio.gather(*(buckets.spend(policy, subject, budget) for _ in range(number)))
    return sum(decision.is_allowed for decision in decisions)


async def until(condition):
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.05)


async def test_two_instances_spend_one_budget_however_many_ask_at_once(server):
    async with shared(server.url) as (one, missed_by_one), shared(server.url) as (other, missed_by_other):
        # A first question may take longer than anybody waits: it connects and loads the script.
        await until(lambda: _answers(one))
        await until(lambda: _answers(other))
        missed_by_one.clear()
        missed_by_other.clear()
        passed = await asyncio.gather(passes(one, 15), passes(other, 15))
        if not missed_by_one and not missed_by_other:
            assert sum(passed) == SLOW.quota
        assert sum(passed) <= SLOW.quota + len(missed_by_one) + len(missed_by_other)
        assert await passes(one, 1, subject="key_2") == 1
        assert await passes(other, 1, policy=Policy.READS) == 1


async def _answers(buckets):
    """Tell whether a question was answered by Redis."""
    before = buckets.fallback.askers
    await buckets.spend(Policy.ANONYMOUS, os.urandom(6).hex(), Budget(1000, 1))
    return buckets.fallback.askers == before


async def by_redis(buckets, missed, case):
    """Go through a case, and anew while Redis missed any of it: what was counted here instead says nothing of it."""
    while True:
        await until(lambda: _answers(buckets))
        missed.clear()
        found = await case()
        if not missed:
            return found


async def test_redis_decides_as_the_pure_function_does(server):
    rng = random.Random(7)  # noqa: S311  draws cases, no secret
    async with redis.asyncio.Redis(port=server.port) as client, shared(server.url) as (buckets, missed):
        name = _key(Policy.READS, "key_9")

        async def decide(budget, left):
            """Return what Redis decides, and how long it may have taken to."""
            seconds, micros = await client.time()
            await client.set(name, seconds * MICROSECONDS + micros + left)
            decision = await buckets.spend(Policy.READS, "key_9", budget)
            seconds_later, micros_later = await client.time()
            return decision, (seconds_later - seconds) * MICROSECONDS + micros_later - micros

        for budget in (Budget(5, 1), Budget(3, 60), Budget(1, 3600), Budget(1000, 1)):
            for _ in range(12):
                left = rng.randint(-budget.span, 3 * budget.span)
                decision, took = await by_redis(buckets, missed, partial(decide, budget, left))
                # Between our look at the clock and the script's some time has passed, which only ever helps the asker.
                soonest = spend(budget, whole_at=left, now=0)
                latest = spend(budget, whole_at=left, now=took)
                assert decision.is_allowed in {soonest.is_allowed, latest.is_allowed}
                if soonest.is_allowed == latest.is_allowed:
                    assert latest.ahead <= decision.ahead <= soonest.ahead


async def test_redis_learns_no_address_and_forgets_everybody_when_their_budget_is_whole(server):
    async with redis.asyncio.Redis(port=server.port) as client, shared(server.url) as (buckets, missed):

        async def five_pass():
            await client.flushdb()
            return await passes(buckets, 5, subject="198.51.100.7")

        assert await by_redis(buckets, missed, five_pass) == 5
        (name,) = await client.keys("*")
        assert b"198" not in name
        life = await client.pttl(name)
        assert 4 * SLOW.interval < life * 1000 <= 5 * SLOW.interval


async def test_r1_a_redis_that_dies_is_told_of_once_and_nobody_waits_or_is_refused_for_it(server):
    with captured_logs() as logs:
        async with shared(server.url) as (buckets, missed):
            await until(lambda: _answers(buckets))
            missed.clear()
            server.kill()
            started = asyncio.get_running_loop().time()
            # Counted here now, so that a budget still is one.
            assert await passes(buckets, 50) == SLOW.quota
            assert len(missed) == 50
            waited = asyncio.get_running_loop().time() - started
            assert waited < REST_SECONDS + 2 * WAIT_SECONDS
            told = [line for line in logs if line["event"] == "rate_limits_not_shared"]
            assert len(told) <= 2
            assert all(line["log_level"] == "warning" for line in told)
            assert str(server.port) not in repr(told)

            # Back again, and used again by itself.
            server.start()
            await server.is_up()
            await until(lambda: _answers(buckets))


async def test_r1_a_redis_that_takes_connections_and_says_nothing_costs_a_moment_and_then_nothing(tmp_path):
    silent = socket.create_server(("127.0.0.1", 0))
    clock = MovableClock()
    try:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        async with shared(url, clock=clock) as (buckets, missed):
            loop = asyncio.get_running_loop()
            started = loop.time()
            assert await passes(buckets, 1) == 1
            assert loop.time() - started >= WAIT_SECONDS / 2
            started = loop.time()
            assert await passes(buckets, 1000, subject="key_9", budget=Budget(5000, 1)) == 1000
            assert loop.time() - started < 1000 * WAIT_SECONDS / 10
            assert len(missed) == 1001
            # After a rest one of them asks again, and waits for it.
            clock.advance(seconds=REST_SECONDS)
            assert await passes(buckets, 2, subject="key_2") == 2
            assert len(missed) == 1003
    finally:
        silent.close()


async def test_r1_a_redis_that_hangs_in_the_middle_and_comes_back_is_used_again(server):
    (process,) = server.running
    async with shared(server.url) as (buckets, missed):
        await until(lambda: _answers(buckets))
        missed.clear()
        os.killpg(process.pid, signal.SIGSTOP)
        try:
            assert await passes(buckets, 50) <= SLOW.quota
            assert missed
        finally:
            os.killpg(process.pid, signal.SIGCONT)
        await until(lambda: _answers(buckets))


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://nobody:wrong@127.0.0.1:1/3"])
async def test_r1_without_any_redis_each_instance_counts_for_itself(url):
    async with shared(url) as (buckets, missed):
        assert await passes(buckets, 25) == SLOW.quota
        assert len(missed) == 25
