"""The processor's stand-in as a customer meets it."""

import pytest

from tests.browser.visitor import visitor


@pytest.fixture
async def order(world):
    """Return an order to pay, and where."""
    merchant = await world.merchant()
    payment = await merchant.create_payment()
    return f"{world.simulator.url}/checkout/{payment['order_id']}?key_id={merchant.account['key_id']}"


async def test_the_checkout_can_be_used_by_everybody(order, guest):
    await guest.open(order)
    await guest.inspect("simulator-checkout")


async def test_the_checkout_can_be_used_without_scripts(order, browser):
    async with visitor(browser, java_script_enabled=False) as somebody:
        await somebody.open(order)
        assert await somebody.page.get_by_role("button").count() >= 1
        assert somebody.complaints == []


@pytest.mark.parametrize("method", ["Card", "UPI", "Netbanking", "Wallet"])
async def test_every_bank_s_page_can_be_used_by_everybody(order, guest, method):
    await guest.open(order)
    await guest.page.get_by_label(method, exact=True).check()
    await guest.page.get_by_role("button", name="Pay").click()
    await guest.page.get_by_role("button", name="Decline").wait_for()
    await guest.inspect(f"simulator-bank-{method.lower()}")
    await guest.page.get_by_role("button", name="Decline").click()
    await guest.page.get_by_role("heading", name="Not paid").wait_for()


async def test_a_slow_bank_s_page_goes_on_by_itself(order, guest):
    await guest.open(order)
    await guest.page.get_by_label("Wallet", exact=True).check()
    await guest.page.get_by_role("button", name="Pay").click()
    await guest.page.get_by_label("Seconds").fill("2")
    await guest.page.get_by_role("button", name="Approve after that").click()
    await guest.page.get_by_role("heading", name="Paid").wait_for()
    assert guest.complaints == []


@pytest.mark.parametrize("tab", ["", "/deliveries", "/faults", "/clock"])
async def test_the_console_can_be_used_by_everybody(world, order, guest, tab):
    await guest.open(f"{world.simulator.url}/_sim/console{tab}")
    await guest.inspect(f"simulator-console{tab.replace('/', '-')}")
