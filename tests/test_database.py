"""MongoDB: the client's promises, transactions that run twice, indexes that must be there (D10, G8, G9, G11)."""

import asyncio
import socket
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from app.database import (
    Collection,
    Database,
    DatabaseUnreachable,
    Index,
    IndexMissing,
    NetworkInsideTransaction,
    Session,
    refuse_inside_transaction,
    unhurried,
)
from app.local.embedded import EmbeddedMongod

THINGS = Collection(
    "things",
    (
        Index("by_name", [("name", 1)], unique=True, partial={"name": {"$type": "string"}}),
        Index("by_age", [("at", 1)], expire_after_seconds=3600),
    ),
    validator={"$jsonSchema": {"properties": {"size": {"bsonType": "int"}}}},
)


@pytest.fixture
async def database(mongodb_url: str, database_name: str) -> AsyncIterator[Database]:
    database = Database.connect(mongodb_url, name=f"{database_name}-{uuid.uuid4().hex[:6]}")
    yield database
    await database.client.drop_database(database.name)
    await database.close()


@pytest.fixture(scope="module")
def breakable_url() -> Iterator[str]:
    """Return the address of a mongod of our own: a fail point holds for a whole server, not for one test."""
    with EmbeddedMongod.ephemeral() as mongod:
        yield mongod.url


@pytest.fixture
async def breakable(breakable_url: str) -> AsyncIterator[Database]:
    database = Database.connect(breakable_url, name=f"broken-{uuid.uuid4().hex[:6]}")
    await database.ensure([THINGS])
    yield database
    await database.close()


@asynccontextmanager
async def failing(database: Database, mode: Any, **data: Any) -> AsyncIterator[None]:
    """Let commands of the server fail while the block runs."""
    admin = database.client.admin
    await admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})
    try:
        yield
    finally:
        await admin.command({"configureFailPoint": "failCommand", "mode": "off"})


async def test_d10_the_options_are_in_force() -> None:
    database = Database.connect("mongodb://127.0.0.1:1/?replicaSet=rs0", name="x")
    options = database.client.options
    assert options.write_concern == WriteConcern(w="majority", j=True, wtimeout=5000)
    assert options.read_concern.level == "majority"
    assert options.read_preference == ReadPreference.PRIMARY
    assert options.retry_writes
    assert options.retry_reads
    assert options.server_selection_timeout == 3.5
    pool = options.pool_options
    assert (pool.connect_timeout, pool.socket_timeout, pool.wait_queue_timeout) == (1, 8, 2)
    assert (pool.max_pool_size, pool.metadata["application"]["name"]) == (64, "payment-gateway-api")
    assert database.client.codec_options.tz_aware
    assert database.collection("a").write_concern == options.write_concern
    assert database.collection("a").read_concern == options.read_concern
    await database.close()


async def test_d10_options_in_the_url_win() -> None:
    url = "mongodb://127.0.0.1:1/?replicaSet=rs0&serverSelectionTimeoutMS=100&MAXPOOLSIZE=5&appName=mine"
    database = Database.connect(url, name="x")
    options = database.client.options
    assert options.server_selection_timeout == 0.1
    assert options.pool_options.max_pool_size == 5
    assert options.pool_options.metadata["application"]["name"] == "mine"
    assert options.write_concern.document["w"] == "majority"
    await database.close()


async def test_g5_a_cluster_without_a_primary_is_given_up_on_in_time() -> None:
    database = Database.connect("mongodb://127.0.0.1:1/?replicaSet=rs0&serverSelectionTimeoutMS=200", name="x")
    began = time.monotonic()
    with pytest.raises(AutoReconnect):
        await database.ping()
    # The driver alone would look for half a minute.
    assert time.monotonic() - began < 30
    await database.close()


async def test_a_client_that_is_closed_while_it_connects_leaves_no_socket_open() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        # The listener's queue is filled, so that the client's connections hang.
        with ExitStack() as waiting:
            for _ in range(4):
                one = waiting.enter_context(socket.socket())
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            before = connecting_to(port)
            url = f"mongodb://127.0.0.1:{port}/?directConnection=true&connectTimeoutMS=300"
            database = Database.connect(url, name="x")
            asking = asyncio.create_task(database.ping())
            async with asyncio.timeout(5):
                while connecting_to(port) <= before:
                    await asyncio.sleep(0.01)
            await database.close()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert connecting_to(port) <= before


