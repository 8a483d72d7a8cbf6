"""Migrations run once each, in order, however many processes start and wherever one dies (P12)."""

import asyncio

import pytest

from app.database import Database
from app.kit.clock import SystemClock
from app.kit.ids import RandomIds
from app.migrations import Migration, Migrations


@pytest.fixture
async def database(mongodb_url: str, database_name: str):
    database = Database.connect(mongodb_url, name=f"{database_name}-migrations")
    await database.client.drop_database(database.name)
    yield database
    await database.client.drop_database(database.name)
    await database.close()


def runner(database: Database) -> Migrations:
    return Migrations(database=database, clock=SystemClock(), ids=RandomIds())


def adding(number: int, *, log: list[int]) -> Migration:
    async def run(database: Database) -> None:
        await asyncio.sleep(0.01)
        log.append(number)
        await database.collection("facts").update_one({"_id": number}, {"$inc": {"runs": 1}}, upsert=True)

    return Migration(number=number, name=f"add {number}", run=run)


async def test_migrations_run_in_the_order_of_their_numbers_and_only_once(database):
    log: list[int] = []
    migrations = [adding(2, log=log), adding(1, log=log)]
    assert await runner(database).run_pending(migrations) == [1, 2]
    assert await runner(database).run_pending(migrations) == []
    assert log == [1, 2]


async def test_several_processes_that_start_at_once_run_each_migration_once(database):
    log: list[int] = []
    migrations = [adding(1, log=log), adding(2, log=log)]
    ran = await asyncio.gather(*(runner(database).run_pending(migrations) for _ in range(4)))
    assert sorted(number for numbers in ran for number in numbers) == [1, 2]
    assert sorted(log) == [1, 2]


async def test_p12_a_migration_that_died_halfway_is_run_again(database):
    tries: list[int] = []

    async def run(database: Database) -> None:
        for batch in range(3):
            await database.collection("facts").update_one({"_id": batch}, {"$set": {"done": True}}, upsert=True)
            if batch == 1 and not tries:
                tries.append(1)
                message = "the process died here"
                raise RuntimeError(message)

    migration = Migration(number=1, name="in batches", run=run)
    with pytest.raises(RuntimeError):
        await runner(database).run_pending([migration])
    assert await runner(database).run_pending([migration]) == [1]
    assert await database.collection("facts").count_documents({"done": True}) == 3


async def test_p12_a_lock_left_by_a_dead_process_is_taken_over_when_its_lease_is_over(database):
    long_ago = SystemClock().now().replace(year=2020)
    await database.collection("migrations").insert_one({"_id": "lock", "owner": "dead", "taken_at": long_ago})
    log: list[int] = []
    assert await runner(database).run_pending([adding(1, log=log)]) == [1]
