"""One running product for all journeys of a worker: each journey has a merchant of its own."""

import pytest

from tests.world import running_world


@pytest.fixture(scope="session")
async def world(mongodb_url, database_name):
    async with running_world(mongodb_url, f"{database_name}-scenarios") as running:
        yield running


@pytest.fixture
async def merchant(world):
    return await world.merchant()
