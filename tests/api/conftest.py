"""One running product for the tests of the API as a whole, and the application object whose routes they walk."""

import pytest

from app.main import create_app
from tests.world import running_world

ORIGIN = "https://shop.example.com"


@pytest.fixture(scope="session")
async def world(mongodb_url, database_name):
    async with running_world(mongodb_url, f"{database_name}-api", has_worker=False, cors_origins=ORIGIN) as running:
        yield running


@pytest.fixture
async def merchant(world):
    return await world.merchant(webhooks=False)


@pytest.fixture(scope="session")
async def app(world):
    """The application as the world serves it: the same settings, the same wiring."""
    return create_app(world.settings, wiring=world.wiring)
