"""Refunds: bounded, idempotent on request, and followed to their end."""

import pytest


async def test_a_refund_without_amount_returns_everything_left(call):
    payment = await call.captured(50_000)
    part = await call.ok("POST", f"/v1/payments/{payment['id']}/refund", {"amount": 20_000, "notes": {"a": "b"}})
    assert (part["entity"], part["status"], part["notes"]) == ("refund", "processed", {"a": "b"})
    assert (part["speed_requested"], part["speed_processed"], part["batch_id"]) == ("normal", "normal", None)
    half = await call.ok("GET", f"/v1/payments/{payment['id']}")
    assert (half["status"], half["refund_status"], half["amount_refunded"]) == ("captured", "partial", 20_000)
    rest = await call.ok("POST", "/v1/refunds", {"payment_id": payment["id"]})
    assert (rest["amount"], rest["notes"]) == (30_000, [])
    whole = await call.ok("GET", f"/v1/payments/{payment['id']}")
    assert (whole["status"], whole["refund_status"]) == ("refunded", "full")
    assert (await call.ok("GET", f"/v1/orders/{payment['order_id']}"))["status"] == "paid"
    again = await call.refused("POST", f"/v1/payments/{payment['id']}/refund", {})
    assert again["description"] == "The payment has been fully refunded already"
    listed = await call.ok("GET", f"/v1/payments/{payment['id']}/refunds")
    assert [item["id"] for item in listed["items"]] == [rest["id"], part["id"]]
    assert (await call.ok("GET", "/v1/refunds"))["items"] == listed["items"]
    assert (await call.event_names())[-4:] == ["refund.created", "refund.processed"] * 2


@pytest.mark.parametrize(
    ("body", "description"),
    [
        ({"amount": 50_001}, "The refund amount provided is greater than amount captured"),
        ({"amount": 99}, "The amount must be at least INR 1.00"),
        ({"amount": "x"}, "The amount must be an integer."),
        ({"speed": "warp"}, "The selected speed is invalid."),
        ({"colour": 1}, "colour is/are not required and should not be sent"),
    ],
)
async def test_a_bad_refund_is_refused(call, body, description):
    payment = await call.captured(50_000)
    refusal = await call.refused("POST", f"/v1/payments/{payment['id']}/refund", body)
    assert refusal["description"] == description
    assert (await call.ok("GET", "/v1/refunds"))["count"] == 0


async def test_only_captured_payments_can_be_refunded(call):
    payment = (await call.pay(await call.order(), outcome="authorize_only"))["payment"]
    refusal = await call.refused("POST", f"/v1/payments/{payment['id']}/refund", {})
    assert refusal["description"] == "The payment status should be captured for action to be taken"
    assert (await call.refused("POST", "/v1/refunds", {}))["field"] == "payment_id"


async def test_c_a_repeated_key_gives_the_same_refund_and_another_body_a_conflict(call):
    payment = await call.captured(50_000)
    path = f"/v1/payments/{payment['id']}/refund"
    key = {"headers": {"X-Refund-Idempotency": "refund-key_0001"}}
    first = await call.ok("POST", path, {"amount": 1000}, **key)
    assert await call.ok("POST", path, {"amount": 1000}, **key) == first
    other = await call.refused("POST", path, {"amount": 2000}, **key)
    assert other["status"] == 409
    assert other["description"].startswith("Different request with the same idempotency key")
    assert (await call.ok("GET", "/v1/refunds"))["count"] == 1


@pytest.mark.parametrize(
    ("key", "part"), [("short", "at least 10 characters"), ("has spaces in it", "alphanumeric characters")]
)
async def test_a_bad_key_is_refused(call, key, part):
    payment = await call.captured()
    options = {"headers": {"X-Refund-Idempotency": key}}
    refusal = await call.refused("POST", f"/v1/payments/{payment['id']}/refund", {}, **options)
    assert part in refusal["description"]


async def test_c8_a_processor_that_ignores_keys_refunds_twice(call):
    payment = await call.captured()
    await call.ok("POST", "/_sim/faults", {"route": "POST /v1/payments/{id}/refund", "mode": "ignore_idempotency"})
    options = {"headers": {"X-Refund-Idempotency": "refund-key_0001"}}
    path = f"/v1/payments/{payment['id']}/refund"
    first = await call.ok("POST", path, {"amount": 1000}, **options)
    second = await call.ok("POST", path, {"amount": 1000}, **options)
    assert first["id"] != second["id"]


