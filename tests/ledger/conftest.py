"""A ledger on a real database, empty for each test."""

import pytest

from app.database import Database
from tests.ledger.books import COLLECTIONS, empty, make_books


@pytest.fixture(scope="session")
async def shared_database(mongodb_url, database_name):
    database = Database.connect(mongodb_url, name=f"{database_name}-ledger")
    await database.ensure(COLLECTIONS)
    await database.verify(COLLECTIONS)
    yield database
    await database.client.drop_database(database.name)
    await database.close()


@pytest.fixture
async def ledger_database(shared_database):
    await empty(shared_database)
    return shared_database


@pytest.fixture
def books(ledger_database):
    return make_books(ledger_database)
