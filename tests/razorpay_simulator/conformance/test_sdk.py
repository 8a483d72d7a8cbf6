"""The official Python client, pointed here, works for everything that is served, and raises its own errors."""

import asyncio

import pytest
import razorpay

from razorpay_simulator.working_days import day_of


@pytest.fixture
def client(call):
    return razorpay.Client(auth=(call.key_id, call.key_secret), base_url=call.simulator.url)


async def ask(function, *arguments, **options):
    """Run a call of the blocking client in a thread."""
    return await asyncio.to_thread(function, *arguments, **options)


async def test_orders(client, call):
    order = await ask(client.order.create, {"amount": 50_000, "currency": "INR", "receipt": "r-1", "notes": {"a": "b"}})
    assert (order["status"], order["amount_due"], order["notes"]) == ("created", 50_000, {"a": "b"})
    assert (await ask(client.order.fetch, order["id"]))["id"] == order["id"]
    assert (await ask(client.order.all, {"count": 1}))["items"] == [order]
    assert (await ask(client.order.all, {"receipt": "r-1"}))["count"] == 1
    edited = await ask(client.order.edit, order["id"], {"notes": {"c": "d"}})
    assert edited["notes"] == {"c": "d"}
    paid = await call.pay(order, method="card")
    payments = await ask(client.order.payments, order["id"])
    assert [payment["id"] for payment in payments["items"]] == [paid["razorpay_payment_id"]]
    expanded = await ask(client.order.all, {"expand[]": ["payments", "payments.card"]})
    assert expanded["items"][0]["payments"]["items"][0]["card"]["entity"] == "card"


async def test_payments(client, call):
    order = await call.order(payment={"capture": "manual", "capture_options": {"manual_expiry_period": 7200}})
    paid = (await call.pay(order, method="card"))["payment"]
    payment = await ask(client.payment.fetch, paid["id"])
    assert payment["status"] == "authorized"
    captured = await ask(client.payment.capture, paid["id"], 50_000, {"currency": "INR"})
    assert (captured["status"], captured["captured"]) == ("captured", True)
    with pytest.raises(razorpay.errors.BadRequestError, match="already been captured"):
        await ask(client.payment.capture, paid["id"], 50_000, {"currency": "INR"})
    assert (await ask(client.payment.all, {"count": 5}))["count"] == 1
    assert (await ask(client.payment.edit, paid["id"], {"notes": {"k": "v"}}))["notes"] == {"k": "v"}
    card = await ask(client.payment.fetchCardDetails, paid["id"])
    assert (await ask(client.card.fetch, card["id"]))["last4"] == card["last4"]
    assert "card" in await ask(client.payment.fetchPaymentMethods)


async def test_refunds(client, call):
    paid = await call.captured()
    first = await ask(client.payment.refund, paid["id"], {"amount": 20_000, "notes": {"why": "returned"}})
    assert (first["amount"], first["payment_id"]) == (20_000, paid["id"])
    second = await ask(client.refund.create, {"payment_id": paid["id"], "amount": 10_000})
    assert {refund["id"] for refund in (await ask(client.refund.all))["items"]} == {first["id"], second["id"]}
    assert (await ask(client.refund.fetch, first["id"]))["id"] == first["id"]
    assert (await ask(client.refund.edit, first["id"], {"notes": {"a": "b"}}))["notes"] == {"a": "b"}
    assert (await ask(client.payment.fetch_multiple_refund, paid["id"]))["count"] == 2
    assert (await ask(client.payment.fetch_refund_id, paid["id"], first["id"]))["id"] == first["id"]
    with pytest.raises(razorpay.errors.BadRequestError):
        await ask(client.payment.refund, paid["id"], {"amount": 20_001})


