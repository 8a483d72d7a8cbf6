"""Whole journeys of payments: API, worker, simulator and database, all real."""

import asyncio
import secrets

from tests.world import new_key


async def test_a_payment_goes_from_created_to_completed_by_callback_and_webhook(merchant):
    payment = await merchant.create_payment(description="Two tickets", reference=secrets.token_hex(6))
    assert payment["status"] == "pending"
    assert payment["order_id"].startswith("order_")
    paid = await merchant.pay(payment, method="card", outcome="success")
    callback = {name: paid[name] for name in ("razorpay_order_id", "razorpay_payment_id", "razorpay_signature")}
    verified = await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/verify", callback)
    assert verified.status == 200, verified.body
    final = await merchant.wait_for(payment["id"], "completed")
    assert final["amount_captured"] == 50000
    assert final["payment_id"] == paid["razorpay_payment_id"]
    assert [attempt["part"] for attempt in final["attempts"]] == ["primary"]
    assert final["attempts"][0]["fee"] is not None


async def test_b17_a_customer_who_closes_the_tab_is_found_by_the_webhook_alone(merchant):
    payment = await merchant.create_payment()
    await merchant.pay(payment, method="upi", outcome="success")
    assert (await merchant.wait_for(payment["id"], "completed"))["amount_captured"] == 50000


async def test_a_declined_payment_fails_and_says_why_in_machine_words(merchant):
    payment = await merchant.create_payment()
    await merchant.pay(payment, method="card", outcome="failure")
    failed = await merchant.wait_for(payment["id"], "failed")
    assert failed["amount_captured"] == 0
    assert failed["attempts"][0]["failure"]["code"]


async def test_b7_a_failed_payment_that_the_bank_authorises_late_is_completed(merchant):
    payment = await merchant.create_payment()
    declined = await merchant.pay(payment, method="upi", outcome="failure")
    await merchant.wait_for(payment["id"], "failed")
    path = f"/_sim/payments/{declined['payment']['id']}/authorize"
    assert (await merchant.world.simulate("POST", path, {})).status == 200
    final = await merchant.wait_for(payment["id"], "completed")
    assert final["amount_captured"] == 50000


async def test_c2_a_manual_payment_is_captured_once_however_often_it_is_asked(merchant):
    payment = await merchant.create_payment(capture_method="manual")
    await merchant.pay(payment, method="card", outcome="success")
    await merchant.wait_for(payment["id"], "authorized")
    path = f"/api/v1/payments/{payment['id']}/capture"
    answers = await asyncio.gather(*(merchant.ask("POST", path, key=new_key()) for _ in range(8)))
    assert {answer.status for answer in answers} <= {200, 409}
    assert any(answer.status == 200 for answer in answers)
    final = await merchant.wait_for(payment["id"], "completed")
    assert final["amount_captured"] == 50000
    journal = (await merchant.world.simulate("GET", "/_sim/journal?kind=payment.captured")).json["entries"]
    assert len([fact for fact in journal if final["payment_id"] in fact.values()]) == 1


async def test_a_cancelled_payment_keeps_late_money_apart(merchant):
    payment = await merchant.create_payment()
    cancelled = await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/cancel")
    assert cancelled.data["status"] == "cancelled"
    await merchant.pay(payment, method="card", outcome="success")
    async with asyncio.timeout(15):
        while not (held := (await merchant.ask("GET", "/api/v1/suspense")).data["items"]):
            await asyncio.sleep(0.05)
    assert [(item["amount"], item["reason"]) for item in held] == [(50000, "paid_after_cancel")]
    assert (await merchant.payment(payment["id"]))["status"] == "cancelled"


async def test_b20_the_second_payment_on_one_order_goes_to_suspense(merchant):
    payment = await merchant.create_payment()
    await merchant.pay(payment, method="card", outcome="success", double=True)
    await merchant.wait_for(payment["id"], "completed")
    async with asyncio.timeout(15):
        # The second one is authorised first, then captured, and both are news of their own.
        while sum(attempt["captured"] for attempt in (await merchant.payment(payment["id"]))["attempts"]) < 2:
            await asyncio.sleep(0.05)
    final = await merchant.payment(payment["id"])
    assert sorted(attempt["part"] for attempt in final["attempts"]) == ["primary", "surplus"]
    assert (final["needs_review"], final["amount_captured"]) == (True, 50000)
    (held,) = (await merchant.ask("GET", "/api/v1/suspense")).data["items"]
    assert (held["payment_id"], held["amount"]) == (payment["id"], 50000)


async def test_a_repeated_key_gets_the_very_same_bytes_on_every_path(merchant):
    key, body = secrets.token_hex(6), {"amount": 12345, "currency": "INR", "metadata": {"seat": "12A"}}
    first = await merchant.ask("POST", "/api/v1/payments", body, key=key)
    again = await merchant.ask("POST", "/payments", body, key=key)
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    assert again.headers["Idempotent-Replayed"] == "true"
