"""Payment links over HTTP: what can be asked for, what is shown, and who is told."""

import asyncio
from datetime import timedelta

import pytest

from app.links.models import TRANSITIONS, LinkStatus
from tests.links.counter import PATH


async def test_a_link_is_shown_as_it_was_made(shop, counter):
    expires_at = shop.clock.now() + timedelta(days=3)
    link = await counter.make(description="Two tickets", reference="invoice-7", expires_at=expires_at.isoformat())
    assert (await counter.shown(link)) == link
    assert link["status"] == "active"
    assert (link["amount"], link["min_amount"], link["currency"], link["reusable"]) == (50_000, None, "INR", False)
    assert (link["payment_id"], link["livemode"], link["resent_at"]) == (None, False, None)
    assert await shop.orders() == []


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "payment_link_bounds_refused", "amount"),
        ({"min_amount": 100}, "payment_link_bounds_refused", "amount"),
        ({"amount": 500, "max_amount": 600}, "payment_link_bounds_refused", "amount"),
        ({"min_amount": 500, "max_amount": 500}, "payment_link_bounds_refused", "max_amount"),
        ({"amount": 99}, "amount_refused", "amount"),
        ({"min_amount": 99, "max_amount": 500}, "amount_refused", "min_amount"),
        ({"min_amount": 1000, "max_amount": 1001, "currency": "KWD"}, "amount_refused", "max_amount"),
        ({"amount": 500, "currency": "XXX"}, "amount_refused", "currency"),
        ({"amount": 500, "reusable": 1}, "validation_failed", "reusable"),
        ({"amount": 500, "description": "4111 1111 1111 1111"}, "card_number_refused", None),
    ],
)
async def test_a14_n7_a_link_that_makes_no_sense_is_refused(counter, body, code, param):
    answer = await counter.ask("POST", body=body)
    assert (answer.status, answer.code) == (422, code)
    if param:
        assert answer.json["error"]["param"] == param
    assert (await counter.ask("GET")).data["items"] == []


@pytest.mark.parametrize("life", [timedelta(minutes=14), timedelta(days=367), timedelta(days=-1)])
async def test_a_link_lives_a_quarter_of_an_hour_to_a_year(shop, counter, life):
    answer = await counter.ask("POST", body={"amount": 500, "expires_at": (shop.clock.now() + life).isoformat()})
    assert (answer.status, answer.code) == (422, "payment_link_expiry_refused")


async def test_links_are_listed_by_state_and_reference(shop, counter):
    soon = (shop.clock.now() + timedelta(minutes=20)).isoformat()
    expiring = await counter.make(expires_at=soon)
    # Ids of one millisecond sort by chance.
    shop.clock.advance(seconds=1)
    later = await counter.make(expires_at=(shop.clock.now() + timedelta(days=2)).isoformat(), reference="r-1")
    shop.clock.advance(seconds=1)
    lasting = await counter.make(reference="r-1")
    shop.clock.advance(seconds=1)
    cancelled = await counter.make()
    await counter.ask("POST", f"/{cancelled['id']}/cancel")
    shop.clock.advance(seconds=1800)
    expected = {
        "?status=active": [lasting["id"], later["id"]],
        "?status=expired": [expiring["id"]],
        "?status=cancelled": [cancelled["id"]],
        "?status=paid": [],
        "?reference=r-1": [lasting["id"], later["id"]],
        "?limit=2": [cancelled["id"], lasting["id"]],
        f"?starting_after={lasting['id']}": [later["id"], expiring["id"]],
    }
    for query, ids in expected.items():
        answer = await counter.ask("GET", query)
        assert [row["id"] for row in answer.data["items"]] == ids, query
    states = {row["id"]: row["status"] for row in (await counter.ask("GET")).data["items"]}
    assert states[expiring["id"]] == "expired"


