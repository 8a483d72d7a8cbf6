"""A payment link in a real browser."""

import pytest

from tests.browser.visitor import visitor


@pytest.fixture
async def link(world):
    merchant = await world.merchant()
    made = await merchant.ask(
        "POST", "/api/v1/payment-links", {"amount": 1_23_456_00, "description": "Two tickets", "reference": "inv-7"}
    )
    assert made.status == 201, made.body
    return made.data


async def test_the_links_page_can_be_used_by_everybody(world, link, guest):
    await guest.open(link["url"].replace(world.settings.public_address, world.url))
    assert await guest.page.get_by_text("1,23,456.00").count() >= 1
    await guest.inspect("link")


async def test_in_hindi_it_says_so(world, link, browser):
    async with visitor(browser, size="phone", locale="hi-IN") as somebody:
        await somebody.open(link["url"].replace(world.settings.public_address, world.url))
        assert await somebody.page.locator("html").get_attribute("lang") == "hi"
        await somebody.inspect("link-hindi")
