"""What an open page of the dashboard is told: of every change, for as long as its viewer is signed in."""

import asyncio
import json

import pytest


async def told(browser, record_id):
    """Yield what a page is told by its stream."""
    address = f"{browser.url}/dashboard/live/{record_id}/events"
    async with browser.session.get(address) as stream:
        assert stream.content_type == "text/event-stream"
        async for line in stream.content:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


@pytest.fixture
async def payment(merchant):
    payment = await merchant.create_payment()
    await merchant.pay(payment, method="card", outcome="success")
    return await merchant.wait_for(payment["id"], "completed")


async def test_a_refund_is_told_to_the_page_of_its_payment_and_of_its_own(merchant, owner, payment):
    stream = told(owner, payment["id"])
    first = await anext(stream)
    assert first["status"] == "completed"
    refund = await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/refunds", {"amount": 100}, key="live-refund")
    async for state in stream:
        assert state["version"] > first["version"]
        if state["status"] == "partially_refunded":
            break
    async for state in told(owner, refund.data["id"]):
        if state["status"] == "processed":
            break
    page = await owner.get(f"/dashboard/refunds/{refund.data['id']}")
    assert f'data-live="/dashboard/live/{refund.data["id"]}"' in page.text


async def test_a_dispute_has_a_state_too(world, merchant, owner):
    dispute = await world.add_dispute(merchant)
    assert json.loads((await owner.get(f"/dashboard/live/{dispute}/state")).text)["status"] == "open"


async def test_s11_a_stream_ends_with_the_session(owner, payment):
    stream = told(owner, payment["id"])
    await anext(stream)
    await owner.send("/dashboard", "/dashboard/sign-out")
    async with asyncio.timeout(30):  # by itself it would end after minutes
        assert [state async for state in stream] == []


@pytest.mark.parametrize("what", ["state", "events"])
@pytest.mark.parametrize("record_id", ["pmt_01KAQ7X2V8M3TZB5C6D9EFGHJK", "ent_01KAQ7X2V8M3TZB5C6D9EFGHJK", "x"])
async def test_s13_there_is_no_stream_of_what_can_not_be_seen(owner, record_id, what):
    assert (await owner.get(f"/dashboard/live/{record_id}/{what}")).status == 404
