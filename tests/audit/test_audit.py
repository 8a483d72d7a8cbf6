"""The audit log: one chain per merchant, in which every alteration is found."""

import asyncio
import dataclasses
import datetime as dt
import secrets

import pytest
from bson import Decimal128, ObjectId

from app.audit.models import GENESIS
from app.audit.service import Actor, AuditBusy
from app.audit.store import AuditStore
from app.kit.turns import Turns

LOG = "/api/v1/audit-log"
ACTOR = Actor(kind="user", id="usr_1")


@pytest.fixture
def audit(world):
    return world.wiring.audit


@pytest.fixture
def rows(world):
    return world.wiring.database.collection("audit_log")


@pytest.fixture
async def tenant(audit):
    """A merchant with five deeds."""
    name = f"mer_{secrets.token_hex(6)}"
    for number in range(5):
        await deed(audit, name, after={"number": number})
    return name


async def deed(audit, tenant, **facts):
    full = {"action": "thing.changed", "target": "thing", "before": {}, "after": {}, **facts}
    await audit.record(tenant, actor=ACTOR, **full)


async def test_t10_the_chain_runs_from_its_genesis_without_a_gap(audit, rows, tenant):
    entries = [row async for row in rows.find({"tenant": tenant}).sort("sequence", 1)]
    assert [entry["sequence"] for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry["previous"] for entry in entries] == [GENESIS, *(entry["digest"] for entry in entries[:-1])]
    assert await audit.find_break(tenant) is None
    assert await audit.find_break("mer_nobody") is None


@pytest.mark.parametrize(
    "change",
    [
        {"action": "thing.left"},
        {"target": "another"},
        {"actor": {"kind": "user", "id": "usr_2"}},
        {"actor.kind": "api_key"},
        {"before": {"number": 1}},
        {"after": {}},
        {"after.number": 99},
        {"after.more": "facts"},
        {"after.when": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)},
        {"after.raw": b"bytes"},
        {"after.number": Decimal128("2")},
        {"after.number": ObjectId("0" * 24)},
        {"at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)},
        {"previous": GENESIS},
        {"digest": "f" * 64},
        {"sequence": 33},
    ],
    ids=str,
)
async def test_t10_an_altered_entry_is_found(audit, rows, tenant, change):
    await rows.update_one({"tenant": tenant, "sequence": 3}, {"$set": change})
    assert await audit.find_break(tenant) == 3


@pytest.mark.parametrize("sequence", [1, 2, 4])
async def test_t10_a_removed_entry_is_found(audit, rows, tenant, sequence):
    await rows.delete_one({"tenant": tenant, "sequence": sequence})
    assert await audit.find_break(tenant) == sequence


async def test_t10_a_forged_entry_with_its_own_digest_breaks_the_next_one(audit, rows, tenant):
    store = audit.store
    third = (await store.list_chain(tenant, after=2, limit=1))[0]
    await rows.update_one({"_id": third.id}, {"$set": {"target": "forged"}})
    forged = (await store.list_chain(tenant, after=2, limit=1))[0].computed_digest()
    await rows.update_one({"_id": third.id}, {"$set": {"digest": forged}})
    assert await audit.find_break(tenant) == 4


async def test_t10_an_entry_of_another_merchant_does_not_fit(audit, rows, tenant):
    other = f"mer_{secrets.token_hex(6)}"
    await deed(audit, other, after={"number": 0})
    await rows.delete_one({"tenant": tenant, "sequence": 1})
    await rows.update_one({"tenant": tenant, "sequence": 2}, {"$set": {"sequence": 1}})
    assert await audit.find_break(tenant) == 1
    assert await audit.find_break(other) is None


async def test_deeds_at_one_moment_all_get_a_place(audit, tenant):
    # Two processes, which take no turns with one another.
    other = dataclasses.replace(audit, turns=Turns())
    targets = [str(number) for number in range(100, 130)]
    await asyncio.gather(*(deed((audit, other)[int(target) % 2], tenant, target=target) for target in targets))
    assert await audit.find_break(tenant) is None
    chain = await audit.store.list_chain(tenant, after=5, limit=200)
    assert sorted(entry.target for entry in chain) == targets


async def test_t10_a_long_chain_is_checked_to_its_end(audit, rows, tenant):
    for _ in range(500):
        await deed(audit, tenant)
    assert await audit.find_break(tenant) is None
    await rows.update_one({"tenant": tenant, "sequence": 504}, {"$set": {"target": "altered"}})
    assert await audit.find_break(tenant) == 504


class TakenStore(AuditStore):
    """A chain in which somebody else always takes the next place first."""

    async def append_entry(self, tenant, entry):
        return False


async def test_a_deed_that_finds_no_place_says_so(world, audit):
    busy = dataclasses.replace(audit, store=TakenStore(world.wiring.database))
    with pytest.raises(AuditBusy):
        await deed(busy, "mer_busy")


async def test_t10_over_http_a_merchant_reads_and_verifies_their_own_log(merchant, rows, world, clock):
    other = await world.merchant(webhooks=False)
    items, cursor = [], ""
    while True:
        page = (await merchant.ask_as_owner("GET", f"{LOG}?limit=2{cursor}")).data
        items += page["items"]
        if not page["has_more"]:
            break
        cursor = f"&starting_after={page['next_cursor']}"
    actions = {"merchant.created", "processor.connected", "webhook_secret.rotated", "api_key.created"}
    assert {item["action"] for item in items} == actions
    assert len(items) == len(actions)
    whole = await merchant.ask_as_owner("GET", f"{LOG}/chain")
    assert whole.data == {"is_whole": True, "broken_at": None}
    await rows.update_one({"tenant": merchant.id, "sequence": 2}, {"$set": {"actor.id": "usr_else"}})
    broken = await merchant.ask_as_owner("GET", f"{LOG}/chain")
    assert (broken.data, broken.json["message"]) == ({"is_whole": False, "broken_at": 2}, "The chain is broken.")
    assert (await other.ask_as_owner("GET", f"{LOG}/chain")).data["is_whole"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_t10_nobody_writes_to_the_log_over_http(merchant, method):
    assert (await merchant.ask_as_owner(method, LOG, {} if method != "DELETE" else None)).status == 405
    assert (await merchant.ask("GET", LOG)).code == "permission_denied"
