"""The life of a payment, pair by pair, and what is announced of it."""

import hashlib
import hmac
import re

import pytest

DAY = 86_400


async def test_a_success_is_authorised_captured_and_signed(call):
    order = await call.order(150_000)
    result = await call.pay(order, method="card")
    payment = result["payment"]
    assert (payment["status"], payment["captured"]) == ("captured", True)
    assert (payment["fee"], payment["tax"]) == (3540, 540)
    message = f"{order['id']}|{payment['id']}".encode()
    expected = hmac.new(call.key_secret.encode(), message, hashlib.sha256).hexdigest()
    assert result["razorpay_signature"] == expected
    assert result["razorpay_order_id"] == order["id"]
    assert await call.event_names() == ["payment.authorized", "payment.captured", "order.paid"]


async def test_events_are_snapshots_of_their_moment(call):
    await call.captured(100)
    events = (await call.ok("GET", "/_sim/webhooks/events"))["items"]
    authorized, captured, paid = (event["body"] for event in events)
    assert re.search(r'"status":"authorized".*"fee":null,"tax":null', authorized)
    assert re.search(r'"status":"captured".*"fee":3,"tax":0', captured)
    assert '"reward":null' in captured
    assert '"contains":["payment","order"]' in paid


@pytest.mark.parametrize(
    ("how", "fields"),
    [
        ({"method": "card", "card_number": "340256000401007"}, {"method": "card", "vpa": None}),
        ({"method": "upi"}, {"vpa": "success@razorpay", "card_id": None}),
        ({"method": "netbanking", "bank": "ICIC"}, {"bank": "ICIC"}),
        ({"method": "wallet", "wallet": "olamoney"}, {"wallet": "olamoney"}),
        ({"method": "paylater"}, {"method": "paylater"}),
        (
            {"email": "a@example.com", "contact": "+919999999999"},
            {"email": "a@example.com", "contact": "+919999999999"},
        ),
        ({"customer_id": "cust_1", "description": "two"}, {"customer_id": "cust_1", "description": "two"}),
        ({"notes": {"a": 1}}, {"notes": {"a": "1"}}),
    ],
)
async def test_the_instrument_is_shown(call, how, fields):
    payment = await call.captured(**how)
    assert {name: payment[name] for name in fields} == fields
    assert all(payment["acquirer_data"].values())


@pytest.mark.parametrize(
    ("number", "network", "is_international"),
    [
        ("4100280000001007", "Visa", False),
        ("5500670000001002", "MasterCard", False),
        ("6527658900001005", "RuPay", False),
        ("36082800091007", "Diners Club", False),
        ("340256000401007", "American Express", False),
        ("4012888888881881", "Visa", True),
    ],
)
async def test_cards_show_their_network_and_never_their_number(call, number, network, is_international):
    payment = await call.captured(card_number=number)
    card = await call.ok("GET", f"/v1/payments/{payment['id']}/card")
    assert (card["network"], card["last4"], card["international"]) == (network, number[-4:], is_international)
    assert await call.ok("GET", f"/v1/cards/{card['id']}") == card
    assert number not in (await call("GET", "/_sim/journal")).raw.decode()


async def test_a_payment_without_card_has_none(call):
    payment = await call.captured(method="upi")
    refusal = await call.refused("GET", f"/v1/payments/{payment['id']}/card")
    assert refusal["description"] == "Payment was not done using card"


@pytest.mark.parametrize(
    ("how", "reason", "code"),
    [
        ({"card_number": "4100280000080001"}, "insufficient_funds", "BAD_REQUEST_ERROR"),
        ({"card_number": "5305620000060000"}, "payment_timed_out", "BAD_REQUEST_ERROR"),
        ({"card_number": "4100280000060003"}, "card_declined", "BAD_REQUEST_ERROR"),
        ({"card_number": "4100280000020007"}, "gateway_technical_error", "GATEWAY_ERROR"),
        ({"card_number": "4100280000000009"}, "authentication_failed", "GATEWAY_ERROR"),
        ({"card_number": "4100280000001008"}, "card_number_invalid", "BAD_REQUEST_ERROR"),
        ({"card_number": "41"}, "card_number_invalid", "BAD_REQUEST_ERROR"),
        ({"method": "upi", "vpa": "failure@razorpay"}, "payment_failed", "BAD_REQUEST_ERROR"),
        ({"outcome": "failure", "error_reason": "insufficient_fund"}, "insufficient_funds", "BAD_REQUEST_ERROR"),
    ],
)
async def test_b7_a_failing_instrument_gives_its_error_and_leaves_the_order_open(call, how, reason, code):
    order = await call.order()
    result = await call.pay(order, **how)
    error, payment = result["error"], result["payment"]
    assert (error["reason"], error["code"]) == (reason, code)
    assert error["metadata"] == {"payment_id": payment["id"], "order_id": order["id"]}
    assert (payment["status"], payment["error_reason"], payment["fee"]) == ("failed", reason, None)
    assert await call.event_names() == ["payment.failed"]


