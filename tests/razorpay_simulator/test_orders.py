"""Orders as the processor keeps them."""

import pytest

CREATED = {
    "entity": "order",
    "amount": 50000,
    "amount_paid": 0,
    "amount_due": 50000,
    "currency": "INR",
    "receipt": "r-1",
    "offer_id": None,
    "status": "created",
    "attempts": 0,
    "notes": [],
}


async def test_a_new_order_has_the_processors_shape(call):
    order = await call.order(receipt="r-1")
    assert {name: order[name] for name in CREATED} == CREATED
    assert order["id"].startswith("order_")
    assert len(order["id"]) == len("order_") + 14
    assert await call.ok("GET", f"/v1/orders/{order['id']}") == order


@pytest.mark.parametrize(
    ("body", "field", "description"),
    [
        ({"currency": "INR"}, "amount", "The amount field is required."),
        ({"amount": 100}, "currency", "The currency field is required."),
        ({"amount": 99, "currency": "INR"}, "amount", "The amount must be at least INR 1.00"),
        ({"amount": 0, "currency": "JPY"}, "amount", "The amount must be at least JPY 1"),
        ({"amount": 99991, "currency": "KWD"}, "amount", "The amount must end in 0 for KWD."),
        ({"amount": 100.5, "currency": "INR"}, "amount", "The amount must be an integer."),
        ({"amount": True, "currency": "INR"}, "amount", "The amount must be an integer."),
        ({"amount": "ten", "currency": "INR"}, "amount", "The amount must be an integer."),
        ({"amount": 2**60, "currency": "INR"}, "amount", "Amount exceeds maximum amount allowed."),
        ({"amount": 100, "currency": "ZZZ"}, "currency", "Currency is not supported"),
        (
            {"amount": 100, "currency": "INR", "receipt": "r" * 41},
            "receipt",
            "The receipt may not be greater than 40 characters.",
        ),
        ({"amount": 100, "currency": "INR", "receipt": ["r"]}, "receipt", "The receipt must be a string."),
        (
            {"amount": 100, "currency": "INR", "notes": {str(n): "v" for n in range(16)}},
            "notes",
            "Notes should not have more than 15 keys.",
        ),
        (
            {"amount": 100, "currency": "INR", "notes": {"k": "v" * 513}},
            "notes",
            "Notes value cannot be greater than 512 characters",
        ),
        ({"amount": 100, "currency": "INR", "notes": "text"}, "notes", "The notes must be an array."),
        ({"amount": 100, "currency": "INR", "notes": {"k": {}}}, "notes", "Notes value must be a string"),
        (
            {"amount": 100, "currency": "INR", "partial_payment": "perhaps"},
            "partial_payment",
            "The partial payment field must be true or false.",
        ),
        ({"amount": 100, "currency": "INR", "payment": "x"}, "payment", "The payment must be an array."),
        (
            {"amount": 100, "currency": "INR", "payment": {"capture": "x"}},
            "capture",
            "The selected capture is invalid.",
        ),
        (
            {"amount": 100, "currency": "INR", "payment": {"capture_options": "x"}},
            "capture_options",
            "The capture options must be an array.",
        ),
        (
            {"amount": 100, "currency": "INR", "payment": {"capture_options": {"refund_speed": "x"}}},
            "refund_speed",
            "The selected refund speed is invalid.",
        ),
        (
            {"amount": 100, "currency": "INR", "payment": {"capture_options": {"automatic_expiry_period": 11}}},
            "automatic_expiry_period",
            "The automatic expiry period must be at least 12.",
        ),
        (
            {"amount": 100, "currency": "INR", "payment": {"capture_options": {"manual_expiry_period": 7201}}},
            "manual_expiry_period",
            "The manual expiry period may not be greater than 7200.",
        ),
    ],
)
async def test_a_bad_order_is_refused_in_the_processors_words(call, body, field, description):
    refusal = await call.refused("POST", "/v1/orders", body)
    assert (refusal["status"], refusal["code"]) == (400, "BAD_REQUEST_ERROR")
    assert (refusal["description"], refusal["field"]) == (description, field)
    assert (refusal["source"], refusal["step"]) == ("business", "payment_initiation")
    assert refusal["reason"] == "input_validation_failed"
    assert (await call.ok("GET", "/v1/orders"))["count"] == 0


async def test_an_unknown_field_is_not_required(call):
    refusal = await call.refused("POST", "/v1/orders", {"amount": 100, "currency": "INR", "colour": 1})
    assert refusal["description"] == "colour is/are not required and should not be sent"


async def test_a_second_order_with_a_receipt_is_refused_and_names_the_first(call):
    first = await call.order(receipt="r-1")
    refusal = await call.refused("POST", "/v1/orders", {"amount": 1000, "currency": "INR", "receipt": "r-1"})
    assert refusal["description"] == "Order receipt should be unique."
    assert refusal["metadata"] == {"order_id": first["id"]}
    assert (await call.ok("GET", "/v1/orders?receipt=r-1"))["items"] == [first]
    assert (await call.ok("GET", "/v1/orders?receipt=r-2"))["items"] == []


