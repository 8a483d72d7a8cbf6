"""One running product for all journeys of a worker: each journey has a merchant of its own."""

import pytest


@pytest.fixture(scope="session")
def world(shared_world):
    return shared_world


@pytest.fixture
async def merchant(world):
    return await world.merchant()
