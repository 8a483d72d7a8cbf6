"""Settlements at the dashboard: what reached the bank, what is odd about it, and having it compared again."""

import asyncio

import pytest


@pytest.fixture
async def odd(world, merchant):
    """The path of a settlement that paid a rupee less than its one payment brought, not compared yet."""
    payment = await merchant.create_payment()
    await merchant.pay(payment, method="card", outcome="success")
    await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/recheck")
    account = {"key_id": merchant.account["key_id"]}
    await world.simulate("POST", "/_sim/faults", {"mode": "settlement_short", "times": 1, "amount": 100, **account})
    await world.simulate("POST", "/_sim/settlements", account)
    async with asyncio.timeout(15):
        while not (found := (await merchant.ask("GET", "/api/v1/settlements")).data["items"]):
            await asyncio.sleep(0.05)
    return f"/dashboard/settlements/{found[0]['id']}", payment


async def test_a_settlement_is_compared_again_and_what_is_odd_is_said(merchant, owner, odd):
    path, payment = odd
    assert "Its lines are not told yet" in (await owner.get(path)).words
    done = await owner.follow(await owner.send(path, f"{path}/reconcile"))
    assert "It is compared again in the background" in done.words
    async with asyncio.timeout(15):
        while "It is not as what is known here" not in (page := await owner.get(path)).words:
            await asyncio.sleep(0.05)
    assert "Its lines come to ₹488.20 instead of ₹487.20." in page.words
    assert f"/dashboard/payments/{payment['id']}" in page.links
    listed = await owner.get("/dashboard/settlements?agreement=differs")
    assert "₹487.20 Processed Differs" in listed.words
    assert path in listed.links
    assert "No settlements here" in (await owner.get("/dashboard/settlements?agreement=agreed")).words
    assert "Every line is as it should be." in (await owner.get(f"{path}?lines=findings")).words


async def test_s13_a_search_by_either_id_leads_to_a_settlement_of_ones_own(world, merchant, owner, browsers, odd):
    path, _ = odd
    stranger = await browsers()
    await stranger.sign_in((await world.merchant(webhooks=False)).email)
    ours = path.rpartition("/")[2]
    theirs = (await merchant.ask("GET", f"/api/v1/settlements/{ours}")).data["gateway_settlement_id"]
    for sought in (ours, theirs):
        found = await owner.get(f"/dashboard/payments?q={sought}")
        assert (found.status, found.location) == (303, path)
        assert (await stranger.get(f"/dashboard/payments?q={sought}")).status == 200
        assert (await owner.get(f"/dashboard/payments?q={sought}x")).status == 200


async def test_s14_whoever_only_looks_sees_no_button(odd, team):
    path, _ = odd
    page = await team["viewer"].get(path)
    assert page.status == 200
    assert "Compare again" not in page.words
