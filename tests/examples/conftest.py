"""The running product, for the programs in examples/."""

import aiohttp
import pytest

from tests.checkout.conftest import Customer


@pytest.fixture(scope="session")
def world(shared_world):
    return shared_world


@pytest.fixture
async def customer(world):
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(keepalive_timeout=2)
    ) as session:
        yield Customer(session, world.url)