async def test_only_notes_can_be_changed(call):
    order = await call.order()
    changed = await call.ok("PATCH", f"/v1/orders/{order['id']}", {"notes": {"a": 1, "b": True, "c": None}})
    assert changed["notes"] == {"a": "1", "b": "true", "c": ""}
    refusal = await call.refused("PATCH", f"/v1/orders/{order['id']}", {"amount": 1})
    assert refusal["description"] == "amount is/are not required and should not be sent"


async def test_ids_that_nobody_has_are_told_from_those_that_are_none(call):
    unknown = await call.refused("GET", "/v1/orders/order_AAAAAAAAAAAAAA")
    assert (unknown["status"], unknown["description"]) == (400, "The id provided does not exist")
    malformed = await call.refused("GET", "/v1/orders/order_1")
    assert malformed["description"] == "order_1 is not a valid id"


async def test_attempts_count_every_try_and_paid_is_the_end(call):
    order = await call.order(50_000)
    await call.pay(order, outcome="failure")
    tried = await call.ok("GET", f"/v1/orders/{order['id']}")
    assert (tried["status"], tried["attempts"], tried["amount_due"]) == ("attempted", 1, 50_000)
    await call.pay(order, outcome="success")
    paid = await call.ok("GET", f"/v1/orders/{order['id']}")
    assert (paid["status"], paid["attempts"], paid["amount_paid"], paid["amount_due"]) == ("paid", 2, 50_000, 0)
    refusal = await call.refused("POST", f"/_sim/orders/{order['id']}/pay", {})
    assert refusal["reason"] == "order_already_paid"
    payments = await call.ok("GET", f"/v1/orders/{order['id']}/payments")
    assert [payment["status"] for payment in payments["items"]] == ["captured", "failed"]


async def test_an_order_paid_in_parts_is_paid_with_the_last_one(call):
    order = await call.order(50_000, partial_payment=True, first_payment_min_amount=10_000)
    assert order["first_payment_min_amount"] == 10_000
    await call.pay(order, amount=20_000)
    part = await call.ok("GET", f"/v1/orders/{order['id']}")
    assert (part["status"], part["amount_paid"], part["amount_due"]) == ("attempted", 20_000, 30_000)
    await call.pay(order)
    assert (await call.ok("GET", f"/v1/orders/{order['id']}"))["status"] == "paid"


async def test_orders_can_be_listed_by_whether_they_were_authorised(call):
    untouched, paid = await call.order(), await call.order()
    await call.pay(paid)
    for wanted, order in (("0", untouched), ("1", paid)):
        listed = await call.ok("GET", f"/v1/orders?authorized={wanted}")
        assert [item["id"] for item in listed["items"]] == [order["id"]]
    assert (await call.refused("GET", "/v1/orders?authorized=2"))["field"] == "authorized"


async def test_orders_expand_their_payments_in_every_dialect(call):
    order = await call.order()
    await call.pay(order)
    for spelling in ("expand[]", "expand[expand]", "expand", "expand[0]"):
        shown = await call.ok("GET", f"/v1/orders/{order['id']}?{spelling}=payments.card&expand[]=transfers")
        assert shown["payments"]["items"][0]["card"]["last4"] == "1007"
        assert shown["transfers"]["items"] == []


@pytest.mark.parametrize(
    ("query", "description"),
    [
        ("count=101", "The count may not be greater than 100."),
        ("count=0", "The count must be at least 1."),
        ("count=x", "The count must be an integer."),
        ("skip=-1", "The skip must be at least 0."),
        ("from=1", "from must be between 946684800 and 4765046400"),
        ("to=4765046401", "to must be between 946684800 and 4765046400"),
    ],
)
async def test_pages_out_of_range_are_refused(call, query, description):
    assert (await call.refused("GET", f"/v1/orders?{query}"))["description"] == description


async def test_pages_go_from_new_to_old_and_trail_when_told(call):
    made = [(await call.order())["id"] for _ in range(12)]
    first = await call.ok("GET", "/v1/orders")
    assert (first["entity"], first["count"]) == ("collection", 10)
    rest = await call.ok("GET", "/v1/orders?count=5&skip=10")
    assert [item["id"] for item in first["items"] + rest["items"]] == made[::-1]
    moment = first["items"][0]["created_at"]
    assert (await call.ok("GET", f"/v1/orders?from={moment + 60}"))["count"] == 0
    assert (await call.ok("GET", f"/v1/orders?to={moment + 60}&from={moment - 60}"))["count"] == 10
    await call.ok("POST", "/_sim/list_lag", {"seconds": 120})
    assert (await call.ok("GET", "/v1/orders"))["count"] == 0
    assert (await call.ok("GET", f"/v1/orders/{made[0]}"))["id"] == made[0]
    await call.advance(121)
    assert (await call.ok("GET", "/v1/orders"))["count"] == 10
