"""Merchants: their settings, their processor account, and the rotation of webhook secrets."""

import dataclasses
import hashlib
import hmac
import json
import secrets

import pytest

from app.kit.scope import Mode, Scope
from app.tenants.models import LatePayments, ProcessorKeys
from app.tenants.service import FORMER_SECRET_DAYS, ProcessorNotConfigured

MERCHANT = "/api/v1/merchant"
ROTATE = f"{MERCHANT}/webhook-secret/rotate"
DAY = 24 * 3600


async def event_signed(world, merchant, secret):
    """Deliver an event to the merchant's address, signed with a secret; return the status."""
    event = {"entity": "event", "account_id": "acc_1", "event": "order.paid", "contains": [], "payload": {}}
    raw = json.dumps({**event, "created_at": int(world.wiring.clock.now().timestamp())}).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Razorpay-Signature": hmac.digest(secret.encode(), raw, hashlib.sha256).hex(),
        "X-Razorpay-Event-Id": f"evt_{secrets.token_hex(7)}",
    }
    answer = await world.ask("POST", f"/api/v1/webhooks/razorpay/{merchant.id}", raw=raw, headers=headers)
    return answer.status


async def test_a_merchant_changes_what_is_theirs_and_the_audit_log_says_so(world, clock, merchant, other):
    before = (await merchant.ask("GET", MERCHANT)).data
    assert before["webhook_path"] == f"/api/v1/webhooks/razorpay/{merchant.id}"
    clock.advance(seconds=1)
    named = await merchant.ask_as_owner("PATCH", MERCHANT, {"name": "Corner Shop"})
    assert (named.data["name"], named.data["late_payments"]) == ("Corner Shop", "accept")
    assert await world.wiring.merchants.accepts_late(merchant.scope)
    clock.advance(seconds=1)
    held = await merchant.ask_as_owner("PATCH", MERCHANT, {"late_payments": "suspense"})
    assert (held.data["name"], held.data["late_payments"]) == ("Corner Shop", "suspense")
    assert held.data["updated_at"] > named.data["updated_at"] > before["updated_at"]
    assert not await world.wiring.merchants.accepts_late(merchant.scope)
    assert (await other.ask("GET", MERCHANT)).data["name"] == "A Shop"
    entry = (await merchant.ask_as_owner("GET", "/api/v1/audit-log?limit=1")).data["items"][0]
    assert entry["before"] == {"name": "Corner Shop", "late_payments": "accept"}
    assert entry["after"] == {"name": "Corner Shop", "late_payments": LatePayments.SUSPENSE.value}


async def test_a_key_pair_goes_to_the_mode_of_its_prefix_sealed_and_unseen(world, merchant):
    pair = {"key_id": "rzp_live_AbCdEfGh", "key_secret": "a-live-secret-of-theirs", "gateway_account_id": "acc_9"}
    answer = await merchant.ask_as_owner("PUT", f"{MERCHANT}/processor", pair)
    assert answer.data["accounts"] == [
        {"mode": "live", "key_id": "rzp_live_AbCdEfGh", "gateway_account_id": "acc_9"},
        {"mode": "test", "key_id": merchant.account["key_id"], "gateway_account_id": None},
    ]
    live = Scope(merchant.id, Mode.LIVE)
    keys = await world.wiring.merchants.keys_of(live)
    assert (keys.key_id, keys.key_secret, keys.mode) == (pair["key_id"], pair["key_secret"], Mode.LIVE)
    assert await world.wiring.merchants.gateway_account_of(live) == "acc_9"
    stored = await world.wiring.database.collection("merchants").find_one({"_id": merchant.id})
    log = (await merchant.ask_as_owner("GET", "/api/v1/audit-log")).body.decode()
    for place in (str(stored), log, answer.body.decode(), repr(keys)):
        assert pair["key_secret"] not in place
    assert "processor.connected" in log


