"""The simulated database answers as a real mongod does, for every operator that it speaks."""

import copy
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app.database import Collection, Database, Index
from app.kit.clock import SystemClock
from tests.simulation.database import Database as Simulated
from tests.simulation.expressions import NotSpoken

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_LATER = _AT + timedelta(hours=1)
_ROWS = (
    {"_id": "a", "n": 1, "s": "one", "at": _AT, "tags": ["x", "y"], "in": {"k": "v", "n": 5}, "gone": None},
    {"_id": "b", "n": 2, "s": "two", "at": _LATER, "tags": [], "legs": [{"side": "debit", "amount": 3}]},
    {"_id": "c", "n": 3, "legs": [{"side": "credit", "amount": 3}, {"side": "debit", "amount": 4}], "on": True},
    {"_id": "d", "s": "four", "at": None, "in": {"k": None}, "on": False},
)

FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"_id": "b"},
    {"_id": {"$eq": "b"}, "n": 2},
    {"n": {"$gt": 1}},
    {"n": {"$gte": 2, "$lt": 3}},
    {"n": {"$lte": 2}},
    {"n": {"$ne": 2}},
    {"n": {"$in": [1, 3, None]}},
    {"n": {"$nin": [1, None]}},
    {"s": {"$exists": False}},
    {"s": {"$exists": True}},
    {"at": None},
    {"at": {"$lte": _AT}},
    {"at": {"$type": "date"}},
    {"s": {"$type": "string"}},
    {"gone": {"$type": "null"}},
    {"on": True},
    {"on": {"$ne": True}},
    {"on": 1},
    {"tags": "x"},
    {"tags": {"$in": ["y", "z"]}},
    {"tags": {"$size": 0}},
    {"in.k": "v"},
    {"in.k": None},
    {"in": {"k": "v", "n": 5}},
    {"legs.side": "debit"},
    {"legs.amount": {"$gt": 3}},
    {"legs": {"$elemMatch": {"side": "debit", "amount": 4}}},
    {"$and": [{"n": {"$gt": 0}}, {"$or": [{"s": "one"}, {"on": True}]}]},
    {"n": {"$not": {"$gt": 1}}},
    {"$expr": {"$lte": [{"$add": [{"$ifNull": ["$n", 9]}, 1]}, 3]}},
    {"$expr": {"$lt": ["$at", {"$subtract": ["$$NOW", 1000]}]}},
    {"$expr": {"$eq": [{"$type": "$s"}, "missing"]}},
    {"$expr": {"$and": [{"$gt": ["$n", 1]}, {"$not": [{"$eq": ["$on", True]}]}]}},
)

UPDATES: tuple[Any, ...] = (
    {"$set": {"n": 7, "in.z": 1}},
    {"$unset": {"s": "", "in.k": ""}},
    {"$inc": {"n": 2, "fresh": 1}},
    {"$max": {"n": 2}, "$min": {"m": 4}},
    {"$push": {"tags": "z"}},
    {"$push": {"more": {"$each": [1, 2, 3], "$slice": -2}}},
    {"$addToSet": {"tags": "x"}},
    {"$addToSet": {"tags": {"$each": ["x", "q"]}}},
    {"$pull": {"tags": "x"}},
    {"$setOnInsert": {"n": 99}},
    [{"$set": {"n": {"$add": [{"$ifNull": ["$n", 0]}, 1]}, "was": "$n"}}],
    [{"$set": {"due": {"$add": ["$at", 5000]}, "text": {"$literal": "$n"}}}],
    [{"$set": {"w": {"$cond": [{"$gte": ["$n", 2]}, "much", "little"]}}}, {"$unset": ["tags", "in"]}],
    [{"$set": {"w": {"$cond": {"if": "$on", "then": 1, "else": "$$REMOVE"}}}}],
    [{"$replaceWith": {"$mergeObjects": ["$$ROOT", {"n": {"$subtract": ["$n", 1]}}]}}],
    [{"$set": {"list": {"$slice": [{"$concatArrays": [{"$ifNull": ["$tags", []]}, ["p", "q"]]}, -2]}}}],
    [{"$set": {"left": {"$setDifference": [{"$ifNull": ["$tags", []]}, ["x"]]}}}],
    [{"$set": {"top": {"$max": ["$n", 2]}, "low": {"$min": ["$n", 2]}, "sides": "$legs.side"}}],
    [
        {
            "$set": {
                "of": {
                    "$switch": {
                        "branches": [{"case": {"$eq": ["$n", 1]}, "then": "one"}, {"case": "$on", "then": "on"}],
                        "default": "none",
                    }
                }
            }
        }
    ],
    [{"$set": {"kept": {"$filter": {"input": "$legs", "as": "leg", "cond": {"$eq": ["$$leg.side", "debit"]}}}}}],
)


