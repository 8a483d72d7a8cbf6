"""A product of its own for every test, and an ear for what it says to its database."""

import pytest

from tests.payments.commands import Commands
from tests.stepped import stepped


@pytest.fixture
def commands():
    return Commands()


@pytest.fixture
async def shop(mongodb_url, database_name, commands):
    async with stepped(mongodb_url, database_name, listeners=[commands]) as running:
        yield running
