"""A customer who pays in a real browser: by every method, late, twice, by keyboard, without scripts."""

import re

import pytest

from tests.browser.visitor import visitor

METHODS = ["Card", "UPI", "Netbanking", "Wallet"]
OTP = "123456"


@pytest.fixture
async def merchant(world):
    return await world.merchant()


async def to_bank(somebody, payment, method):
    """Go from the payment's page to the bank's, as a person would."""
    page = somebody.page
    await somebody.open(payment["checkout_url"])
    await page.get_by_role("button", name="Pay").click()
    await choose(page, method)


async def choose(page, method):
    """Choose an instrument at the processor's page."""
    await page.get_by_label(method, exact=True).check()
    await page.get_by_role("button", name="Pay").click()
    await page.get_by_role("button", name="Decline").wait_for()


async def approve(page, method):
    """Let the bank say yes; from the processor's result the browser goes back to us by itself."""
    if method == "Card":
        await page.get_by_label("One-time password").fill(OTP)
    await page.get_by_role("button", name="Submit" if method == "Card" else "Approve", exact=True).click()


async def heading(page, words):
    await page.get_by_role("heading", name=words, exact=True).wait_for()


@pytest.mark.parametrize("method", METHODS)
async def test_a_customer_pays_by_every_method_and_gets_a_receipt(merchant, guest, method):
    payment = await merchant.create_payment(description="Two tickets", reference=f"inv-{method}")
    await guest.open(payment["checkout_url"])
    await guest.inspect("checkout-ready")
    await to_bank(guest, payment, method)
    await approve(guest.page, method)
    await heading(guest.page, "Paid")
    await guest.inspect("checkout-paid")
    await guest.page.get_by_role("link", name="Receipt").click()
    await heading(guest.page, "Receipt")
    await guest.inspect("checkout-receipt")
    assert await guest.page.get_by_text(method, exact=True).count() == 1
    assert (await merchant.payment(payment["id"]))["status"] == "completed"


@pytest.mark.parametrize("method", METHODS)
async def test_a_customer_whose_bank_says_no_reads_so_and_pays_another_way(merchant, guest, method):
    payment = await merchant.create_payment()
    await to_bank(guest, payment, method)
    await guest.page.get_by_role("button", name="Decline").click()
    await heading(guest.page, "That did not work")
    await guest.inspect("checkout-failed")
    await guest.page.get_by_role("button", name="Try again").click()
    await choose(guest.page, "Wallet")
    await approve(guest.page, "Wallet")
    await heading(guest.page, "Paid")
    assert guest.complaints == []


async def test_b6_money_that_comes_late_shows_while_the_page_is_open(world, merchant, guest):
    payment = await merchant.create_payment()
    await to_bank(guest, payment, "Netbanking")
    await guest.page.get_by_label("Seconds").fill("30")
    await guest.page.get_by_role("button", name="Fail now, money after that").click()
    await heading(guest.page, "That did not work")
    await world.simulate("POST", "/_sim/clock/advance", {"seconds": 31})
    await heading(guest.page, "Paid")
    assert guest.complaints == []


async def test_a_reload_a_closed_tab_and_the_back_button_show_where_the_payment_stands(merchant, browser):
    payment = await merchant.create_payment()
    async with visitor(browser) as first:
        await to_bank(first, payment, "UPI")
    async with visitor(browser) as second:
        await second.open(payment["checkout_url"])
        await second.page.get_by_role("button", name="Pay").click()
        await choose(second.page, "Wallet")
        await approve(second.page, "Wallet")
        await heading(second.page, "Paid")
        await second.page.reload()
        await heading(second.page, "Paid")
        await second.page.goto("about:blank")
        await second.page.go_back()
        await heading(second.page, "Paid")
        assert second.complaints == []
    assert (await merchant.payment(payment["id"]))["amount_captured"] == payment["amount"]


async def test_a_double_click_takes_the_customer_to_one_bank_page(merchant, browser):
    payment = await merchant.create_payment()
    async with visitor(browser) as somebody:
        await somebody.open(payment["checkout_url"])
        await somebody.page.get_by_role("button", name="Pay").dblclick()
        await choose(somebody.page, "Netbanking")
        await approve(somebody.page, "Netbanking")
        await heading(somebody.page, "Paid")
        assert somebody.complaints == []
    assert (await merchant.payment(payment["id"]))["amount_captured"] == payment["amount"]


