"""A person pays on the page, and the page does nothing that it was not made for."""

import json
import re

import pytest

NASTY = "<script>alert(1)</script>\"'&"


async def page(call, verb, path, /, **form):
    """Ask as a browser does: without credentials, with a form."""
    url = call.simulator.url + path
    async with call.session.request(verb, url, data=form or None, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers


async def test_the_page_offers_every_instrument_and_names_the_amount(call):
    order = await call.order(1_23_456)
    status, text, headers = await page(call, "GET", f"/checkout/{order['id']}?key_id={call.key_id}")
    assert status == 200
    assert "INR 1,234.56" in text
    assert all(f'value="{method}"' in text for method in ("card", "upi", "netbanking", "wallet"))
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("method", ["card", "upi", "netbanking", "wallet"])
async def test_a_person_pays_by_every_method(call, method):
    order = await call.order()
    status, text, _ = await page(call, "POST", f"/checkout/{order['id']}/pay", method=method, outcome="success")
    assert (status, "Paid" in text) == (200, True)
    assert (await call.ok("GET", f"/v1/orders/{order['id']}"))["status"] == "paid"


async def test_a_failure_may_be_tried_again(call):
    order = await call.order()
    _, text, _ = await page(call, "POST", f"/checkout/{order['id']}/pay", method="card", outcome="failure")
    assert "Not paid" in text
    assert f'href="/checkout/{order["id"]}"' in text
    _, text, _ = await page(call, "POST", f"/checkout/{order['id']}/pay", method="card", outcome="success")
    assert "Not paid" not in text
    _, text, _ = await page(call, "GET", f"/checkout/{order['id']}")
    assert "already" in text.lower()


async def test_the_bank_may_say_yes_later(call):
    order = await call.order()
    form = {"method": "upi", "outcome": "late", "late_seconds": "3600"}
    await page(call, "POST", f"/checkout/{order['id']}/pay", **form)
    assert (await call.ok("GET", f"/v1/orders/{order['id']}"))["status"] == "attempted"
    await call.advance(3601)
    assert (await call.ok("GET", f"/v1/orders/{order['id']}"))["status"] == "paid"


async def test_s16_what_the_address_says_is_shown_as_text(call):
    order = await call.order()
    status, text, _ = await page(call, "GET", f"/checkout/{order['id']}?name={NASTY}")
    assert status == 200
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


async def test_the_merchants_site_gets_the_result_as_a_form(call):
    order = await call.order()
    back = "https://shop.example.com:8443/paid"
    status, text, headers = await page(
        call, "POST", "/v1/checkout/embedded", order_id=order["id"], key_id=call.key_id, callback_url=back
    )
    assert status == 200
    assert "form-action 'self' https://shop.example.com:8443;" in headers["Content-Security-Policy"]
    kept = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text))
    assert kept["callback_url"] == back
    _, text, _ = await page(call, "POST", f"/checkout/{order['id']}/pay", method="card", outcome="success", **kept)
    assert f'action="{back}"' in text
    assert "razorpay_signature" in text


async def test_a_failed_payment_tells_the_merchants_site_why(call):
    order = await call.order()
    form = {"method": "card", "outcome": "failure", "callback_url": "https://shop.example.com/paid"}
    _, text, _ = await page(call, "POST", f"/checkout/{order['id']}/pay", **form)
    assert "error[code]" in text
    assert "error[metadata]" in text


@pytest.mark.parametrize(
    ("path", "form", "sentence"),
    [
        ("/checkout/order_Nobody00000000", None, "There is no such order."),
        ("/checkout/{order}?key_id=rzp_test_other", None, "different accounts"),
        ("/checkout/{order}?callback_url=javascript:alert(1)", None, "not a web address"),
        ("/checkout/{order}?callback_url=https://a;b/", None, "not a web address"),
        ("/checkout/{order}?cancel_url=https://a:x/", None, "not a web address"),
        ("/checkout/{order}/pay", {"method": "card", "outcome": "perhaps"}, "no such outcome"),
        ("/checkout/{order}/pay", {"method": "card", "outcome": "late", "late_seconds": "-1"}, "within three days"),
        ("/checkout/{order}/pay", {"method": "card", "outcome": "late", "late_seconds": "999999"}, "within three days"),
        ("/checkout/{order}/pay", {"method": "shells", "outcome": "success"}, ""),
        ("/checkout/{order}/pay", {"a[b": "1", "a": "2"}, ""),
        ("/v1/checkout/embedded", {"x[y][z][a][b][c][d][e][f]": "1"}, "not a form"),
    ],
)
async def test_a_bad_request_is_a_sentence_for_people(call, path, form, sentence):
    order = await call.order()
    status, text, _ = await page(call, "POST" if form else "GET", path.format(order=order["id"]), **(form or {}))
    if status == 200:
        assert sentence == ""
    else:
        assert (status, "can&#39;t be paid" in text or "can't be paid" in text) == (400, True)
        assert sentence in text


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/checkout/static/checkout.css", 200, "text/css"),
        ("/checkout/static/page.js", 200, "text/javascript"),
        ("/v1/checkout.js", 200, "text/javascript"),
        ("/checkout/static/%2e%2e%2fconfig.py", 404, ""),
        ("/checkout/static/nothing.js", 404, ""),
    ],
)
async def test_only_the_pages_own_files_are_served(call, path, status, kind):
    answered, _, headers = await page(call, "GET", path)
    assert answered == status
    assert headers.get("Content-Type", "").startswith(kind)


@pytest.mark.parametrize(("currency", "amount", "shown"), [("JPY", 1234, "JPY 1,234"), ("KWD", 12_340, "KWD 12.340")])
async def test_amounts_are_shown_in_their_currencys_digits(call, currency, amount, shown):
    answer = await call("POST", "/v1/orders", {"amount": amount, "currency": currency})
    assert answer.status == 200, json.dumps(answer.body)
    _, text, _ = await page(call, "GET", f"/checkout/{answer.body['id']}")
    assert shown in text