async def test_the_deployments_keys_serve_their_own_mode_only(world, merchant):
    lent = ProcessorKeys("rzp_live_deployment", "a secret", Mode.LIVE)
    merchants = dataclasses.replace(world.wiring.merchants, deployment_keys=lent)
    assert await merchants.keys_of(Scope(merchant.id, Mode.LIVE)) == lent
    assert (await merchants.keys_of(merchant.scope)).key_id == merchant.account["key_id"]
    with pytest.raises(ProcessorNotConfigured):
        await merchants.keys_of(Scope("mer_nobody", Mode.TEST))
    assert await merchants.webhook_secrets_of(Scope("mer_nobody", Mode.TEST)) == ()
    assert await merchants.gateway_account_of(Scope("mer_nobody", Mode.TEST)) is None
    given = merchants.new_merchant(name="X", webhook_secret="a secret of the settings")
    await merchants.create_merchant(given)
    assert await merchants.reveal_webhook_secret(Scope(given.id, Mode.LIVE)) == "a secret of the settings"
    assert await merchants.reveal_webhook_secret(Scope(given.id, Mode.TEST)) != "a secret of the settings"


async def test_b11_after_a_rotation_both_secrets_are_taken_for_eight_days(world, clock, merchant):
    old = merchant.webhook_secret
    new = (await merchant.ask_as_owner("POST", ROTATE)).data
    assert new["mode"] == "test"
    for secret, status in ((old, 200), (new["secret"], 200), ("neither of them", 401)):
        assert await event_signed(world, merchant, secret) == status
    clock.advance(seconds=FORMER_SECRET_DAYS * DAY - 1)
    assert await event_signed(world, merchant, old) == 200
    clock.advance(seconds=1)
    assert await event_signed(world, merchant, old) == 401
    assert await event_signed(world, merchant, new["secret"]) == 200
    assert await world.wiring.merchants.webhook_secrets_of(merchant.scope) == (new["secret"],)


async def test_b11_a_second_rotation_keeps_the_secret_before_it_and_no_older_one(world, merchant, other):
    first = merchant.webhook_secret
    second, third = [(await merchant.ask_as_owner("POST", ROTATE)).data["secret"] for _ in range(2)]
    assert await world.wiring.merchants.webhook_secrets_of(merchant.scope) == (third, second)
    assert await event_signed(world, merchant, first) == 401
    assert await event_signed(world, merchant, other.webhook_secret) == 401
    assert await event_signed(world, other, third) == 401


async def test_b11_a_rotation_of_one_mode_leaves_the_other_alone(world, merchant):
    live = Scope(merchant.id, Mode.LIVE)
    before = await world.wiring.merchants.webhook_secrets_of(live)
    rotated = (await merchant.ask_as_owner("POST", ROTATE, {"mode": "live"})).data
    assert rotated["mode"] == "live"
    assert await world.wiring.merchants.webhook_secrets_of(live) == (rotated["secret"], *before)
    assert (await world.wiring.merchants.webhook_secrets_of(merchant.scope))[0] == merchant.webhook_secret
    assert rotated["secret"].encode() not in (await merchant.ask_as_owner("GET", "/api/v1/audit-log")).body
    assert rotated["secret"].encode() not in (await merchant.ask("GET", MERCHANT)).body


@pytest.mark.parametrize("path", ["/processor", "/webhook-secret/rotate", ""])
async def test_s14_an_api_key_changes_no_merchant(merchant, path):
    method = {"/processor": "PUT", "": "PATCH"}.get(path, "POST")
    body = {"key_id": "rzp_test_AbCdEfGh", "key_secret": "long enough"} if path == "/processor" else {}
    assert (await merchant.ask(method, MERCHANT + path, body)).code == "permission_denied"


async def test_a_merchant_that_is_gone_is_not_found(world, merchant):
    await world.wiring.database.collection("merchants").delete_one({"_id": merchant.id})
    assert (await merchant.ask("GET", MERCHANT)).code == "merchant_not_found"
