"""A product of its own for every test, and a receiver that it may call."""

import pytest

from tests.stepped import stepped
from tests.webhooks.receiver import receiving


@pytest.fixture
async def receiver():
    async with receiving() as running:
        yield running


@pytest.fixture
async def shop(mongodb_url, database_name):
    async with stepped(mongodb_url, database_name, webhooks_to_private=True) as running:
        yield running
