"""Over shards, a query that names its merchant is answered by one of them; those that don't are few, and known."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from tests.house.rooms import collections
from tests.world import new_key, running_world

# What a request asks all shards, by collection and the fields it asks for. The worker asks all of them too: it takes
# what is due of any merchant, by an index of few documents (tests/house/test_collections.py says why of each).
OF_ALL_MERCHANTS = {"payment_links _id": "a link's public page: its address is an id with a MAC and names no merchant"}

_QUERIES = {
    "find": lambda command: [command.get("filter", {})],
    "count": lambda command: [command.get("query", {})],
    "aggregate": lambda command: [_matched(command["pipeline"])],
    "update": lambda command: [one["q"] for one in command["updates"]],
    "delete": lambda command: [one["q"] for one in command["deletes"]],
    "findAndModify": lambda command: [command.get("query", {})],
}


def _matched(pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    return next((stage["$match"] for stage in pipeline[:1] if "$match" in stage), {})


class Queries(CommandListener):
    """Hears which collection is asked for what."""

    def __init__(self) -> None:
        self.heard: set[tuple[str, tuple[str, ...]]] = set()
        self.is_open = False

    def started(self, event: CommandStartedEvent) -> None:
        command: Any = event.command
        read = _QUERIES.get(event.command_name)
        if read and self.is_open:
            for query in read(command):
                self.heard.add((str(command[event.command_name]), tuple(sorted(_fields(query)))))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


def _fields(query: dict[str, Any]) -> Iterator[str]:
    for name, value in query.items():
        if name == "$and":
            for part in value:
                yield from _fields(part)
        else:
            yield name


@pytest.fixture(scope="module")
async def heard(mongodb_url: str, database_name: str):
    queries = Queries()
    async with running_world(mongodb_url, f"{database_name}-shards", has_worker=False, listeners=[queries]) as world:
        merchant = await world.merchant()
        queries.is_open = True
        payment = await merchant.create_payment(reference="targeted")
        paid = await merchant.pay(payment)
        names = ("razorpay_order_id", "razorpay_payment_id", "razorpay_signature")
        callback = {name: paid[name] for name in names}
        await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/verify", callback)
        await merchant.wait_for(payment["id"], "completed")
        await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/refunds", {"amount": 100}, key=new_key())
        for path in ("payments?status=completed", "payments?reference=targeted", "refunds", "disputes", "events"):
            assert (await merchant.ask("GET", f"/api/v1/{path}")).status == 200, path
        for path in ("ledger/entries", "ledger/trial-balance", "audit-log", "suspense", "outbox"):
            assert (await merchant.ask_as_owner("GET", f"/api/v1/{path}")).status == 200, path
        link = await merchant.ask("POST", "/api/v1/payment-links", {"amount": 5000, "currency": "INR"}, key=new_key())
        await world.ask("GET", "/l/" + link.data["url"].rpartition("/l/")[2])
    return queries.heard


async def test_every_query_that_a_request_makes_of_what_is_sharded_names_the_merchant(heard):
    sharded = {name: collection.shard_key for name, collection in collections().items() if collection.shard_key}
    loose = {
        f"{name} {' '.join(fields)}"
        for name, fields in heard
        if name in sharded and not set(sharded[name]) <= set(fields)
    }
    assert loose <= set(OF_ALL_MERCHANTS), json.dumps(sorted(loose - set(OF_ALL_MERCHANTS)), indent=1)
    assert {name for name, _ in heard} >= {"payments", "refunds", "ledger_entries", "outbox", "inbox_events"}
