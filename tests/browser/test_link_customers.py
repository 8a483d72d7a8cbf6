"""A customer who opens a payment link: by keyboard, and without scripts."""

import re

import pytest

from tests.browser.visitor import visitor


@pytest.fixture
async def merchant(world):
    return await world.merchant()


async def link(merchant, **fields):
    answer = await merchant.ask("POST", "/api/v1/payment-links", fields)
    assert answer.status == 201, answer.body
    return answer.data["url"]


async def test_a_customer_chooses_an_amount_with_the_keyboard_and_comes_to_the_payment(merchant, guest):
    await guest.open(await link(merchant, min_amount=10_000, max_amount=1_00_000_00, reusable=True))
    await guest.inspect("link-amount")
    field = guest.page.get_by_label("Amount (INR)")
    await field.focus()
    await guest.page.keyboard.type("1500.50")
    await guest.page.keyboard.press("Enter")
    await guest.page.wait_for_url(re.compile("/pay/pmt_"))


async def test_a_link_is_opened_without_scripts_and_a_wrong_amount_is_said(merchant, browser):
    async with visitor(browser, java_script_enabled=False) as somebody:
        await somebody.open(await link(merchant, min_amount=10_000, max_amount=20_000))
        await somebody.page.get_by_label("Amount (INR)").fill("5")
        await somebody.page.get_by_role("button").click()
        await somebody.page.get_by_text("Enter an amount within these bounds").wait_for()
        await somebody.page.get_by_label("Amount (INR)").fill("150")
        await somebody.page.get_by_role("button").click()
        await somebody.page.wait_for_url(re.compile("/pay/pmt_"))
