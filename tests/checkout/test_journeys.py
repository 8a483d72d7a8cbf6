"""Customers at the hosted checkout: to success and failure, twice, late, too late; forged returns, strange addresses.

They have no scripts and keep no cookies; every step is a form or a link that a page holds.
"""

import asyncio
import hashlib
import hmac
import json
import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import pytest
from markupsafe import escape

SCRIPTS = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "'-alert(1)-'"]


async def test_a_customer_without_scripts_pays_and_gets_a_receipt(customer, merchant):
    payment = await merchant.create_payment(amount=12345650, description="Two tickets", reference="walk-1")
    page = await customer.open(payment["checkout_url"])
    assert (page.status, page.screen) == (200, "ready")
    for text in ("A Shop", "Two tickets", "walk-1", "₹1,23,456.50", "no real money"):
        assert text in page.text
    assert "Set-Cookie" not in page.headers
    done = await customer.pay(payment, method="upi", outcome="success")
    assert (done.screen, done.heading) == ("paid", "Paid")
    assert done.url == payment["checkout_url"]
    receipt = await customer.open(done.link("/pay/"))
    for text in ("Receipt", "₹1,23,456.50", "UPI", payment["id"]):
        assert text in receipt.text
    known = await merchant.payment(payment["id"])
    assert known["status"] == "completed"
    assert "attempt.captured" in [entry["event"] for entry in known["history"]]


async def test_a_customer_whose_bank_says_no_tries_again(customer, merchant):
    payment = await merchant.create_payment()
    failed = await customer.pay(payment, method="card", outcome="failure")
    assert (failed.screen, failed.heading) == ("failed", "That did not work")
    again = await customer.submit(await customer.submit(failed))
    assert (await customer.submit(await customer.submit(again, outcome="success"))).screen == "paid"
    assert (await merchant.payment(payment["id"]))["status"] == "completed"


async def test_the_pages_speak_hindi(customer, merchant):
    payment = await merchant.create_payment()
    page = await customer.open(payment["checkout_url"], **{"Accept-Language": "hi-IN,hi;q=0.9"})
    assert "₹500.00 चुकाएँ" in page.text
    assert "English" in page.text
    assert '<html lang="hi"' in page.text


async def events_of(world, path, query=""):
    """Yield what an open page is told."""
    timeout = aiohttp.ClientTimeout(total=20)
    async with world.session.get(f"{world.url}{path}/events{query}", timeout=timeout) as stream:
        assert stream.content_type == "text/event-stream"
        async for line in stream.content:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


async def test_b6_an_open_page_is_told_of_a_late_authorisation(customer, world, merchant):
    payment = await merchant.create_payment()
    failed = await customer.pay(payment, outcome="late", late_seconds="30")
    assert failed.screen == "failed"
    seen = []
    async for state in events_of(world, failed.path):
        seen.append(state["screen"])
        if state["screen"] == "paid":
            break
        if seen == ["failed"]:
            await world.simulate("POST", "/_sim/clock/advance", {"seconds": 31})
    assert (seen[0], seen[-1]) == ("failed", "paid")
    assert (await customer.open(failed.path)).screen == "paid"
    async with world.session.get(f"{world.url}{failed.path}/state") as answer:
        assert await answer.json() == {"screen": "paid", "changing": False}


async def test_a_double_click_and_two_tabs_end_in_one_payment(customer, merchant):
    payment = await merchant.create_payment()
    page = await customer.open(payment["checkout_url"])
    first, second = await asyncio.gather(customer.submit(page), customer.submit(page))
    assert first.forms()[0].fields == second.forms()[0].fields
    paid = await customer.submit(await customer.submit(first), outcome="success")
    assert (await customer.submit(paid)).screen == "paid"
    # The other tab still shows the form: the processor has nothing more to take, and neither have we.
    assert (await customer.submit(second)).status == 400
    late_click = await customer.submit(page)
    assert (late_click.screen, late_click.url) == ("paid", payment["checkout_url"])
    again = await customer.submit(paid)
    assert again.screen == "paid"
    assert (await merchant.payment(payment["id"]))["amount_captured"] == 50000


