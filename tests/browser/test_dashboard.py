"""The dashboard in a real browser: every page for everybody, by keyboard, and alive while one looks at it."""

import asyncio

import pytest

from tests.browser.visitor import visitor
from tests.world import PASSWORD

EMPTY = (
    "",
    "/payments",
    "/links",
    "/customers",
    "/refunds",
    "/disputes",
    "/suspense",
    "/ledger",
    "/ledger/entries",
    "/events",
    "/webhooks",
    "/notices",
)
OWN = ("/keys", "/team", "/account", "/settings", "/settings/webhook-secret", "/system")


async def signed_in(somebody, world, merchant):
    """Let the owner sign in with the keyboard alone."""
    page = somebody.page
    await somebody.open(f"{world.url}/dashboard/sign-in")
    await page.get_by_label("E-mail").focus()
    await page.keyboard.type(merchant.email)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{world.url}/dashboard")


async def sold(world, merchant, **fields):
    """Take a payment; return it."""
    payment = await merchant.create_payment(**fields)
    await merchant.pay(payment, method="card", outcome="success")
    checked = await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/recheck")
    assert checked.data["status"] == "completed"
    return payment


@pytest.fixture
async def merchant(world):
    return await world.merchant()


async def test_the_way_in_can_be_used_by_everybody(world, guest):
    await guest.open(f"{world.url}/dashboard/sign-in")
    await guest.inspect("dashboard-sign-in")


async def test_every_page_can_be_used_by_everybody_with_nothing_to_show(world, merchant, guest):
    await signed_in(guest, world, merchant)
    for path in (*EMPTY, *OWN):
        await guest.open(f"{world.url}/dashboard{path}")
        await guest.inspect(f"dashboard{path.replace('/', '-')}-empty")


async def shown(somebody, world, paths, ids):
    """Go through pages and hold each to what it must be; `ids` are not part of a screenshot's name."""
    for path in paths:
        await somebody.open(f"{world.url}/dashboard{path}")
        name = path
        for one in ids:
            name = name.replace(one, "one")
        await somebody.inspect(f"dashboard{name.replace('/', '-')}")


async def test_every_page_can_be_used_by_everybody_with_something_to_show(world, merchant, guest):
    payment = await sold(world, merchant, reference="order-1001", description="Two tickets")
    refund = await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/refunds", {"amount": 700}, key="browser-1")
    dispute = await world.add_dispute(merchant)
    entry = await world.add_entry(merchant)
    customer = await world.add_customer(merchant, payment["id"])
    notice = await world.add_notice(merchant)
    await signed_in(guest, world, merchant)
    paths = (
        *EMPTY,
        f"/payments/{payment['id']}",
        f"/payments/{payment['id']}/refund",
        f"/customers/{customer}",
        f"/refunds/{refund.data['id']}",
        f"/disputes/{dispute}",
        f"/disputes/{dispute}/accept",
        f"/disputes/{dispute}/contest",
        f"/ledger/entries/{entry}",
        f"/notices/{notice}",
    )
    await world.add_webhook(merchant)
    await shown(guest, world, paths, [payment["id"], refund.data["id"], dispute, entry, customer, notice])


async def test_a_dispute_is_answered_with_a_file_without_scripts(world, merchant, browser, tmp_path):
    dispute = f"{world.url}/dashboard/disputes/{await world.add_dispute(merchant)}"
    (tmp_path / "My receipt (1).pdf").write_bytes(b"%PDF-1.7 a receipt")
    (tmp_path / "notes.pdf").write_bytes(b"no PDF at all")
    async with visitor(browser, java_script_enabled=False) as somebody:
        page = somebody.page
        await signed_in(somebody, world, merchant)
        await somebody.open(f"{dispute}/contest")
        await page.get_by_label("What happened, for the bank").fill("It was delivered and signed for.")
        await page.get_by_role("button", name="Keep as a draft").click()
        for name, said in (("notes.pdf", "This is no PDF, JPEG or PNG."), ("My receipt (1).pdf", "My receipt _1.pdf")):
            await page.get_by_label("File").set_input_files(tmp_path / name)
            await page.get_by_label("What it proves").select_option("shipping_proof")
            await page.get_by_role("button", name="Add the document").click()
            await page.get_by_text(said, exact=True).first.wait_for()
        await page.get_by_role("link", name="Submit the answer").click()
        await page.get_by_role("button", name="Submit the answer").click()
        await page.get_by_text("Your answer is submitted.").wait_for()