async def test_b7_a_failed_payment_may_be_authorised_late_and_is_captured(call):
    order = await call.order()
    result = await call.pay(order, outcome="failure", late_authorization_after_seconds=600)
    await call.advance(599)
    assert (await call.ok("GET", f"/v1/payments/{result['payment']['id']}"))["status"] == "failed"
    await call.advance(2)
    late = await call.ok("GET", f"/v1/payments/{result['payment']['id']}")
    assert (late["status"], late["error_code"]) == ("captured", None)
    assert await call.event_names() == ["payment.failed", "payment.authorized", "payment.captured", "order.paid"]


async def test_b7_an_authorisation_after_the_automatic_window_waits_and_is_sent_back(call):
    rule = {"capture": "automatic", "capture_options": {"automatic_expiry_period": 12, "manual_expiry_period": 60}}
    order = await call.order(payment=rule)
    result = await call.pay(order, outcome="failure", late_authorization_after_seconds=13 * 60)
    await call.advance(14 * 60)
    path = f"/v1/payments/{result['payment']['id']}"
    assert (await call.ok("GET", path))["status"] == "authorized"
    await call.advance(60 * 60)
    assert (await call.ok("GET", path))["status"] == "refunded"


async def test_a_pending_payment_fails_after_ten_minutes(call):
    result = await call.pay(await call.order(), outcome="pending")
    assert result["payment"]["status"] == "created"
    assert "razorpay_payment_id" not in result
    await call.advance(601)
    failed = await call.ok("GET", f"/v1/payments/{result['payment']['id']}")
    assert (failed["status"], failed["error_reason"]) == ("failed", "payment_timed_out")


async def test_a_pending_payment_that_was_decided_does_not_time_out(call):
    result = await call.pay(await call.order(), outcome="pending", late_authorization_after_seconds=10)
    await call.advance(3600)
    assert (await call.ok("GET", f"/v1/payments/{result['payment']['id']}"))["status"] == "captured"


@pytest.mark.parametrize("order", [{"payment_capture": 0}, {"payment": {"capture": "manual"}}])
async def test_a_manual_order_waits_for_its_capture(call, order):
    payment = (await call.pay(await call.order(50_000, **order)))["payment"]
    assert payment["status"] == "authorized"
    path = f"/v1/payments/{payment['id']}/capture"
    wrong = await call.refused("POST", path, {"amount": 49_999, "currency": "INR"})
    assert wrong["description"] == "Capture amount must be equal to the amount authorized"
    foreign = await call.refused("POST", path, {"amount": 50_000, "currency": "USD"})
    assert foreign["description"] == "Capture amount must be equal to the amount authorized"
    captured = await call.ok("POST", path, {"amount": 50_000, "currency": "INR"})
    assert (captured["status"], captured["fee"]) == ("captured", 1180)
    again = await call.refused("POST", path, {"amount": 50_000, "currency": "INR"})
    assert again["description"] == "This payment has already been captured"


async def test_an_uncaptured_payment_is_sent_back_after_three_days(call):
    payment = (await call.pay(await call.order(), outcome="authorize_only"))["payment"]
    await call.advance(3 * DAY - 10)
    assert (await call.ok("GET", f"/v1/payments/{payment['id']}"))["status"] == "authorized"
    await call.advance(20)
    gone = await call.ok("GET", f"/v1/payments/{payment['id']}?expand[]=refunds")
    assert (gone["status"], gone["refund_status"], gone["captured"]) == ("refunded", "full", False)
    assert gone["refunds"]["items"][0]["amount"] == 50_000
    assert (await call.event_names())[-2:] == ["refund.created", "refund.processed"]


async def test_a_captured_payment_is_not_sent_back(call):
    payment = await call.captured()
    await call.advance(4 * DAY)
    assert (await call.ok("GET", f"/v1/payments/{payment['id']}"))["status"] == "captured"


async def test_failed_and_captured_payments_cannot_be_captured(call):
    failed = (await call.pay(await call.order(), outcome="failure"))["payment"]
    refusal = await call.refused("POST", f"/v1/payments/{failed['id']}/capture", {"amount": 50_000})
    assert refusal["reason"] == "capture_failed"
    for amount, description in ((None, "The amount field is required."), (1.5, "The amount must be an integer.")):
        bad = await call.refused("POST", f"/v1/payments/{failed['id']}/capture", {"amount": amount})
        assert bad["description"] == description