async def test_a_receipt_is_taken_once_for_a_payment(call):
    payment, other = await call.captured(), await call.captured()
    body = {"amount": 1000, "receipt": "x"}
    await call.ok("POST", f"/v1/payments/{payment['id']}/refund", body)
    refusal = await call.refused("POST", f"/v1/payments/{payment['id']}/refund", body)
    assert refusal["description"] == "Duplicate receipt found for this refund request."
    await call.ok("POST", f"/v1/payments/{other['id']}/refund", body)


async def test_a_refund_may_stay_pending_and_then_be_processed(call):
    await call.ok("PUT", "/_sim/accounts/refunds", {"refund_seconds": 60})
    payment = await call.captured()
    made = await call.ok("POST", f"/v1/payments/{payment['id']}/refund", {})
    assert (made["status"], made["acquirer_data"]) == ("pending", {"arn": None})
    await call.advance(61)
    ended = await call.ok("GET", f"/v1/refunds/{made['id']}")
    assert ended["status"] == "processed"
    assert ended["acquirer_data"]["arn"]
    assert (await call.ok("POST", f"/_sim/refunds/{made['id']}/fail"))["status"] == "processed"


async def test_a_failed_refund_leaves_the_money_with_the_merchant(call):
    await call.ok("PUT", "/_sim/accounts/refunds", {"refund_seconds": 3600})
    payment = await call.captured()
    made = await call.ok("POST", f"/v1/payments/{payment['id']}/refund", {})
    assert (await call.ok("POST", f"/_sim/refunds/{made['id']}/fail"))["status"] == "failed"
    seen = await call.ok("GET", f"/v1/payments/{payment['id']}")
    assert (seen["status"], seen["amount_refunded"], seen["refund_status"]) == ("captured", 0, None)
    assert (await call.event_names())[-1] == "refund.failed"
    assert (await call("POST", f"/_sim/refunds/{made['id']}/eat")).status == 400
    assert (await call("POST", "/_sim/refunds/rfnd_x/fail")).status == 400


async def test_an_instant_refund_may_fall_back(call):
    payment = await call.captured()
    path = f"/v1/payments/{payment['id']}/refund"
    quick = await call.ok("POST", path, {"amount": 1000, "speed": "optimum"})
    assert (quick["speed_requested"], quick["speed_processed"]) == ("optimum", "instant")
    await call.ok("PUT", "/_sim/accounts/refunds", {"refund_is_instant": False})
    slow = await call.ok("POST", path, {"amount": 1000, "speed": "optimum"})
    assert (slow["speed_requested"], slow["speed_processed"]) == ("optimum", "normal")
    assert "refund.speed_changed" in await call.event_names()


async def test_an_account_without_balance_cannot_refund(call):
    await call.ok("PUT", "/_sim/accounts/refunds", {"refund_balance": 1500})
    payment = await call.captured()
    path = f"/v1/payments/{payment['id']}/refund"
    await call.ok("POST", path, {"amount": 1000})
    refusal = await call.refused("POST", path, {"amount": 1000})
    assert refusal["description"].startswith("Your account does not have enough balance")
    await call.ok("PUT", "/_sim/accounts/refunds", {"refund_balance": None})
    await call.ok("POST", path, {"amount": 1000})


async def test_c10_a_refund_from_the_dashboard_appears(call):
    payment = await call.captured()
    foreign = await call.ok("POST", f"/_sim/payments/{payment['id']}/refund", {"amount": 700})
    assert await call.ok("GET", f"/v1/payments/{payment['id']}/refunds/{foreign['id']}") == foreign
    changed = await call.ok("PATCH", f"/v1/refunds/{foreign['id']}", {"notes": {"k": "v"}})
    assert changed["notes"] == {"k": "v"}
    other = await call.captured()
    refusal = await call.refused("GET", f"/v1/payments/{other['id']}/refunds/{foreign['id']}")
    assert refusal["description"] == "The id provided does not exist"
