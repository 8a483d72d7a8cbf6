"""A database that somebody else runs is looked at before anything is started on it."""

import pytest
from pymongo import MongoClient

from app.local.embedded import EmbeddedMongod
from app.local.given import require_database
from app.local.problems import DatabaseUnusable
from app.local.processes import end, spawn


@pytest.fixture
def lone_url():
    """Return the address of a mongod that belongs to no replica set."""
    mongod = EmbeddedMongod.ephemeral()
    mongod.prepare()
    command = [word for word in mongod._command(mongod._binary) if word not in {"--replSet", "rs0"}]
    process = spawn(command, log=mongod.log)
    yield f"mongodb://127.0.0.1:{mongod.port}/"
    end(process, grace_seconds=10)
    mongod.close()


def refusal(url):
    with pytest.raises(DatabaseUnusable) as refused:
        require_database(url)
    return str(refused.value)


def test_a_replica_set_that_answers_is_taken(mongodb_url):
    require_database(mongodb_url)


@pytest.mark.parametrize("url", ["mongodb://theirs:hid:den@db", "mongodb://db:hidden", "mongodb://"])
def test_an_address_that_can_not_be_read_is_not_repeated(url):
    said = refusal(url)
    assert "is no address that can be read" in said
    assert "hid" not in said


def test_a_wrong_password_is_said_without_it(mongodb_url):
    said = refusal(mongodb_url.replace("//", "//nobody:hidden@"))
    assert "refuses us (AuthenticationFailed): correct MONGODB_URL, or leave it empty" in said
    assert "hidden" not in said


def test_a_lone_server_is_refused_because_transactions_need_a_set(lone_url):
    with MongoClient(lone_url) as client:
        client.admin.command("ping")
    assert "is no replica set, which transactions need; start it with --replSet" in refusal(lone_url)