async def test_a_cancelled_payment_can_not_be_paid(customer, merchant):
    payment = await merchant.create_payment()
    page = await customer.open(payment["checkout_url"])
    await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/cancel")
    after = await customer.submit(page)
    assert (after.screen, after.forms()) == ("cancelled", [])


async def test_a_customer_who_leaves_the_bank_s_page_is_told_that_nothing_was_charged(customer, merchant):
    payment = await merchant.create_payment()
    bank = await customer.to_bank(payment)
    left = await customer.open(bank.link(payment["checkout_url"]))
    assert left.screen == "ready"
    assert "without paying" in left.text


async def test_a_payment_that_is_captured_by_hand_is_approved_and_not_paid(customer, merchant):
    payment = await merchant.create_payment(capture_method="manual")
    done = await customer.pay(payment, outcome="success")
    assert (done.screen, done.heading) == ("reserved", "Payment approved")
    assert "receipt" not in done.text
    assert (await customer.open(f"{done.path}/receipt")).screen == "reserved"
    await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/capture", key="by-hand-now")
    assert (await customer.open(done.path)).screen == "paid"


async def test_a_receipt_shows_what_went_back(customer, merchant):
    payment = await merchant.create_payment()
    done = await customer.pay(payment, outcome="success")
    await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/refunds", {"amount": 12000}, key="receipt-part")
    assert "₹120.00" in (await customer.open(f"{done.path}/receipt")).text
    await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/refunds", {"amount": 38000}, key="receipt-rest")
    assert (await customer.open(done.path)).screen == "refunded"


async def test_b15_a_forged_return_changes_nothing_and_is_no_error(customer, merchant):
    payment, paid = await merchant.create_payment(), await merchant.create_payment()
    page = await customer.open(payment["checkout_url"])
    other = await customer.submit(await customer.to_bank(paid), outcome="success")
    genuine = other.forms()[0].fields
    for fields in (
        {**genuine},
        {**genuine, "razorpay_order_id": payment["order_id"]},
        {
            "razorpay_order_id": payment["order_id"],
            "razorpay_payment_id": "pay_AAAAAAAAAAAAAA",
            "razorpay_signature": "0",
        },
        {"razorpay_payment_id": "x" * 300, "razorpay_signature": "é"},
        {"error[code]": "BAD_REQUEST_ERROR"},
        {},
    ):
        headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Accept": "text/html"}
        target = f"{payment['checkout_url']}/return"
        async with customer.session.post(target, data=fields, headers=headers, allow_redirects=False) as answer:
            assert answer.status == 303
            assert urlsplit(answer.headers["Location"]).path == page.path
        assert (await merchant.payment(payment["id"]))["status"] == "pending"
    checking = await customer.open(f"{page.path}?back=1")
    assert (checking.screen, checking.heading) == ("checking", "We are checking with your bank")
    assert "Paid" not in checking.text


async def test_a_return_while_the_processor_is_away_waits_and_then_tells_the_truth(customer, world):
    shop = await world.merchant(webhooks=False)
    payment = await shop.create_payment()
    result = await customer.submit(await customer.to_bank(payment), outcome="success")
    for route in ("GET /v1/payments/{id}", "GET /v1/orders/{id}/payments"):
        fault = {"route": route, "mode": "error_before", "times": 6}
        assert (await world.simulate("POST", "/_sim/faults", fault)).status < 300
    page = await customer.submit(result)
    assert page.screen == "checking"
    assert page.url.endswith("?back=1")
    await world.simulate("DELETE", "/_sim/faults")
    async for state in events_of(world, page.path, "?back=1"):
        if state["screen"] == "paid":
            break
    assert (await customer.open(page.path)).screen == "paid"