async def test_sending_again_tells_once_a_minute(shop, counter):
    link = await counter.make()
    first = await counter.ask("POST", f"/{link['id']}/resend")
    assert first.status == 200
    assert first.data["resent_at"] is not None
    hasty = await counter.ask("POST", f"/{link['id']}/resend")
    assert (hasty.status, hasty.code) == (429, "payment_link_too_often")
    assert 1 <= int(hasty.headers["Retry-After"]) <= 60
    shop.clock.advance(seconds=60)
    answers = await asyncio.gather(*(counter.ask("POST", f"/{link['id']}/resend") for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [200, 429, 429, 429, 429]
    assert await shop.events(link["id"]) == [
        ("payment_link.created", 1),
        ("payment_link.resent", 2),
        ("payment_link.resent", 3),
    ]


async def test_a_link_that_has_ended_is_not_sent_again(shop, counter):
    link = await counter.make()
    await counter.ask("POST", f"/{link['id']}/cancel")
    answer = await counter.ask("POST", f"/{link['id']}/resend")
    assert (answer.status, answer.json["error"]["details"]["status"]) == (409, "cancelled")
    unpaid = await counter.make(expires_at=(shop.clock.now() + timedelta(minutes=20)).isoformat())
    shop.clock.advance(seconds=1200)
    answer = await counter.ask("POST", f"/{unpaid['id']}/resend")
    assert (answer.status, answer.json["error"]["details"]["status"]) == (409, "expired")


async def test_t10_who_made_and_ended_a_link_is_in_the_audit_log(shop, counter):
    link = await counter.make()
    await counter.ask("POST", f"/{link['id']}/resend")
    await counter.ask("POST", f"/{link['id']}/cancel")
    log = (await shop.merchant.ask_as_owner("GET", "/api/v1/audit-log")).data["items"]
    deeds = [entry["action"] for entry in log if entry["target"] == link["id"]]
    # Ids of one millisecond sort by chance.
    assert sorted(deeds) == ["payment_link.cancelled", "payment_link.created", "payment_link.resent"]


async def test_s13_another_merchants_links_are_not_there(shop, counter):
    link = await counter.make()
    other = await shop.world.merchant(webhooks=False)
    for method, path in (("GET", ""), ("POST", "/cancel"), ("POST", "/resend")):
        answer = await other.ask(method, f"{PATH}/{link['id']}{path}")
        assert (answer.status, answer.code) == (404, "payment_link_not_found")
    assert (await other.ask("GET", PATH)).data["items"] == []
    assert (await counter.shown(link))["status"] == "active"


async def test_twenty_cancel_at_once_and_one_does(shop, counter):
    link = await counter.make()
    answers = await asyncio.gather(*(counter.ask("POST", f"/{link['id']}/cancel") for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 19
    assert await shop.events(link["id"]) == [("payment_link.created", 1), ("payment_link.cancelled", 2)]


def test_i5_no_move_of_a_link_leads_back():
    rank = {status: number for number, status in enumerate(LinkStatus)}
    for source in LinkStatus:
        for target in LinkStatus:
            assert not TRANSITIONS.allows(source, target) or rank[target] > rank[source]


async def test_a12_a_request_that_died_after_its_commit_is_repeated_with_the_same_link(shop, counter):
    """Whoever made the link and could not say so leaves the key open; its lease runs out, and a retry comes."""
    body = {"amount": 50_000, "currency": "INR", "description": "Two tickets"}
    first = await shop.merchant.ask("POST", PATH, body, key="link-1")
    keys = shop.wiring.database.collection("idempotency_keys")
    died = {"$set": {"state": "open", "leased_until": "$$NOW"}}
    result = await keys.update_one({"tenant": shop.merchant.id, "state": "done"}, [died])
    assert result.modified_count == 1
    again = await shop.merchant.ask("POST", PATH, body, key="link-1")
    assert (again.status, again.data) == (201, first.data)
    assert [row["_id"] for row in await shop.rows("payment_links")] == [first.data["id"]]
    assert len([row for row in await shop.rows("outbox") if row["name"] == "payment_link.created"]) == 1
    other = await shop.merchant.ask("POST", PATH, {**body, "amount": 60_000}, key="link-2")
    assert other.data["id"] != first.data["id"]
