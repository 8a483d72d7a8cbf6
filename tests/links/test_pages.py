"""A payment link as a customer meets it: over HTTP, as a browser without scripts sends it."""

import asyncio
import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlsplit

import pytest

from app.links.qr import qr_svg
from app.payments.models import PaymentStatus
from tests.world import new_key

BROWSER = {"Accept": "text/html,*/*;q=0.8"}
NASTY = "<script>alert(1)</script>\"'&"


class Customer:
    """Somebody with the address of a link."""

    def __init__(self, shop, link, **headers):
        self.shop, self.path, self.headers = shop, urlsplit(link["url"]).path, BROWSER | headers

    async def get(self, more="", **headers):
        return await self._ask("GET", self.path + more, headers)

    async def press(self, text="", **fields):
        """Send the page's form, with the hidden fields that it has."""
        kept = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text))
        return await self._ask("POST", self.path, {}, data=kept | fields)

    async def _ask(self, method, path, headers, **more):
        url = self.shop.world.url + path
        asking = self.shop.world.session.request(
            method, url, headers=self.headers | headers, allow_redirects=False, **more
        )
        async with asking as answer:
            return answer.status, await answer.text(), answer.headers


@pytest.fixture
def customer(shop):
    return lambda link, **headers: Customer(shop, link, **headers)


async def payment_at(shop, headers):
    """Return the payment that a redirection leads to."""
    payment_id = shop.wiring.payments.addresses.payment_of(headers["Location"].rpartition("/")[2])
    return await shop.stored(payment_id)


async def test_the_page_says_what_is_paid_and_to_whom_and_leads_to_the_payment(shop, counter, customer):
    expires_at = shop.clock.now() + timedelta(days=3)
    link = await counter.make(
        amount=1_23_456_00, description="Two tickets", reference="invoice-7", expires_at=expires_at.isoformat()
    )
    visitor = customer(link)
    status, text, headers = await visitor.get()
    assert status == 200
    for fact in ("Two tickets", "₹1,23,456.00", "invoice-7", "<time datetime="):
        assert fact in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Set-Cookie" not in headers
    status, _, headers = await visitor.press(text)
    assert status == 303
    payment = await payment_at(shop, headers)
    assert (payment.money.minor, payment.link.link_id) == (1_23_456_00, link["id"])
    again = await payment_at(shop, (await visitor.press(text))[2])
    assert again.id == payment.id


async def test_a6_a_double_click_on_a_reusable_link_makes_one_payment_and_a_new_visit_another(shop, counter, customer):
    visitor = customer(await counter.make(reusable=True))
    _, text, _ = await visitor.get()
    first, second = await asyncio.gather(visitor.press(text), visitor.press(text))
    assert first[2]["Location"] == second[2]["Location"]
    _, text, _ = await visitor.get()
    assert (await visitor.press(text))[2]["Location"] != first[2]["Location"]


async def test_a14_the_customers_amount_is_judged_on_the_server_and_said_beside_its_field(shop, counter, customer):
    visitor = customer(await counter.make(min_amount=10_000, max_amount=1_00_000_00))
    _, text, _ = await visitor.get()
    assert "From ₹100.00 to ₹1,00,000.00" in text
    for wrong in ("", "99.99", "1,00,000.01", "-200", "200.001", "abc", "1e9", NASTY, "9" * 40):
        status, text, _ = await visitor.press(text, amount=wrong)
        assert (status, 'aria-invalid="true"' in text) == (422, True), wrong
        assert "<script>alert" not in text
        assert "Enter an amount" in text
    assert await shop.orders() == []
    status, _, headers = await visitor.press(text, amount="₹ 1,500.50")
    assert status == 303
    assert (await payment_at(shop, headers)).money.minor == 1_500_50


