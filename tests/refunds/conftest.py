"""A product of its own for every test, with a desk for refunds."""

import pytest

from tests.refunds.desk import RefundDesk
from tests.stepped import stepped


@pytest.fixture
async def shop(mongodb_url, database_name):
    async with stepped(mongodb_url, database_name) as running:
        yield running


@pytest.fixture
def desk(shop):
    return RefundDesk(shop)


@pytest.fixture
async def told(mongodb_url, database_name):
    """A desk whose merchant's events arrive."""
    async with stepped(mongodb_url, database_name, webhooks=True) as running:
        yield RefundDesk(running)
