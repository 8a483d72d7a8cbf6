"""A product of its own for every test, and a small database without one."""

import secrets

import pytest

from app.backups.dump import Dump
from app.backups.restoring import Restoring
from app.database import Collection, Database, Index
from app.kit.clock import SystemClock
from app.tenants.vault import Vault
from tests.stepped import stepped

THINGS = Collection(
    "things",
    (
        Index("by_word", [("word", 1)], unique=True, partial={"word": {"$type": "string"}}),
        Index("by_age", [("at", -1)], expire_after_seconds=86_400 * 365),
    ),
    validator={"$jsonSchema": {"required": ["word"], "properties": {"word": {"bsonType": "string"}}}},
)


@pytest.fixture
async def shop(mongodb_url, database_name):
    async with stepped(mongodb_url, database_name) as running:
        yield running


@pytest.fixture
def vault():
    return Vault.of("a secret key of thirty-two letters")


@pytest.fixture
async def new_database(mongodb_url, database_name):
    """Return a function that makes an empty database, which is dropped afterwards."""
    made = []

    def make(url=mongodb_url):
        made.append(Database.connect(url, name=f"{database_name}-{secrets.token_hex(4)}"))
        return made[-1]

    yield make
    for database in made:
        await database.client.drop_database(database.name)
        await database.close()


@pytest.fixture
async def things(new_database):
    """A database with 2,500 documents that a validator and two indexes hold."""
    database = new_database()
    await database.ensure([THINGS, Collection("leases")])
    await database.collection("things").insert_many([{"_id": n, "word": f"word {n}"} for n in range(2500)])
    await database.collection("leases").insert_one({"_id": "leader"})
    return database


@pytest.fixture
def dump_of(vault):
    return lambda database, clock=None: Dump(database, vault, clock or SystemClock(), version="0")


@pytest.fixture
def restoring_into(vault):
    return lambda database: Restoring(database, vault)


@pytest.fixture
def quiet():
    """Nobody listens."""
    return lambda line: None
