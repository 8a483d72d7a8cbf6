"""The product with its worker, and browsers of everybody in a merchant's team."""

import contextlib

import aiohttp
import pytest

from tests.api.callers import ROLES, add_member
from tests.dashboard.browser import Browser


@pytest.fixture(scope="session")
def world(shared_world):
    return shared_world


@pytest.fixture
async def merchant(world):
    return await world.merchant()


@pytest.fixture
async def browsers(world):
    """Open browsers that are closed at the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def browsers(url=world.url):
            jar = aiohttp.CookieJar(unsafe=True)
            connector = aiohttp.TCPConnector(keepalive_timeout=2)
            session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar, connector=connector))
            return Browser(url, session)

        yield browsers


@pytest.fixture
async def owner(merchant, browsers):
    """A browser in which the merchant's owner is signed in."""
    browser = await browsers()
    assert (await browser.sign_in(merchant.email)).status == 303
    return browser


@pytest.fixture
async def team(merchant, browsers):
    """A browser for each role, signed in."""
    found = {}
    for role in ROLES:
        found[role] = await browsers()
        assert (await found[role].sign_in(await add_member(merchant, role))).status == 303
    return found
