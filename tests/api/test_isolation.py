"""Nothing of one merchant shows to another: an id of theirs looks on every route as if it did not exist.

Asked of the real application over real sockets.
"""

import asyncio
import hmac
import json

import pytest

from tests.api.callers import NONE_SUCH, Caller, add_member, all_operations, ask_as, bearer, hold, make_key

# Bodies that the schemas take, for operations on somebody else's object.
GOOD_BODIES = {
    "payments_verify": {
        "razorpay_order_id": "order_AAAAAAAAAAAAAA",
        "razorpay_payment_id": "pay_AAAAAAAAAAAAAA",
        "razorpay_signature": "0" * 64,
    },
    "users_update": {"role": "viewer"},
    "api_keys_roll": {"overlap_hours": 1},
    "payments_capture": {"amount": 50000, "currency": "INR"},
    "refunds_create": {"amount": 100},
    "disputes_contest": {"summary": "It was delivered.", "documents": {}},
    "disputes_documents_create": {"name": "a.pdf", "content_type": "application/pdf", "content": "JVBERi0xLjQK"},
    "webhook_endpoints_update": {"state": "disabled"},
    "webhook_endpoints_replay": {"since": "2026-01-01T00:00:00Z", "before": "2026-01-02T00:00:00Z"},
    "suspense_place": {"reason": "it is theirs"},
    "suspense_return": {"reason": "it is not theirs"},
}


@pytest.fixture(scope="module")
async def belongings(world):
    """Return a merchant and an id of everything that it owns."""
    merchant = await world.merchant()
    payment = await merchant.create_payment(reference="theirs-1", description="Theirs alone")
    paid = await merchant.pay(payment, method="card", outcome="success")
    callback = {name: paid[name] for name in GOOD_BODIES["payments_verify"]}
    await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/verify", callback)
    refund = await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/refunds", {"amount": 100}, key="theirs")
    async with asyncio.timeout(15):
        while not (events := (await merchant.ask("GET", "/api/v1/events")).data["items"]):
            await asyncio.sleep(0.05)
    link = await merchant.ask("POST", "/api/v1/payment-links", {"amount": 50_000, "reference": "theirs-1"})
    sessions = (await merchant.ask_as_owner("GET", "/api/v1/auth/sessions")).data["items"]
    await add_member(merchant, "viewer")
    users = (await merchant.ask_as_owner("GET", "/api/v1/users")).data["items"]
    return merchant, {
        "payment_id": payment["id"],
        "suspense_id": await hold(merchant, payment),
        "refund_id": refund.data["id"],
        "event_id": events[0]["id"],
        "dispute_id": await world.add_dispute(merchant),
        "settlement_id": await world.add_settlement(merchant),
        "link_id": link.data["id"],
        "customer_id": await world.add_customer(merchant, payment["id"]),
        **await world.add_webhook(merchant),
        "notice_id": await world.add_notice(merchant),
        "item_id": await world.add_job(merchant),
        "entry_id": await world.add_entry(merchant),
        "session_id": sessions[0]["id"],
        "key_id": merchant.key_id,
        "user_id": users[0]["id"],
        "merchant": merchant.id,
        "order_id": payment["order_id"],
    }


async def snapshot(world, tenant):
    """Return every document that names the tenant, but for what a mere look changes."""
    found = {}
    database = world.wiring.database.client[world.settings.database_name]
    for name in sorted(await database.list_collection_names()):
        rows = [row async for row in database[name].find() if tenant in repr(row)]
        found[name] = sorted(repr({key: row[key] for key in row if key != "last_used_at"}) for row in rows)
    return found


def told(answer):
    """Return what an answer says, but for what differs between any two."""
    error = {name: value for name, value in answer.json["error"].items() if name != "request_id"}
    return answer.status, json.dumps(error)