_WITH_TWINS = Collection("rows", (Index("unique", [("u", 1)], unique=True, partial={"u": {"$type": "string"}}),))


@pytest.fixture
async def real(mongodb_url: str, database_name: str) -> AsyncIterator[Any]:
    database = Database.connect(mongodb_url, name=f"{database_name}-simulation")
    await database.ensure([_WITH_TWINS])
    rows = database.collection("rows")
    await rows.delete_many({})
    await rows.insert_many(copy.deepcopy(_ROWS))
    yield rows
    await database.client.drop_database(database.name)
    await database.close()


@pytest.fixture
def simulated() -> Database:
    database = Simulated(SystemClock().now, (_WITH_TWINS,))
    for row in _ROWS:
        database.put("rows", row["_id"], copy.deepcopy(row))
    return database


async def _ids(rows: Any, query: dict[str, Any]) -> list[Any]:
    return [row["_id"] for row in await rows.find(query).sort("_id", 1).to_list()]


async def test_every_filter_matches_what_mongod_matches(real: Any, simulated: Simulated) -> None:
    rows = simulated.collection("rows")
    for query in FILTERS:
        assert await _ids(rows, query) == await _ids(real, query), query
        assert await rows.count_documents(query) == await real.count_documents(query)


async def test_every_update_makes_what_mongod_makes(real: Any, simulated: Simulated) -> None:
    rows = simulated.collection("rows")
    for update in UPDATES:
        for row in _ROWS:
            await real.replace_one({"_id": row["_id"]}, copy.deepcopy(row))
            simulated.put("rows", row["_id"], copy.deepcopy(row))
            for form in (rows, real):
                await form.update_one({"_id": row["_id"]}, update)
            made, wanted = await rows.find_one({"_id": row["_id"]}), await real.find_one({"_id": row["_id"]})
            assert made == wanted, (update, row["_id"])


async def test_an_upsert_begins_with_what_its_filter_says(real: Any, simulated: Simulated) -> None:
    rows = simulated.collection("rows")
    query = {"_id": "new", "s": {"$eq": "five"}, "in.k": "w", "n": {"$gt": 3}}
    for update in ({"$setOnInsert": {"n": 5}, "$inc": {"m": 1}}, [{"$set": {"n": {"$ifNull": ["$n", 6]}}}]):
        for form in (rows, real):
            await form.delete_one({"_id": "new"})
            result = await form.update_one(query, update, upsert=True)
            assert (result.matched_count, result.upserted_id) == (0, "new")
        assert await rows.find_one({"_id": "new"}) == await real.find_one({"_id": "new"})


