"""Refunds: bounded, idempotent on request, and followed to their end."""

import asyncio

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


async def test_c6_the_journal_tells_whether_two_calls_were_the_very_same(call):
    payment = await call.captured()
    path, options = f"/v1/payments/{payment['id']}/refund", {"headers": {"X-Refund-Idempotency": "refund-key_0001"}}
    for amount in (1000, 1000, 2000):
        await call("POST", path, {"amount": amount}, **options)
    entries = (await call.ok("GET", "/_sim/journal?kind=call"))["entries"]
    calls = [entry for entry in entries if entry["path"] == path]
    assert [entry["idempotency_key"] for entry in calls] == ["refund-key_0001"] * 3
    first, again, other = (entry["body_sha256"] for entry in calls)
    assert first == again != other


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


async def test_c7_a_key_whose_request_is_under_way_is_a_conflict_until_it_is_done(call):
    payment = await call.captured(50_000)
    path = f"/v1/payments/{payment['id']}/refund"
    slow = {"route": "POST /v1/payments/{id}/refund", "mode": "delay_then_process", "times": 1, "delay_seconds": 2}
    await call.ok("POST", "/_sim/faults", slow)
    key = {"headers": {"X-Refund-Idempotency": "refund-key_0001"}}
    first = asyncio.create_task(call.ok("POST", path, {"amount": 1000}, **key))
    while not call.simulator.world.default_account.refund_keys_at_work:
        await asyncio.sleep(0.01)
    busy = await call.refused("POST", path, {"amount": 1000}, **key)
    assert (busy["status"], busy["description"]) == (
        409,
        "Another request with the same idempotency key is still in progress.",
    )
    await call.ok("POST", path, {"amount": 500})
    made = await first
    assert await call.ok("POST", path, {"amount": 1000}, **key) == made
    assert (await call.ok("GET", path + "s"))["count"] == 2


async def test_c7_two_slow_requests_with_one_key_are_one_refund(call):
    payment = await call.captured(50_000)
    path = f"/v1/payments/{payment['id']}/refund"
    slow = {"route": "POST /v1/payments/{id}/refund", "mode": "delay_then_process", "delay_seconds": 0.1}
    await call.ok("POST", "/_sim/faults", slow)
    key = {"headers": {"X-Refund-Idempotency": "refund-key_0001"}}
    answers = await asyncio.gather(*[call("POST", path, {"amount": 1000}, **key) for _ in range(5)])
    assert {answer.status for answer in answers} <= {200, 409}
    assert len({answer.body["id"] for answer in answers if answer.status == 200}) == 1
    await call.ok("POST", path, {"amount": 500})
    assert (await call.ok("GET", path + "s"))["count"] == 2


async def test_c8_a_processor_that_ignores_keys_ignores_receipts_too(call):
    payment = await call.captured()
    await call.ok("POST", "/_sim/faults", {"route": "POST /v1/payments/{id}/refund", "mode": "ignore_idempotency"})
    path = f"/v1/payments/{payment['id']}/refund"
    body = {"amount": 1000, "receipt": "ref_1"}
    first, second = await call.ok("POST", path, body), await call.ok("POST", path, body)
    assert (first["id"] != second["id"], first["receipt"], second["receipt"]) == (True, "ref_1", "ref_1")


async def test_c9_a_refund_that_was_pending_for_days_fails_by_the_clock(call):
    await call.ok("PUT", "/_sim/accounts/refunds", {"refund_seconds": 3 * 86_400, "refund_fails": True})
    payment = await call.captured()
    made = await call.ok("POST", f"/v1/payments/{payment['id']}/refund", {"amount": 1000})
    await call.advance(2 * 86_400)
    assert (await call.ok("GET", f"/v1/refunds/{made['id']}"))["status"] == "pending"
    await call.advance(86_400)
    assert (await call.ok("GET", f"/v1/refunds/{made['id']}"))["status"] == "failed"
    assert (await call.ok("GET", f"/v1/payments/{payment['id']}"))["amount_refunded"] == 0
    # A settlement may be made on the way.
    told = [name for name in await call.event_names() if name.startswith("refund.")]
    assert told == ["refund.created", "refund.failed"]


async def test_c9_a_processed_refund_may_come_back(call):
    payment = await call.captured()
    made = await call.ok("POST", f"/v1/payments/{payment['id']}/refund", {})
    assert made["status"] == "processed"
    for _ in range(2):
        assert (await call.ok("POST", f"/_sim/refunds/{made['id']}/bounce"))["status"] == "failed"
    seen = await call.ok("GET", f"/v1/payments/{payment['id']}")
    assert (seen["status"], seen["amount_refunded"]) == ("captured", 0)
    assert (await call.event_names()).count("refund.failed") == 1