async def test_s13_another_merchants_id_looks_like_one_that_does_not_exist_on_every_route(
    app, world, merchant, belongings
):
    owner, theirs = belongings
    before = await snapshot(world, owner.id)
    everything = await make_key(merchant, "test")
    live = await make_key(merchant, "live")
    callers = [
        Caller("owner", bearer(merchant.token)),
        Caller("key", bearer(everything["secret"])),
        Caller("key live", bearer(live["secret"])),
    ]
    asked = set()
    for operation in all_operations(app):
        if not operation.has_id or operation.id == "webhooks_razorpay_receive":
            continue
        body = GOOD_BODIES.get(operation.id)
        for caller in callers:
            real = await ask_as(world, caller, operation.method, operation.at(theirs), body)
            absent = await ask_as(world, caller, operation.method, operation.at(NONE_SUCH), body)
            assert told(real) == told(absent), operation
            assert real.status == 404 or (real.status, caller.name[:3]) == (403, "key"), operation
        asked.add(operation.id)
    assert asked == {
        *("payments_get", "payments_verify", "payments_capture", "payments_cancel", "payments_recheck"),
        *("payment_links_get", "payment_links_cancel", "payment_links_resend"),
        *("customers_get", "customers_payments_list", "customers_erase", "customers_erasure_get"),
        "ledger_entries_get",
        *("outbox_get", "outbox_replay"),
        *("webhook_endpoints_get", "webhook_endpoints_update", "webhook_endpoints_delete"),
        *("webhook_endpoints_rotate_secret", "webhook_endpoints_test", "webhook_endpoints_replay"),
        *("webhook_deliveries_get", "webhook_deliveries_resend"),
        "notices_get",
        *("disputes_get", "disputes_accept", "disputes_contest", "disputes_documents_create"),
        *("settlements_get", "settlements_lines", "settlements_reconcile"),
        *("refunds_create", "payments_refunds_list", "refunds_get", "refunds_cancel"),
        *("suspense_get", "suspense_place", "suspense_return"),
        *("events_get", "events_replay", "auth_sessions_revoke", "api_keys_revoke", "api_keys_roll", "users_update"),
    }
    assert await snapshot(world, owner.id) == before


async def test_s13_i11_no_list_filter_or_answer_shows_anything_of_another_merchant(app, world, merchant, belongings):
    owner, theirs = belongings
    asked = 0
    filters = [
        "",
        "?reference=theirs-1",
        f"?order_id={theirs['order_id']}",
        *(f"?{cursor}={theirs[name]}" for cursor in ("starting_after", "ending_before") for name in theirs),
    ]
    secrets_of_theirs = [owner.email, owner.key_id, *theirs.values()]
    for operation in all_operations(app):
        if operation.method != "GET" or operation.has_id or operation.id == "get_metrics":
            continue
        for query in filters if operation.id.endswith("_list") else [""]:
            answer = await merchant.ask_as_owner("GET", operation.path + query)
            asked += answer.status == 200
            text = answer.body.decode()
            assert not [fact for fact in secrets_of_theirs if fact in text], (operation, query)
    assert asked > 60


async def test_s13_a_live_credential_does_not_see_test_payments(world, belongings):
    owner, theirs = belongings
    live = await make_key(owner, "live")
    callers = [
        Caller("key", bearer(live["secret"])),
        Caller("owner", {**bearer(owner.token), "X-Mode": "live"}),
    ]
    for caller in callers:
        for path in (f"/api/v1/payments/{theirs['payment_id']}", f"/api/v1/events/{theirs['event_id']}"):
            assert (await ask_as(world, caller, "GET", path)).status == 404
        for path in ("/api/v1/payments", "/api/v1/events", "/api/v1/suspense", "/api/v1/outbox"):
            assert (await ask_as(world, caller, "GET", path)).data["items"] == []


async def test_s13_an_idempotency_key_of_another_merchant_is_another_key(merchant, belongings):
    owner, _ = belongings
    body = {"amount": 70000, "currency": "INR"}
    first = await owner.ask("POST", "/api/v1/payments", body, key="shared-key-1")
    second = await merchant.ask("POST", "/api/v1/payments", body, key="shared-key-1")
    assert (first.status, second.status) == (201, 201)
    assert "Idempotent-Replayed" not in second.headers
    assert first.data["id"] != second.data["id"]


async def test_s13_an_event_signed_by_another_merchant_is_refused_and_not_stored(world, merchant, belongings):
    owner, _ = belongings
    events = (await owner.ask("GET", "/api/v1/events")).data["items"]
    await world.register_webhook(merchant)
    payment = await merchant.create_payment()
    body = json.dumps({"event": "payment.captured", "payload": {}, "order": payment["order_id"]}).encode()
    answer = await world.ask(
        "POST",
        f"/api/v1/webhooks/razorpay/{owner.id}",
        raw=body,
        headers={"X-Razorpay-Signature": _signed(merchant.webhook_secret, body), "Content-Type": "application/json"},
    )
    assert (answer.status, answer.code) == (401, "webhook_signature_invalid")
    assert (await owner.ask("GET", "/api/v1/events")).data["items"] == events


def _signed(secret, body):
    return hmac.new(secret.encode(), body, "sha256").hexdigest()