async def test_g9_a_connection_from_before_an_election_never_serves_a_transaction() -> None:
    """The driver asks a member once, when it connects, whether it has sessions; one that is between states has none."""
    mongod = EmbeddedMongod.ephemeral()
    mongod.prepare()
    mongod.spawn()
    database = Database.connect(f"mongodb://127.0.0.1:{mongod.port}/?directConnection=true", name="early")
    try:
        async with asyncio.timeout(30):
            while not await is_between_states(database):
                await asyncio.sleep(0.05)
        await asyncio.to_thread(mongod.wait_until_primary)
        await database.await_primary(seconds=30, on_wait=str)
        await database.transaction(lambda session: database.collection("things").insert_one({}, session=session))
    finally:
        await database.close()
        mongod.close()


async def is_between_states(database: Database) -> bool:
    """Tell whether the member answers, and is no member of anything yet."""
    try:
        await database.ping()
    except AutoReconnect as error:
        return "neither primary nor secondary" in str(error)
    return True


def connecting_to(port: int) -> int:
    """Return how many sockets of this machine are connected, or about to be, to a port; the system counts them."""
    rows = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    live = {"01", "02"}  # established, and waiting for an answer
    return sum(row.split()[2].endswith(f":{port:04X}") and row.split()[3] in live for row in rows)


@pytest.fixture
async def hurried(breakable_url: str) -> AsyncIterator[Database]:
    database = Database.connect(breakable_url, name=f"hurried-{uuid.uuid4().hex[:6]}", operation_seconds=1)
    yield database
    await database.close()


async def test_g5_an_operation_keeps_a_client_waiting_no_longer_than_its_bound(
    breakable: Database, hurried: Database
) -> None:
    with unhurried():
        await hurried.ping()
    # Who waited longer than a second would hear after seven that it is done: the socket alone would bear eight.
    async with failing(breakable, "alwaysOn", failCommands=["insert"], blockConnection=True, blockTimeMS=7000):
        with pytest.raises(PyMongoError):
            await hurried.collection("things").insert_one({})


async def test_g5_a_report_may_take_longer_than_a_request(breakable: Database, hurried: Database) -> None:
    async def count(session: Session) -> int:
        return len(await hurried.collection("things").find(session=session).to_list())

    with unhurried():
        await hurried.ensure([THINGS])
    async with failing(breakable, "alwaysOn", failCommands=["find"], blockConnection=True, blockTimeMS=1500):
        assert await hurried.snapshot(count) == 0
        with unhurried():
            assert await hurried.collection("things").find_one() is None


async def test_g5_a_database_that_turns_us_away_is_not_waited_for(breakable: Database) -> None:
    async with failing(breakable, {"times": 1}, failCommands=["ping"], errorCode=18):
        with pytest.raises(DatabaseUnreachable, match=r"turned us away \(code 18\)"):
            await breakable.await_primary(seconds=600, on_wait=print)


async def test_g5_a_primary_that_comes_late_is_waited_for(breakable: Database) -> None:
    heard: list[str] = []
    async with failing(breakable, {"times": 1}, failCommands=["ping"], closeConnection=True):
        await breakable.await_primary(seconds=60, on_wait=heard.append)
    assert len(heard) == 1


async def test_a_living_database_answers(database: Database) -> None:
    await database.ping()


async def test_g11_ensure_may_run_again_and_verify_is_content_with_it(database: Database) -> None:
    for _ in range(2):
        await database.ensure([THINGS])
        await database.verify([THINGS])
    indexes = await database.collection("things").index_information()
    assert indexes["by_name"]["unique"]
    assert indexes["by_name"]["partialFilterExpression"] == {"name": {"$type": "string"}}
    assert indexes["by_age"]["expireAfterSeconds"] == 3600
    with pytest.raises(OperationFailure, match="Document failed validation"):
        await database.collection("things").insert_one({"size": "large"})


async def test_g11_ensure_survives_a_race_for_the_same_collections(database: Database) -> None:
    twin = Database(client=database.client, name=database.name)
    many = [Collection(f"things{number}", THINGS.indexes) for number in range(5)]
    await asyncio.gather(*(one.ensure(many) for one in (database, twin, database, twin)))
    await database.verify(many)


async def test_ensure_hides_no_error_of_creating_a_collection(database: Database) -> None:
    with pytest.raises(OperationFailure):
        await database.ensure([Collection("system.no_such_thing")])


@pytest.mark.parametrize("declared", [THINGS, Collection("never_made", THINGS.indexes)])
async def test_g11_a_missing_unique_index_is_named(database: Database, declared: Collection) -> None:
    await database.ensure([THINGS])
    await database.collection("things").drop_index("by_name")
    with pytest.raises(IndexMissing, match=f"by_name of collection {declared.name}"):
        await database.verify([declared])


async def test_g11_an_index_of_that_name_that_is_not_unique_is_missing_too(database: Database) -> None:
    await database.ensure([THINGS])
    things = database.collection("things")
    await things.drop_index("by_name")
    await things.create_index([("name", 1)], name="by_name")
    with pytest.raises(IndexMissing):
        await database.verify([THINGS])


