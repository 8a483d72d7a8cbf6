"""Several instances of the product: one budget through Redis, and no failure of a request when Redis is away (R1)."""

import asyncio
import contextlib
import dataclasses

import pytest
from pydantic import SecretStr

from app.main import create_app
from app.wiring import wire
from tests.api.conftest import open_door

PAYMENTS = "/api/v1/payments"


@contextlib.asynccontextmanager
async def instance(limited, **changed):
    """Run another instance of the product on the same database."""
    settings = limited.world.settings.model_copy(update=changed)
    wiring = wire(settings)
    try:
        async with open_door(create_app(settings, wiring=wiring)) as url:
            yield dataclasses.replace(limited.world, url=url, wiring=wiring)
    finally:
        await wiring.close()


@pytest.fixture
async def pair(limited, server):
    """Two instances that share their budgets."""
    shared = {"redis_url": SecretStr(server.url)}
    async with instance(limited, **shared) as one, instance(limited, **shared) as other:
        # The first question of each connects, which may take longer than anybody waits.
        async with asyncio.timeout(20):
            while fallbacks(one) + fallbacks(other) != await _fallbacks_after_a_question(one, other):
                await asyncio.sleep(0.05)
        yield one, other


async def _fallbacks_after_a_question(one, other):
    for each in (one, other):
        await each.ask("GET", PAYMENTS)
    return fallbacks(one) + fallbacks(other)


def fallbacks(world):
    return world.wiring.metrics.registry.get_sample_value("rate_limit_fallbacks_total")


async def statuses(number, *worlds, bearer):
    answers = await asyncio.gather(
        *(world.ask("GET", PAYMENTS, bearer=bearer) for _ in range(number) for world in worlds)
    )
    return sorted(answer.status for answer in answers)


async def test_r1_two_instances_share_a_budget_and_go_on_alone_when_redis_dies(limited, server, pair):
    one, other = pair
    shop, later = [await limited.world.merchant(webhooks=False) for _ in range(2)]
    before = fallbacks(one) + fallbacks(other)
    seen = await statuses(10, one, other, bearer=shop.secret)
    missed = fallbacks(one) + fallbacks(other) - before
    assert 12 <= seen.count(200) <= 12 + missed
    assert set(seen) <= {200, 429}

    server.kill()
    seen = await statuses(20, one, other, bearer=later.secret)
    # Each counts for itself now: never a failure, never an endless budget.
    assert set(seen) <= {200, 429}
    assert 12 <= seen.count(200) <= 2 * 12
    assert fallbacks(one)
    assert fallbacks(other)


async def test_without_redis_each_instance_has_budgets_of_its_own(limited):
    shop = await limited.world.merchant(webhooks=False)
    async with instance(limited) as one, instance(limited) as other:
        seen = await statuses(20, one, other, bearer=shop.secret)
    assert seen.count(200) == 2 * 12


async def test_r1_an_instance_starts_and_serves_though_redis_was_never_there(limited):
    shop = await limited.world.merchant(webhooks=False)
    async with instance(limited, redis_url=SecretStr("redis://127.0.0.1:1/0")) as alone:
        assert (await alone.ask("GET", PAYMENTS, bearer=shop.secret)).status == 200
        assert (await statuses(15, alone, bearer=shop.secret)).count(200) == 11