async def test_s13_an_address_that_nobody_gave_out_is_the_same_page_as_none(customer, world, merchant):
    payment, other = await merchant.create_payment(), await (await world.merchant()).create_payment()
    path = urlsplit(payment["checkout_url"]).path
    mac = path.rpartition(".")[2]
    pages = []
    for token in (
        f"{other['id']}.{mac}",
        f"{payment['id']}.{'A' * 22}",
        f"pmt_01KAQ7X2V8M3TZB5C6D9EFGHJK.{mac}",
        payment["id"],
        f"{payment['id']}.",
        "x",
        f"{world.wiring.payments.addresses.tokens.token_of('pmt_01KAQ7X2V8M3TZB5C6D9EFGHJK')}",
        f"{world.wiring.payments.addresses.tokens.token_of('mer_01KAQ7X2V8M3TZB5C6D9EFGHJK')}",
    ):
        for end in ("", "/receipt", "/state", "/events", "/back"):
            page = await customer.open(f"/pay/{token}{end}")
            pages.append((page.status, re.sub(r"req_\w+|nonce=\"[^\"]+\"|href=\"/pay[^\"]+\"", "", page.text)))
    assert {status for status, _ in pages} == {404}
    assert len(set(pages)) == 1


async def test_s12_another_site_can_not_send_a_customer_to_the_bank(customer, merchant):
    payment = await merchant.create_payment()
    page = await customer.open(payment["checkout_url"])
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        refused = await customer.submit(page, headers=headers)
        assert refused.status == 403
        assert "foreign_page" in refused.text


@pytest.mark.parametrize("text", SCRIPTS)
async def test_s17_what_a_merchant_wrote_is_text_on_every_page_of_a_payment(customer, world, text):
    shop = await world.merchant()
    await shop.ask_as_owner("PATCH", "/api/v1/merchant", {"name": text})
    payment = await shop.create_payment(description=text, reference=text, metadata={"a": text})
    page = await customer.open(payment["checkout_url"])
    going = await customer.submit(page)
    done = await customer.pay(payment, outcome="success")
    receipt = await customer.open(f"{page.path}/receipt")
    for shown in (page, going, done, receipt):
        assert shown.status == 200
        assert ("<img" in shown.text, "alert(1)</script>" in shown.text, ">49<" in shown.text) == (False, False, False)
        assert escape(text) in shown.text
        policy = shown.headers["Content-Security-Policy"]
        nonce = re.search(r"script-src 'nonce-([\w-]+)';", policy)[1]
        assert shown.text.count("<script") == shown.text.count(f'nonce="{nonce}"')
        assert "unsafe" not in policy
    assert f"form-action 'self' {world.simulator.url};" in going.headers["Content-Security-Policy"]
    assert "form-action 'self';" in page.headers["Content-Security-Policy"]
    assert going.forms()[0].fields["name"] == text


async def test_n16_a_customer_goes_back_only_where_the_merchant_registered_with_a_signed_result(customer, world):
    shop = await world.merchant()
    registered = {"return_origins": ["https://shop.example.com"]}
    await shop.ask_as_owner("PATCH", "/api/v1/merchant", registered)
    secret = (await shop.ask_as_owner("POST", "/api/v1/merchant/checkout-secret/reveal")).data["secret"]
    payment = await shop.create_payment(return_url="https://shop.example.com/done?cart=7", reference="back & forth")
    done = await customer.pay(payment, outcome="success")
    back = done.link("https://shop.example.com/done?cart=7&")
    assert "data-follow=" in done.text
    brought = dict(parse_qsl(urlsplit(back).query))
    signature = brought.pop("signature")
    assert brought.pop("cart") == "7"
    assert (brought["payment_id"], brought["status"], brought["reference"]) == (
        payment["id"], "completed", "back & forth",
    )  # fmt: skip
    message = urlencode(sorted(brought.items())).encode()
    assert signature == hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    for query in ("?return_url=https://evil.example", "?next=//evil.example"):
        assert "evil" not in (await customer.open(done.path + query)).text
    await shop.ask_as_owner("PATCH", "/api/v1/merchant", {"return_origins": []})
    assert "shop.example.com" not in (await customer.open(done.path)).text


async def test_no_address_of_a_payment_is_in_a_log_or_sent_on(customer, merchant, capsys):
    payment = await merchant.create_payment()
    page = await customer.open(payment["checkout_url"])
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert urlsplit(payment["checkout_url"]).path.rpartition(".")[2] not in capsys.readouterr().out
