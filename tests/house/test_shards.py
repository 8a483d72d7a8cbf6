"""Shards: every collection that grows says by which key it is divided, and the key is one that MongoDB can keep."""

from app.database import Collection, Index
from tests.house.rooms import collections

# Why a collection stays whole however much business there is.
WHOLE = {
    "analytics_walks": "one for each walk of the worker",
    "api_keys": "a caller with a key names no merchant: its digest is unique over all",
    "heartbeats": "one a process, gone after a day",
    "invariant_rounds": "one for each walk of the worker",
    "leases": "a handful",
    "ledger_books": "one a merchant and mode",
    "ledger_checks": "one a merchant and mode",
    "merchants": "one a merchant",
    "migrations": "one a migration",
    "sessions": "a browser's cookie names no merchant, and they end by themselves",
    "sign_in_attempts": "counted before anybody is known, gone after minutes",
    "sweeps": "a few a merchant and mode",
    "users": "an e-mail is unique over all merchants",
    "webhook_endpoints": "a few a merchant",
}


def unkeepable(collection: Collection) -> list[str]:
    """Return the unique indexes that MongoDB could not keep over shards: those that don't begin with the shard key."""
    key = collection.shard_key
    return [
        index.name
        for index in collection.indexes
        if index.unique and tuple(name for name, _ in index.keys)[: len(key)] != key
    ]


def test_a_collection_that_grows_has_a_shard_key_and_the_others_say_why_not() -> None:
    whole = {name for name, collection in collections().items() if not collection.shard_key}
    assert whole == set(WHOLE)


def test_every_unique_index_begins_with_the_shard_key() -> None:
    found = {name: unkeepable(collection) for name, collection in collections().items() if collection.shard_key}
    assert not {name: indexes for name, indexes in found.items() if indexes}
    planted = Collection("x", (Index("number", [("number", 1)], unique=True),), shard_key=("tenant", "mode"))
    assert unkeepable(planted) == ["number"]