async def test_a_payment_that_is_over_says_so_and_has_no_button(merchant, guest):
    payment = await merchant.create_payment()
    await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/cancel")
    await guest.open(payment["checkout_url"])
    await heading(guest.page, "This payment was cancelled")
    assert await guest.page.get_by_role("button").count() == 0
    await guest.inspect("checkout-cancelled")


async def test_the_keyboard_alone_pays(merchant, browser):
    payment = await merchant.create_payment()
    async with visitor(browser) as somebody:
        page = somebody.page
        await somebody.open(payment["checkout_url"])
        await page.get_by_role("button", name="Pay").focus()
        await page.keyboard.press("Enter")
        await page.get_by_label("Card", exact=True).focus()
        for _ in range(3):
            await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Approve", exact=True).focus()
        await page.keyboard.press("Enter")
        await heading(page, "Paid")
        assert somebody.complaints == []


async def test_without_scripts_a_customer_pays(merchant, browser):
    payment = await merchant.create_payment()
    async with visitor(browser, java_script_enabled=False) as somebody:
        await somebody.open(payment["checkout_url"])
        await somebody.page.get_by_role("button", name="Pay").click()
        await somebody.page.get_by_role("button", name="Continue").click()
        await choose(somebody.page, "Card")
        await approve(somebody.page, "Card")
        await somebody.page.get_by_role("button", name="Continue to the shop").click()
        await somebody.page.wait_for_url(payment["checkout_url"])
        await heading(somebody.page, "Paid")


async def test_in_the_dark_and_in_hindi_a_customer_reads_it_too(merchant, browser):
    payment = await merchant.create_payment(amount=12_345_650, description="Two tickets")
    async with visitor(browser, size="phone", color_scheme="dark", locale="hi-IN") as somebody:
        await somebody.open(payment["checkout_url"])
        assert await somebody.page.get_by_text("₹1,23,456.50").count() >= 1
        await somebody.inspect("checkout-ready-hindi-dark")


async def test_a_receipt_on_paper_is_black_on_white_and_has_no_buttons(merchant, browser):
    payment = await merchant.create_payment(description="Two tickets")
    async with visitor(browser, color_scheme="dark") as somebody:
        await to_bank(somebody, payment, "Wallet")
        await approve(somebody.page, "Wallet")
        await somebody.page.get_by_role("link", name="Receipt").click()
        await heading(somebody.page, "Receipt")
        await somebody.page.emulate_media(media="print")
        assert not await somebody.page.get_by_role("button", name="Print").is_visible()
        assert not await somebody.page.get_by_role("link", name="Back").is_visible()
        await somebody.inspect("checkout-receipt-print")


_INJECTED = """
([inline, address]) => {
    const body = document.body;
    body.append(Object.assign(document.createElement("script"), {textContent: inline}));
    body.append(Object.assign(document.createElement("script"), {src: address}));
    body.insertAdjacentHTML("beforeend", `<img src="/none" onerror="${inline}">`);
    body.insertAdjacentHTML("beforeend", `<a id="lure" href="javascript:${inline}">x</a>`);
    document.getElementById("lure").click();
}
"""


async def test_s17_a_script_that_is_put_into_a_payment_page_does_not_run(world, merchant, browser):
    payment = await merchant.create_payment()
    async with visitor(browser) as somebody:
        page, loaded = somebody.page, []
        await somebody.open(payment["checkout_url"])
        assert somebody.complaints == []
        page.on("response", lambda answer: loaded.append(answer.url))
        await page.evaluate(_INJECTED, ["window.ran = true", f"{world.simulator.url}/v1/checkout.js"])
        await page.get_by_role("button", name="Pay").focus()
        refused = [one for one in somebody.complaints if one.startswith("CSP violation: script-src")]
        assert len(refused) >= 4, somebody.complaints
        assert await page.evaluate("window.ran") is None
        assert not [url for url in loaded if url.startswith(world.simulator.url)]


async def test_n16_back_at_the_shop_with_a_signed_result(world, merchant, browser):
    shop = f"{world.url}/docs"  # any page that exists, of an origin that the merchant registers
    await merchant.ask_as_owner("PATCH", "/api/v1/merchant", {"return_origins": [world.url]})
    payment = await merchant.create_payment(return_url=shop)
    assert payment.get("return_url") == shop
    async with visitor(browser) as somebody:
        await to_bank(somebody, payment, "Wallet")
        await approve(somebody.page, "Wallet")
        await somebody.page.wait_for_url(re.compile(rf"{re.escape(shop)}\?.*status=completed.*signature="))