async def test_order_and_limits_and_what_comes_back_are_as_with_mongod(real: Any, simulated: Simulated) -> None:
    rows = simulated.collection("rows")
    for order in ([("n", 1)], [("n", -1), ("_id", 1)], [("at", -1), ("s", 1)], [("on", 1), ("_id", -1)]):
        made = [row["_id"] for row in await rows.find({}).sort(order).skip(1).limit(2).to_list()]
        assert made == [row["_id"] for row in await real.find({}).sort(order).skip(1).limit(2).to_list()], order
    for when in (ReturnDocument.BEFORE, ReturnDocument.AFTER):
        changed = [
            await form.find_one_and_update(
                {"n": {"$gte": 1}}, {"$inc": {"n": 10}}, sort=[("n", -1)], return_document=when
            )
            for form in (rows, real)
        ]
        assert changed[0] == changed[1]
    assert sorted(await rows.distinct("n")) == sorted(await real.distinct("n"))


async def test_a_twin_is_refused_and_named_as_mongod_names_it(real: Any, simulated: Simulated) -> None:
    for rows in (simulated.collection("rows"), real):
        await rows.insert_one({"_id": "first", "u": "taken"})
        await rows.insert_many([{"_id": "no text", "u": 1}, {"_id": "no text either", "u": 1}])
        with pytest.raises(DuplicateKeyError) as refusal:
            await rows.insert_one({"_id": "second", "u": "taken"})
        assert refusal.value.details["keyPattern"] == {"u": 1}
        with pytest.raises(DuplicateKeyError) as refusal:
            await rows.update_one({"_id": "a"}, {"$set": {"u": "taken"}})
        assert refusal.value.code == 11000


async def test_a_transaction_writes_all_or_nothing_and_the_slower_of_two_runs_again(simulated: Simulated) -> None:
    rows = simulated.collection("rows")
    tries = []

    async def work(session: Any) -> None:
        seen = await rows.find_one({"_id": "a"}, session=session)
        tries.append(seen["n"])
        if len(tries) == 1:
            await rows.update_one({"_id": "a"}, {"$inc": {"n": 5}})
        await rows.update_one({"_id": "a"}, {"$inc": {"n": 1}}, session=session)

    await simulated.transaction(work)
    assert tries == [1, 6]
    assert (await rows.find_one({"_id": "a"}))["n"] == 7

    async def dies(session: Any) -> None:
        await rows.update_one({"_id": "a"}, {"$inc": {"n": 1}}, session=session)
        raise KeyError

    with pytest.raises(KeyError):
        await simulated.transaction(dies)
    assert (await rows.find_one({"_id": "a"}))["n"] == 7


async def test_totals_are_as_with_mongod(real: Any, simulated: Simulated) -> None:
    totals = {"_id": None, "rows": {"$sum": 1}, "n": {"$sum": "$n"}, "on": {"$sum": {"$cond": ["$on", 1, 0]}}}
    for query in ({}, {"n": {"$gt": 1}}, {"n": {"$gt": 99}}):
        found = [
            await (await rows.aggregate([{"$match": query}, {"$group": totals}])).to_list()
            for rows in (simulated.collection("rows"), real)
        ]
        assert found[0] == found[1], query
    rows = simulated.collection("rows")
    unspoken = ([{"$match": {}}, {"$sort": {"n": 1}}], [{"$match": {}}, {"$group": {"_id": "$s"}}])
    for pipeline in (*unspoken, [{"$match": {}}, {"$group": {"_id": None, "most": {"$max": "$n"}}}]):
        with pytest.raises(NotSpoken):
            await (await rows.aggregate(pipeline)).to_list()


async def test_an_operator_that_it_does_not_speak_is_never_passed_over(simulated: Simulated) -> None:
    rows = simulated.collection("rows")
    for query in ({"$where": "1"}, {"n": {"$mod": [2, 0]}}, {"$expr": {"$rand": {}}}):
        with pytest.raises(NotSpoken):
            await rows.find_one(query)
    for update in ({"$rename": {"n": "m"}}, {"$push": {"n": {"$each": [1], "$sort": 1}}}, [{"$project": {"n": 1}}]):
        with pytest.raises(NotSpoken):
            await rows.update_one({"_id": "a"}, update)