async def test_g11_only_unique_indexes_are_worth_refusing_to_serve(database: Database) -> None:
    await database.ensure([THINGS])
    await database.collection("things").drop_index("by_age")
    await database.verify([THINGS])


async def test_d4_a_transaction_writes_everything_or_nothing(database: Database) -> None:
    await database.ensure([THINGS])
    things = database.collection("things")

    async def write(session: Session) -> str:
        await things.insert_one({"name": "a"}, session=session)
        return "written"

    async def write_and_fail(session: Session) -> None:
        await things.insert_one({"name": "b"}, session=session)
        raise LookupError

    assert await database.transaction(write) == "written"
    with pytest.raises(LookupError):
        await database.transaction(write_and_fail)
    assert [thing["name"] async for thing in things.find()] == ["a"]


async def test_d4_a_call_to_the_outside_is_refused_within_a_transaction_and_only_there(database: Database) -> None:
    async def call(_: Session) -> None:
        refuse_inside_transaction()

    refuse_inside_transaction()
    with pytest.raises(NetworkInsideTransaction):
        await database.transaction(call)
    refuse_inside_transaction()


async def test_d4_a_task_begun_within_a_transaction_is_refused_too(database: Database) -> None:
    async def call() -> None:
        refuse_inside_transaction()

    async def work(_: Session) -> None:
        await asyncio.gather(call())

    with pytest.raises(NetworkInsideTransaction):
        await database.transaction(work)


async def test_g9_a_transient_error_runs_the_work_again_with_one_effect(breakable: Database) -> None:
    runs: list[int] = []

    async def write(session: Session) -> int:
        runs.append(len(runs))
        await breakable.collection("things").insert_one({"name": f"run {len(runs)}"}, session=session)
        return len(runs)

    labels = ["TransientTransactionError"]
    async with failing(breakable, {"times": 1}, failCommands=["insert"], errorCode=251, errorLabels=labels):
        assert await breakable.transaction(write) == 2
    assert [thing["name"] async for thing in breakable.collection("things").find()] == ["run 2"]


async def test_g9_a_commit_of_unknown_outcome_is_repeated_without_running_the_work_again(breakable: Database) -> None:
    runs: list[int] = []

    async def write(session: Session) -> None:
        runs.append(1)
        await breakable.collection("things").insert_one({"name": "once"}, session=session)

    async with failing(breakable, {"times": 1}, failCommands=["commitTransaction"], closeConnection=True):
        await breakable.transaction(write)
    assert len(runs) == 1
    assert await breakable.collection("things").count_documents({}) == 1


async def test_g9_a_commit_that_never_succeeds_is_given_up_on_at_the_deadline(breakable: Database) -> None:
    async def write(session: Session) -> None:
        await breakable.collection("things").insert_one({"name": "never"}, session=session)

    began = time.monotonic()
    labels = ["UnknownTransactionCommitResult"]
    async with failing(breakable, "alwaysOn", failCommands=["commitTransaction"], errorCode=91, errorLabels=labels):
        with pytest.raises(PyMongoError):
            await replace(breakable, transaction_seconds=1.5).transaction(write)
    # The driver alone would go on for two minutes.
    assert 1 < time.monotonic() - began < 30


async def test_g9_work_that_outlasts_the_deadline_leaves_nothing_locked(breakable: Database) -> None:
    things = breakable.collection("things")
    await things.insert_one({"_id": "one", "name": "before"})

    async def dawdle(session: Session) -> None:
        await things.update_one({"_id": "one"}, {"$set": {"name": "during"}}, session=session)
        await asyncio.sleep(1.7)
        await things.update_one({"_id": "one"}, {"$set": {"name": "later"}}, session=session)

    with pytest.raises(PyMongoError):
        await replace(breakable, transaction_seconds=1.5).transaction(dawdle)
    began = time.monotonic()
    await things.update_one({"_id": "one", "name": "before"}, {"$set": {"name": "after"}})
    # The server alone would hold the lock until the transaction is ten seconds old.
    assert time.monotonic() - began < 8
    assert await things.find_one({"_id": "one"}) == {"_id": "one", "name": "after"}


async def test_g8_a_write_whose_answer_was_lost_is_not_a_duplicate_of_itself(breakable: Database) -> None:
    things = breakable.collection("things")
    write_lost = {"failCommands": ["insert"], "errorCode": 91, "errorLabels": ["RetryableWriteError"]}
    async with failing(breakable, {"times": 1}, **write_lost, writeConcernError={"code": 91, "errmsg": "gone"}):
        await things.insert_one({"_id": "mine", "name": "mine"})
    assert await things.count_documents({}) == 1
    with pytest.raises(DuplicateKeyError):
        await things.insert_one({"name": "mine"})
