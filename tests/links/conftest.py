"""A product of its own for every test, with a counter for payment links."""

import pytest

from tests.links.counter import LinkCounter
from tests.stepped import stepped


@pytest.fixture
async def shop(mongodb_url, database_name):
    async with stepped(mongodb_url, database_name) as running:
        yield running


@pytest.fixture
def counter(shop):
    return LinkCounter(shop)
