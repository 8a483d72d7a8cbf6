"""Every entity has the fields of the documented samples, with their JSON types.

`shapes.json` counts, for what is served here, the fields and types of the samples in Razorpay's public documentation
(repository razorpay/markdown-docs, April 2026) and how many of the samples carry each.
"""

import asyncio
import json
from pathlib import Path

import pytest

from tests.razorpay_simulator.test_documents import upload
from tests.razorpay_simulator.test_webhooks import ALL, register

DISPUTES = [
    f"payment.dispute.{kind}" for kind in ("created", "under_review", "action_required", "won", "lost", "closed")
]
SHAPES = json.loads((Path(__file__).parent / "shapes.json").read_text(encoding="utf-8"))
NAMES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}
NOT_SERVED = (
    "/v1/payment_links",
    "/v1/settlements/ondemand",
    "/v1/subscriptions",
    "/v1/plans",
    "/v1/invoices",
    "/v1/items",
    "/v1/virtual_accounts",
    "/v1/transfers",
    "/v1/payments/qr_codes",
    "/v1/fund_accounts",
    "/v1/addons",
    "/v1/tokens",
    "/v2/accounts",
)


def complaints(entity, kind):
    """Return what is wrong with an entity, field by field."""
    found = []
    for field, fact in SHAPES["entities"][kind]["fields"].items():
        if field not in entity:
            if fact["share"] >= 0.5 and (kind, field) not in SOMETIMES:
                found.append(f"{kind} lacks {field}")
        elif NAMES[type(entity[field])] not in fact["types"]:
            found.append(f"{kind}.{field} is {NAMES[type(entity[field])]}, documented {fact['types']}")
    return found


# Carried by half of the samples because half of them are of that kind, not by every entity.
SOMETIMES = {("payment", "customer_id"), ("payment", "acquirer_data"), ("card", "id"), ("card", "sub_type")}


async def every_kind(call):
    """Return an entity of every kind in its states."""
    customer = await call.ok(
        "POST", "/v1/customers", {"name": "A Name", "email": "a@example.com", "contact": "+910000000000"}
    )
    fresh = await call.order(notes={"a": "b"}, receipt="r-1")
    failed = (await call.pay(await call.order(), method="card", outcome="failure"))["payment"]
    upi = await call.captured(method="upi")
    bank = await call.captured(method="netbanking")
    wallet = await call.captured(method="wallet")
    card = await call.captured(method="card")
    refund = await call.ok("POST", f"/v1/payments/{card['id']}/refund", {"amount": 100})
    down = await call.ok("POST", "/_sim/downtimes", {"method": "upi", "severity": "high"})
    dispute = await call.ok("POST", f"/_sim/payments/{upi['id']}/dispute", {})
    document = await upload(call)
    return [
        ("customer", customer),
        ("order", fresh),
        ("order", await call.ok("GET", f"/v1/orders/{card['order_id']}")),
        *[("payment", await call.ok("GET", f"/v1/payments/{one['id']}")) for one in (failed, upi, bank, wallet, card)],
        ("card", await call.ok("GET", f"/v1/payments/{card['id']}/card")),
        ("refund", refund),
        ("dispute", dispute),
        ("dispute", await call.ok("POST", f"/v1/disputes/{dispute['id']}/accept", {})),
        ("document", document),
        ("settlement", await call.ok("POST", "/_sim/settlements", {})),
        ("payment.downtime", await call.ok("GET", f"/v1/payments/downtimes/{down['id']}")),
    ]


async def test_every_entity_has_the_documented_fields_and_types(call):
    shown = await every_kind(call)
    assert {kind for kind, _ in shown} == set(SHAPES["entities"])
    wrong = [line for kind, entity in shown for line in complaints(entity, kind)]
    assert not wrong, "\n".join(sorted(set(wrong)))


async def test_states_are_the_documented_ones(call):
    for kind, entity in await every_kind(call):
        known = SHAPES["entities"][kind]["status_values"]
        if known and "status" in entity:
            assert entity["status"] in {*known, "pending", "scheduled"}, (kind, entity["status"])


async def test_lists_are_collections_of_the_same_entities(call):
    await every_kind(call)
    for path in (
        "/v1/orders",
        "/v1/payments",
        "/v1/refunds",
        "/v1/disputes",
        "/v1/customers",
        "/v1/payments/downtimes",
        "/v1/settlements",
    ):
        listed = await call.ok("GET", path)
        assert (listed["entity"], listed["count"]) == ("collection", len(listed["items"]))
        assert listed["items"], path
        for entity in listed["items"]:
            assert not complaints(entity, entity["entity"])


async def test_events_contain_what_is_documented(call, receiver):
    wanted = [*ALL, *DISPUTES, "settlement.processed"]
    await register(call, receiver.url, events=wanted)
    paid = await call.captured(method="card")
    await call.pay(await call.order(), method="card", outcome="failure")
    await call.ok("POST", f"/v1/payments/{paid['id']}/refund", {"amount": 100})
    for ends in (("win",), ("lose",), ("close",), ("require_action", "close")):
        dispute = await call.ok("POST", f"/_sim/payments/{paid['id']}/dispute", {})
        proof = {"billing_proof": [(await upload(call))["id"]], "action": "submit"}
        await call.ok("PATCH", f"/v1/disputes/{dispute['id']}/contest", proof)
        for end in ends:
            await call.ok("POST", f"/_sim/disputes/{dispute['id']}/{end}", {})
    await call.captured(90_000)
    await call.advance(7 * 86_400)
    async with asyncio.timeout(10):
        while not set(wanted) <= set(receiver.events):
            await asyncio.sleep(0.01)
    for _, body in receiver.got:
        event = json.loads(body)
        contains = SHAPES["webhook_events"][event["event"]]
        assert sorted(event["contains"]) == sorted(contains) == sorted(event["payload"])
        for kind in contains:
            wrapped = event["payload"][kind]["entity"]
            assert not complaints(wrapped, kind), event["event"]


@pytest.mark.parametrize("path", NOT_SERVED)
async def test_what_is_not_served_answers_as_an_unknown_address(call, path):
    answer = await call("GET", path)
    unserved = (404, {"message": "no Route matched with those values"})
    # Below a resource that is served, the rest of the path is taken for an id.
    assert (answer.status, answer.body) == unserved or answer.status == 400
