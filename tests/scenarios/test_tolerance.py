"""The tolerant reader (P6): what newer code added is left alone, what older code left out is not missed."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.backups.drill import real_payments
from tests.house.rooms import collections
from tests.scenarios.stored import CLOSED, FIRST, MAPS, UNSEEN
from tests.stepped import Stepped, stepped
from tests.world import new_key

NEWER = "newer_field"
_OF_NOW = {"/api/v1/auth/sessions", "/db-status", "/metrics", "/health", "/health/ready"}
"""What tells of this moment, and differs from one question to the next."""

_OF_NOBODY_HERE = {"/api/v1/customers/{customer_id}/erasure"}
"""What is there only of customers whom the list does not have any more."""


@pytest.fixture
async def shop(mongodb_url, database_name):
    async with stepped(mongodb_url, database_name, webhooks=True) as running:
        await leave_traces(running)
        yield running


async def leave_traces(shop: Stepped) -> None:
    """Do what leaves a document of every kind."""
    world, merchant = shop.world, shop.merchant
    await real_payments(shop)
    await shop.apply_events(at_least=1)
    await world.add_dispute(merchant)
    await world.add_webhook(merchant)
    await world.add_job(merchant)
    link = await merchant.ask("POST", "/api/v1/payment-links", {"amount": 5000, "currency": "INR"}, key=new_key())
    assert link.status == 201, link.body
    await world.add_notice(merchant)
    await work(shop)
    await settle(shop)
    await work(shop)
    await erase_somebody(shop)
    await work(shop)


async def settle(shop: Stepped) -> None:
    """Let the processor pay to the bank, and learn of it by its event."""
    made = await shop.world.simulate("POST", "/_sim/settlements", {"key_id": shop.merchant.account["key_id"]})
    assert made.status == 200, made.body
    async with asyncio.timeout(10):
        while not await shop.rows("settlements"):
            await asyncio.sleep(0.01)
            await shop.apply_events()


async def erase_somebody(shop: Stepped) -> None:
    """Let somebody pay, and erase them."""
    person = {"email": "ravi@example.org", "contact": "+919812345671"}
    payment = await shop.merchant.create_payment()
    await shop.merchant.pay(payment, method="card", outcome="success", **person)
    await shop.merchant.ask("POST", f"/api/v1/payments/{payment['id']}/recheck")
    await work(shop)
    found = await shop.merchant.ask_as_owner("POST", "/api/v1/customers/search", {"email": person["email"]})
    (customer,) = found.data["items"]
    erased = await shop.merchant.ask_as_owner("POST", f"/api/v1/customers/{customer['id']}/erasure")
    assert erased.status == 202, erased.body


async def work(shop: Stepped) -> None:
    """Do everything that a worker would find to do now."""
    wiring = shop.wiring
    await shop.drain(after_delays=True)
    for lane in (
        wiring.inbox.apply_next,
        wiring.checks.check_next,
        wiring.ledger.seal_next,
        wiring.book_checks.check_next,
        wiring.refunds.checks.check_next,
        wiring.disputes.checks.check_next,
        wiring.recovery.enrolment.enroll_next,
        wiring.recovery.sweeps.sweep_next,
        wiring.analytics.counting.count_next,
        wiring.recovery.invariants.check_next,
    ):
        while await lane():
            pass
    await wiring.heartbeats.record("worker")


async def documents(shop: Stepped) -> dict[str, list[dict[str, Any]]]:
    """Return every document of every declared collection."""
    database = shop.wiring.database
    return {name: [row async for row in database.collection(name).find()] for name in collections()}


async def answers(shop: Stepped) -> dict[str, Any]:
    """Ask everything that may be asked, each list and each of its items, as the owner."""
    described = (await shop.world.ask("GET", "/openapi.json")).json["paths"]
    paths = [path for path, verbs in described.items() if "get" in verbs and path not in _OF_NOW | _OF_NOBODY_HERE]
    found: dict[str, Any] = {}
    for path in sorted(paths, key=lambda path: path.count("{")):
        for concrete in _concrete(path, found):
            answer = await shop.merchant.ask_as_owner("GET", concrete)
            assert answer.status == 200, (concrete, answer.body)
            found[concrete] = _data(answer)
    return found


def _concrete(path: str, found: dict[str, Any]) -> Iterator[str]:
    """Return the addresses of a path: itself, or one for each item of the list before its parameter."""
    before, brace, after = path.partition("/{")
    if not brace:
        yield path
        return
    rest = after.partition("}")[2]
    for item in found[before]["items"]:
        yield f"{before}/{item['id']}{rest}"


def _data(answer: Any) -> Any:
    return answer.body if answer.json is None else answer.json.get("data", answer.json)


def widened(value: Any) -> Any:
    """Return a document with one more field in it, and in every part of it that has fields of its own."""
    if isinstance(value, list):
        return [widened(one) if isinstance(one, dict) else one for one in value]
    parts = {
        name: widened(part) if isinstance(part, dict | list) and name not in MAPS else part
        for name, part in value.items()
    }
    return {**parts, NEWER: {"of": ["newer", "code"]}}


async def replace_all(shop: Stepped, changed: Any) -> None:
    """Put what the function makes of each document in its place."""
    for name, rows in (await documents(shop)).items():
        for row in rows:
            identity = row.pop("_id")
            await shop.wiring.database.collection(name).replace_one({"_id": identity}, changed(name, row))


async def test_p6_a_document_to_which_newer_code_added_fields_is_read_and_worked_on_and_keeps_them(shop):
    before = await answers(shop)
    await replace_all(shop, lambda name, row: row if name in CLOSED else widened(row))
    assert await answers(shop) == before
    payments = before["/api/v1/payments"]["items"]
    (held,) = (one for one in payments if one["status"] == "authorized")
    captured = await shop.merchant.ask("POST", f"/api/v1/payments/{held['id']}/capture", key=new_key())
    assert captured.status == 200, captured.body
    refunded = await shop.merchant.ask("POST", f"/api/v1/payments/{held['id']}/refunds", {"amount": 700}, key=new_key())
    assert refunded.status == 201, refunded.body
    shop.clock.advance(seconds=600)
    await work(shop)
    assert (await shop.wiring.backups.checks.look(known_until=shop.clock.now(), say=lambda line: None)).holds
    (again,) = [row for row in await shop.rows("payments") if row["_id"] == held["id"]]
    assert (again["status"], again[NEWER]) == ("completed", {"of": ["newer", "code"]})


async def test_p6_a_document_of_before_that_lacks_what_was_added_since_is_read_and_worked_on(shop):
    before = await answers(shop)
    await replace_all(shop, lambda name, row: {field: row[field] for field in FIRST[name].split() if field in row})
    after = await answers(shop)
    assert after.keys() == before.keys()
    shop.clock.advance(seconds=600)
    await work(shop)
    assert await answers(shop)


async def test_every_kind_of_document_is_among_them(shop):
    stored = await documents(shop)
    assert {name for name, rows in stored.items() if not rows} == set(UNSEEN)
    assert set(stored) == set(FIRST), "say in tests/scenarios/stored.py what a document of a new collection holds"
