"""Budgets in a process: each asker their own, of a bounded number of askers."""

from app.kit.clock import MovableClock
from app.kit.pace import Budget
from app.ratelimits.local import LocalBuckets
from app.ratelimits.models import Policy

TEN = Budget(10, 60)


async def spend(buckets: LocalBuckets, subject: str = "key_1", policy: Policy = Policy.READS) -> bool:
    return (await buckets.spend(policy, subject, TEN)).is_allowed


async def test_each_asker_and_each_policy_has_a_budget_of_its_own() -> None:
    buckets = LocalBuckets(MovableClock())
    assert [await spend(buckets) for _ in range(11)] == [True] * 10 + [False]
    assert await spend(buckets, "key_2")
    assert await spend(buckets, policy=Policy.WRITES)


async def test_a_budget_comes_back_one_by_one() -> None:
    clock = MovableClock()
    buckets = LocalBuckets(clock)
    for _ in range(10):
        await spend(buckets)
    clock.advance(seconds=5.9)
    assert not await spend(buckets)
    clock.advance(seconds=0.2)
    assert [await spend(buckets) for _ in range(2)] == [True, False]
    clock.advance(seconds=60)
    assert [await spend(buckets) for _ in range(11)] == [True] * 10 + [False]


async def test_p9_a_flood_of_addresses_takes_bounded_memory_and_pushes_out_nobody_elses_budget() -> None:
    buckets = LocalBuckets(MovableClock(), capacity=100)
    for _ in range(10):
        await spend(buckets)
    for number in range(1000):
        await spend(buckets, f"10.0.{number // 256}.{number % 256}", Policy.ANONYMOUS)
    assert buckets.askers == 101
    assert not await spend(buckets)


async def test_the_one_who_was_silent_for_longest_is_forgotten_first() -> None:
    buckets = LocalBuckets(MovableClock(), capacity=2)
    for _ in range(10):
        await spend(buckets, "a")
        await spend(buckets, "b")
    assert not await spend(buckets, "a")
    await spend(buckets, "c")
    assert not await spend(buckets, "a")
    assert await spend(buckets, "b")
