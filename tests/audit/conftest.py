"""A log on a real database, and the running product to ask for it over HTTP."""

import pytest

from app.kit.clock import MovableClock, SystemClock
from tests.world import running_world


@pytest.fixture(scope="session")
def clock():
    return MovableClock(SystemClock().now())


@pytest.fixture(scope="session")
async def world(mongodb_url, database_name, clock):
    async with running_world(mongodb_url, f"{database_name}-audit", clock=clock, has_worker=False) as running:
        yield running


@pytest.fixture
async def merchant(world):
    return await world.merchant(webhooks=False)
