"""The example shop as its README runs it: a process of its own, a customer who buys, pays and comes back."""

import asyncio
import contextlib
import os
import sys

import aiohttp
import pytest

from app.local.ports import free_port
from tests.house.sources import ROOT

SHOP = ROOT / "examples/shop/shop.py"


@contextlib.asynccontextmanager
async def running_shop(world, merchant):
    """Connect the shop as its README says, and run it."""
    port = free_port()
    origin = f"http://localhost:{port}"
    await merchant.ask_as_owner("PATCH", "/api/v1/merchant", {"return_origins": [origin]})
    secret = (await merchant.ask_as_owner("POST", "/api/v1/merchant/checkout-secret/reveal")).data["secret"]
    told = {
        "SHOP_API": f"{world.url}/api/v1",
        "SHOP_KEY": merchant.secret,
        "SHOP_CHECKOUT_SECRET": secret,
        "SHOP_PORT": str(port),
    }
    shop = await asyncio.create_subprocess_exec(sys.executable, str(SHOP), env={**os.environ, **told}, cwd=ROOT)
    try:
        await answering(world, origin)
        yield origin
    finally:
        shop.terminate()
        await shop.wait()


async def answering(world, origin):
    """Wait until the shop is open."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with world.session.get(origin) as answer:
                    assert answer.status == 200
                    return
            await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
async def merchant(world):
    return await world.merchant()


@pytest.fixture(scope="module")
async def shop(world, merchant):
    async with running_shop(world, merchant) as origin:
        yield origin


async def test_a_customer_buys_tea_and_comes_back_with_a_genuine_result(shop, merchant, customer):
    front = await customer.open(shop)
    order = front.forms()[0].fields["order"]
    ready = await customer.submit(front)
    assert ready.screen == "ready"
    assert "Assam tea" in ready.text
    assert (await customer.submit(front)).url == ready.url
    failed = await customer.submit(
        await customer.submit(await customer.submit(await customer.submit(ready)), outcome="failure")
    )
    unpaid = await customer.open(failed.link(shop))
    assert f"Order {order} is not paid" in unpaid.text
    again = await customer.submit(await customer.submit(failed))
    paid = await customer.submit(await customer.submit(again, outcome="success"))
    thanks = await customer.open(paid.link(shop))
    assert f"Order {order} is paid" in thanks.text
    (found,) = (await merchant.ask("GET", f"/api/v1/payments?reference={order}")).data["items"]
    assert found["status"] == "completed"


async def test_n16_a_made_up_result_gets_no_tea(shop, merchant, customer):
    payment = await merchant.create_payment(reference="TEA-FORGED")
    query = f"payment_id={payment['id']}&status=completed&reference=TEA-FORGED&at=2026-01-01T00:00:00.000Z"
    for signature in ("", "&signature=", f"&signature={'0' * 64}"):
        page = await customer.open(f"{shop}/done?{query}{signature}")
        assert page.status == 400
        assert "looking for your order" in page.text