async def test_a_link_that_has_ended_says_so_and_takes_no_payment(shop, counter, customer):
    paid, cancelled = await counter.make(), await counter.make()
    expired = await counter.make(expires_at=(shop.clock.now() + timedelta(minutes=20)).isoformat())
    await counter.pay(await counter.open(paid))
    await counter.ask("POST", f"/{cancelled['id']}/cancel")
    shop.clock.advance(seconds=1200)
    for link, sentence in ((paid, "Already paid"), (cancelled, "No longer needed"), (expired, "Time is over")):
        visitor = customer(link)
        status, text, _ = await visitor.get()
        assert (status, sentence in text, "<form" in text) == (200, True, False)
        status, _, headers = await visitor.press(visit="a-visit-of-somebody")
        assert (status, headers["Location"]) == (303, visitor.path)
    _, text, _ = await customer(paid).get()
    assert "/pay/pmt_" in text


async def test_s13_a_wrong_address_is_the_page_of_one_that_does_not_exist(counter, customer):
    link = await counter.make()
    good = urlsplit(link["url"]).path
    bad = {**link, "url": link["url"][:-1] + ("A" if not link["url"].endswith("A") else "B")}
    unknown = {**link, "url": re.sub("lnk_.{26}", "lnk_01KAQ7X2V8M3TZB5C6D9EFGHJK", link["url"])}
    seen = set()
    for wrong in (bad, unknown):
        for more in ("", "/print", "/qr.svg"):
            status, text, _ = await customer(wrong).get(more)
            assert status == 404
            assert "payment_link_not_found" in text
            seen.add(re.sub("req_[0-9A-Z]{26}|[A-Za-z0-9_-]{24}|/l/[^?]*", "", text))
        assert (await customer(wrong).press())[0] == 404
    assert len(seen) == 1
    assert (await customer({"url": f"http://x{good}"}).get())[0] == 200


async def test_another_sites_form_is_refused(shop, counter, customer):
    link = await counter.make()
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        status, text, _ = await customer(link, **headers).press()
        assert (status, "foreign_page" in text) == (403, True)
    assert await shop.orders() == []


async def test_a_stored_script_in_any_text_is_shown_as_text(counter, customer):
    link = await counter.make(description=NASTY, reference=NASTY[:64])
    for more in ("", "/print"):
        _, text, _ = await customer(link).get(more)
        assert "<script>alert" not in text
        assert NASTY in unescape(text)


async def test_the_page_speaks_hindi_and_says_when_money_is_not_real(counter, customer):
    link = await counter.make()
    _, text, headers = await customer(link).get(**{"Accept-Language": "hi-IN,hi;q=0.9"})
    assert headers["Content-Language"] == "hi"
    assert "का भुगतान करें" in text
    _, text, _ = await customer(link).get()
    assert "Test mode" in text


async def test_the_code_is_a_picture_of_the_address_that_may_be_printed(counter, customer):
    link = await counter.make()
    visitor = customer(link)
    status, svg, headers = await visitor.get("/qr.svg")
    assert (status, headers["Content-Type"]) == (200, "image/svg+xml")
    assert svg.startswith("<svg ")
    assert not re.search(r"<script|style=|on[a-z]+=|href", svg)
    assert svg.encode() == qr_svg(link["url"])
    assert svg.encode() != qr_svg(link["url"] + "x")
    status, text, _ = await visitor.get("/print")
    assert (status, f"{visitor.path}/qr.svg" in text, link["url"] in text) == (200, True, True)


async def test_n16_a_customer_returns_only_to_where_the_merchant_registered(shop, counter):
    refused = await counter.ask("POST", body={"amount": 500, "return_url": "https://shop.example.com/thanks"})
    assert (refused.status, refused.code) == (422, "return_url_not_registered")
    registered = {"return_origins": ["https://shop.example.com"]}
    assert (await shop.merchant.ask_as_owner("PATCH", "/api/v1/merchant", registered, key=new_key())).status == 200
    link = await counter.make(return_url="https://shop.example.com/thanks")
    assert (await counter.open(link)).return_url == "https://shop.example.com/thanks"
    other = await counter.make(return_url="https://shop.example.com/thanks")
    await shop.merchant.ask_as_owner("PATCH", "/api/v1/merchant", {"return_origins": []}, key=new_key())
    payment = await counter.open(other)
    assert (payment.return_url, payment.status) == (None, PaymentStatus.PENDING)