async def test_disputes_and_documents(client, call, tmp_path):
    paid = await call.captured()
    opened = await call.ok("POST", f"/_sim/payments/{paid['id']}/dispute", {})
    assert (await ask(client.dispute.all))["items"] == [opened]
    assert await ask(client.dispute.fetch, opened["id"]) == opened
    slip = tmp_path / "slip.png"
    slip.write_bytes(bytes(range(256)))
    with slip.open("rb") as file:
        kept = await ask(client.document.create, {"file": file, "purpose": "dispute_evidence"})
    assert (kept["name"], kept["mime_type"], kept["size"]) == ("slip.png", "image/png", 256)
    assert await ask(client.document.fetch, kept["id"]) == kept
    drafted = await ask(client.dispute.contest, opened["id"], {"summary": "It came.", "shipping_proof": [kept["id"]]})
    assert (drafted["status"], drafted["evidence"]["summary"]) == ("open", "It came.")
    accepted = await ask(client.dispute.accept, opened["id"])
    assert (accepted["status"], accepted["amount_deducted"]) == ("lost", paid["amount"])
    with pytest.raises(razorpay.errors.BadRequestError, match="in lost status"):
        await ask(client.dispute.contest, opened["id"], {"action": "submit"})
    with pytest.raises(razorpay.errors.BadRequestError, match="file field is required"):
        await ask(client.document.create, {"purpose": "dispute_evidence"})


async def test_customers(client):
    made = await ask(client.customer.create, {"name": "A Name", "email": "a@example.com", "contact": "+910000000000"})
    assert (await ask(client.customer.fetch, made["id"]))["email"] == "a@example.com"
    assert (await ask(client.customer.edit, made["id"], {"name": "Another Name"}))["name"] == "Another Name"
    assert (await ask(client.customer.all))["count"] == 1
    with pytest.raises(razorpay.errors.BadRequestError):
        await ask(
            client.customer.create,
            {"name": "A Name", "email": "a@example.com", "contact": "+910000000000", "fail_existing": "1"},
        )


async def test_settlements(client, call):
    await call.captured()
    made = await call.ok("POST", "/_sim/settlements", {})
    assert (await ask(client.settlement.all, {"count": 1}))["items"] == [made]
    assert await ask(client.settlement.fetch, made["id"]) == made
    day = day_of(made["created_at"])
    told = await ask(client.settlement.report, {"year": day.year, "month": day.month, "day": day.day})
    assert [row["settlement_id"] for row in told["items"]] == [made["id"]]
    with pytest.raises(razorpay.errors.BadRequestError, match="year must be 4 digits"):
        await ask(client.settlement.report, {"year": 26, "month": day.month})


async def test_downtimes(client, call):
    down = await call.ok("POST", "/_sim/downtimes", {"method": "card", "severity": "low"})
    assert [one["id"] for one in (await ask(client.payment.fetchDownTime))["items"]] == [down["id"]]
    assert (await ask(client.payment.fetchDownTimeById, down["id"]))["severity"] == "low"


async def test_payments_begun_by_a_server(client, call):
    order = await call.order()
    begun = await ask(
        client.payment.createPaymentJson,
        {
            "amount": 50_000,
            "currency": "INR",
            "order_id": order["id"],
            "email": "a@example.com",
            "contact": "9000000000",
            "method": "card",
            "card": {
                "number": "4100280000001007",
                "name": "A Name",
                "expiry_month": "11",
                "expiry_year": "30",
                "cvv": "100",
            },
        },
    )
    payment_id = begun["razorpay_payment_id"]
    await ask(client.payment.otpGenerate, payment_id)
    done = await ask(client.payment.otpSubmit, payment_id, {"otp": "123456"})
    assert done["razorpay_payment_id"] == payment_id
    assert (await ask(client.payment.validateVpa, {"vpa": "success@razorpay"}))["success"]


async def test_a_wrong_key_is_the_clients_own_error(call):
    stranger = razorpay.Client(auth=(call.key_id, "wrong"), base_url=call.simulator.url)
    with pytest.raises(razorpay.errors.BadRequestError, match="Authentication failed"):
        await ask(stranger.order.all)


@pytest.mark.parametrize(("status", "error"), [(500, razorpay.errors.ServerError), (504, razorpay.errors.GatewayError)])
async def test_a_fault_is_the_clients_own_error(client, call, status, error):
    await call.ok(
        "POST", "/_sim/faults", {"route": "GET /v1/orders", "mode": "error_before", "times": 1, "status": status}
    )
    with pytest.raises((error, razorpay.errors.ServerError)):
        await ask(client.order.all)
    assert (await ask(client.order.all))["count"] == 0


async def test_an_unknown_id_is_the_clients_own_error(client):
    with pytest.raises(razorpay.errors.BadRequestError, match="does not exist"):
        await ask(client.payment.fetch, "pay_00000000000000")