async def test_the_pages_of_a_payment_link_can_be_used_by_everybody(world, merchant, guest):
    await signed_in(guest, world, merchant)
    page = guest.page
    await guest.open(f"{world.url}/dashboard/links/new")
    await guest.inspect("dashboard-links-new")
    await page.get_by_label("Amount", exact=True).fill("1,23,456.50")
    await page.get_by_label("What it is for").fill("Two tickets")
    await page.get_by_role("button", name="Make the link").click()
    await page.get_by_role("button", name="Copy the address").wait_for()
    await guest.inspect("dashboard-links-made")
    link = page.url.partition("?")[0].removeprefix(f"{world.url}/dashboard")
    await shown(guest, world, ["/links", f"{link}/resend", f"{link}/cancel"], [link.rpartition("/")[2]])


async def test_the_pages_of_webhooks_can_be_used_by_everybody(world, merchant, guest):
    ids = await world.add_webhook(merchant)
    endpoint, delivery = f"/webhooks/{ids['endpoint_id']}", f"/webhooks/deliveries/{ids['delivery_id']}"
    deliveries = world.wiring.webhooks.deliveries
    async with asyncio.timeout(30):
        while not (await deliveries.get_delivery(merchant.scope, ids["delivery_id"])).tries:
            await asyncio.sleep(0.1)
    await signed_in(guest, world, merchant)
    paths = (endpoint, delivery, *(f"{endpoint}/{one}" for one in ("change", "replay", "delete")))
    await shown(guest, world, paths, ids.values())


async def test_a_new_secret_is_copied_by_a_button(world, merchant, browser, size):
    async with visitor(browser, size=size, permissions=["clipboard-read", "clipboard-write"]) as somebody:
        await signed_in(somebody, world, merchant)
        page = somebody.page
        await somebody.open(f"{world.url}/dashboard/webhooks")
        await page.get_by_label("Address").fill("https://shop.example/hooks")
        await page.get_by_role("button", name="Add the endpoint").click()
        await page.get_by_role("button", name="Copy the secret").click()
        await page.get_by_text("Copied.").wait_for()
        secret = await page.get_by_label("Secret").inner_text()
        assert await page.evaluate("navigator.clipboard.readText()") == secret
        await somebody.inspect("dashboard-webhooks-made")


async def test_in_the_dark_it_can_be_read_too(world, merchant, browser):
    payment = await sold(world, merchant)
    async with visitor(browser, color_scheme="dark") as somebody:
        await signed_in(somebody, world, merchant)
        for path in ("", "/payments", f"/payments/{payment['id']}"):
            await somebody.open(f"{world.url}/dashboard{path}")
            await somebody.inspect(f"dashboard{path.replace(payment['id'], 'one').replace('/', '-')}-dark")


async def test_a_refund_from_the_dashboard_shows_in_the_timeline_without_a_reload(world, merchant, browser):
    payment = await sold(world, merchant)
    async with visitor(browser) as watching, visitor(browser) as acting:
        for somebody in (watching, acting):
            await signed_in(somebody, world, merchant)
            await somebody.open(f"{world.url}/dashboard/payments/{payment['id']}")
        loads = []
        watching.page.on("load", lambda _: loads.append(1))
        await acting.page.get_by_role("link", name="Refund", exact=True).click()
        await acting.page.get_by_role("button", name="Refund").click()
        await acting.page.wait_for_url(f"**/payments/{payment['id']}*")
        await watching.page.get_by_text("refund", exact=False).first.wait_for()
        await watching.page.get_by_text("Refunded", exact=True).first.wait_for()
        assert loads == []
        assert watching.complaints == acting.complaints == []


async def test_without_scripts_everything_can_be_read_and_done(world, merchant, browser):
    payment = await sold(world, merchant)
    async with visitor(browser, java_script_enabled=False) as somebody:
        await signed_in(somebody, world, merchant)
        await somebody.open(f"{world.url}/dashboard/payments/{payment['id']}")
        await somebody.page.get_by_role("link", name="Refund", exact=True).click()
        await somebody.page.get_by_role("button", name="Refund").click()
        await somebody.page.wait_for_url(f"**/payments/{payment['id']}*")
        assert await somebody.page.get_by_text("Refunded", exact=True).count() >= 1
