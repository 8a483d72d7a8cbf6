"""A product of its own for every test."""

import pytest

from tests.stepped import stepped


@pytest.fixture
async def shop(mongodb_url, database_name):
    async with stepped(mongodb_url, database_name) as running:
        yield running