async def test_b20_two_tries_may_both_be_captured(call):
    result = await call.pay(await call.order(), double=True)
    assert result["payment"]["status"] == result["second"]["payment"]["status"] == "captured"
    assert (await call.event_names()).count("order.paid") == 1


async def test_b20_or_the_second_stays_authorised_and_cannot_be_captured(call):
    order = await call.order()
    result = await call.pay(order, double="authorized")
    orphan = result["second"]["payment"]
    assert orphan["status"] == "authorized"
    refusal = await call.refused("POST", f"/v1/payments/{orphan['id']}/capture", {"amount": 50_000})
    assert refusal["reason"] == "order_already_paid"
    await call.ok("POST", f"/_sim/payments/{orphan['id']}/capture")


async def test_b20_a_late_authorisation_of_a_paid_order_is_sent_back(call):
    order = await call.order()
    first = await call.pay(order, outcome="failure")
    await call.pay(order)
    await call.ok("POST", f"/_sim/payments/{first['payment']['id']}/authorize", {})
    assert (await call.ok("GET", f"/v1/payments/{first['payment']['id']}"))["status"] == "refunded"


async def test_b16_a_payment_of_another_amount_or_currency_does_not_pay_the_order(call):
    order = await call.order(50_000)
    short = (await call.pay(order, amount=100))["payment"]
    foreign = (await call.pay(order, currency="USD"))["payment"]
    assert (short["amount"], foreign["currency"]) == (100, "USD")
    seen = await call.ok("GET", f"/v1/orders/{order['id']}")
    assert (seen["status"], seen["amount_paid"]) == ("attempted", 100)


async def test_a_part_that_is_too_much_cannot_be_captured(call):
    order = await call.order(50_000, partial_payment=True, payment_capture=False)
    first = (await call.pay(order, amount=30_000))["payment"]
    second = (await call.pay(order, amount=30_000))["payment"]
    await call.ok("POST", f"/v1/payments/{first['id']}/capture", {"amount": 30_000})
    refusal = await call.refused("POST", f"/v1/payments/{second['id']}/capture", {"amount": 30_000})
    assert refusal["description"] == "Payment amount is greater than the amount due for order."


async def test_the_bank_decides_through_the_control_api(call):
    payment = (await call.pay(await call.order(), outcome="pending"))["payment"]
    path = f"/_sim/payments/{payment['id']}"
    assert (await call.ok("POST", f"{path}/fail", {"error_reason": "card_declined"}))["status"] == "failed"
    assert (await call.ok("POST", f"{path}/authorize", {"may_capture": False}))["status"] == "authorized"
    assert (await call.refused("POST", f"{path}/authorize"))["reason"] == "invalid_request"
    assert (await call.refused("POST", f"{path}/fail"))["reason"] == "invalid_request"
    assert (await call.ok("POST", f"{path}/capture"))["status"] == "captured"
    assert (await call.refused("POST", f"{path}/capture"))["reason"] == "capture_failed"
    assert (await call.refused("POST", "/_sim/payments/pay_x/fail"))["description"] == "The id provided does not exist"


async def test_payments_are_listed_with_what_is_expanded(call):
    payment = await call.captured()
    expands = "&".join(f"expand[]={name}" for name in ("card", "emi", "offers", "transaction", "token"))
    listed = await call.ok("GET", f"/v1/payments?{expands}")
    assert listed["items"][0]["id"] == payment["id"]
    assert {"card", "emi", "offers", "transaction", "token"} <= set(listed["items"][0])
    assert "card" not in (await call.ok("GET", f"/v1/payments/{payment['id']}"))
    refusal = await call.refused("GET", "/v1/payments?expand[]=moon")
    assert refusal["description"].startswith("Value of each expand must be one of following types: card, emi")


async def test_notes_of_a_payment_can_be_changed(call):
    payment = await call.captured()
    assert (await call.ok("PATCH", f"/v1/payments/{payment['id']}", {"notes": {"a": "b"}}))["notes"] == {"a": "b"}


async def test_a_payment_without_an_order_stays_authorised_and_is_sent_back(call):
    body = {"amount": 5000, "currency": "INR", "email": "a@example.com", "contact": "+919999999999", "method": "card"}
    body["card"] = {"number": "4100 2800 0000 1007"}
    begun = await call.ok("POST", "/v1/payments/create/json", body)
    path = f"/v1/payments/{begun['razorpay_payment_id']}"
    ended = await call.ok("POST", f"{path}/otp/submit", {"otp": "1234"})
    assert ended == {"razorpay_payment_id": begun["razorpay_payment_id"]}
    assert (await call.ok("GET", path))["status"] == "authorized"
    await call.advance(3 * DAY + 5)
    assert (await call.ok("GET", path))["status"] == "refunded"
