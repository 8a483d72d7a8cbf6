"""Merchants: their settings, their processor account, and the rotation of webhook secrets."""

import asyncio
import dataclasses
import functools
import hashlib
import hmac
import json
import secrets

import pytest

from app.audit.service import Actor
from app.kit.scope import Mode, Scope
from app.tenants.models import LatePayments, MoneySettings, ProcessorKeys, SurplusPayments, WebhookSecret
from app.tenants.service import (
    FORMER_SECRET_DAYS,
    MOST_FORMER_SECRETS,
    ProcessorNotConfigured,
    TooManyWebhookSecrets,
    WebhookSecretBusy,
)
from app.tenants.store import MerchantStore
from tests.world import PASSWORD

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
    assert await world.wiring.merchants.money_settings_of(merchant.scope) == MoneySettings()
    clock.advance(seconds=1)
    held = await merchant.ask_as_owner("PATCH", MERCHANT, {"late_payments": "suspense", "surplus_payments": "hold"})
    assert (held.data["name"], held.data["late_payments"]) == ("Corner Shop", "suspense")
    assert (before["surplus_payments"], held.data["surplus_payments"]) == ("refund", "hold")
    assert held.data["updated_at"] > named.data["updated_at"] > before["updated_at"]
    settings = await world.wiring.merchants.money_settings_of(merchant.scope)
    assert settings == MoneySettings(LatePayments.SUSPENSE, SurplusPayments.HOLD)
    assert not settings.accepts_late
    assert (await other.ask("GET", MERCHANT)).data["name"] == "A Shop"
    entry = (await merchant.ask_as_owner("GET", "/api/v1/audit-log?limit=1")).data["items"][0]
    assert entry["before"] == {"name": "Corner Shop", "late_payments": "accept", "surplus_payments": "refund"}
    assert entry["after"] == {"name": "Corner Shop", "late_payments": "suspense", "surplus_payments": "hold"}


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


async def rotated(merchant):
    answer = await merchant.ask_as_owner("POST", ROTATE)
    assert answer.status == 200, answer.body
    return answer.data["secret"]


async def taken(world, merchant):
    return await world.wiring.merchants.webhook_secrets_of(merchant.scope)


async def test_b11_each_former_secret_is_taken_until_its_own_end(world, clock, merchant, other):
    original = (await taken(world, merchant))[1]  # the world has rotated once already
    clock.advance(seconds=3 * DAY)
    token = await world.wiring.sessions.sign_in(email=merchant.email, password=PASSWORD, address="a", user_agent=None)
    merchant.token = token.access_token
    first = merchant.webhook_secret
    second, third = [await rotated(merchant) for _ in range(2)]
    assert await taken(world, merchant) == (third, second, first, original)
    for secret in (original, first, second, third):
        assert await event_signed(world, merchant, secret) == 200
    assert await event_signed(world, merchant, other.webhook_secret) == 401
    assert await event_signed(world, other, third) == 401
    clock.advance(seconds=5 * DAY)
    assert await taken(world, merchant) == (third, second, first)
    assert await event_signed(world, merchant, original) == 401
    clock.advance(seconds=3 * DAY)
    assert await taken(world, merchant) == (third,)


async def test_b11_rotations_at_the_same_moment_lose_no_secret(world, merchant):
    before = await taken(world, merchant)
    new = await asyncio.gather(*(rotated(merchant) for _ in range(MOST_FORMER_SECRETS - 1)))
    after = await taken(world, merchant)
    assert set(after) == {*before, *new}
    assert len(after) == len(before) + len(new)
    for secret in new:
        assert await event_signed(world, merchant, secret) == 200


async def test_b11_a_rotation_that_would_drop_a_secret_before_its_end_waits(world, clock, merchant):
    rotate = functools.partial(world.wiring.merchants.rotate_webhook_secret, merchant.scope, actor=Actor("user", "u"))
    for _ in range(MOST_FORMER_SECRETS - 1):
        clock.advance(seconds=3600)
        await rotate()
    full = await taken(world, merchant)
    assert len(full) == MOST_FORMER_SECRETS + 1
    clock.advance(seconds=3600)
    with pytest.raises(TooManyWebhookSecrets) as refusal:
        await rotate()
    wait = refusal.value.retry_after_seconds
    assert (FORMER_SECRET_DAYS - 1) * DAY < wait < FORMER_SECRET_DAYS * DAY
    assert await taken(world, merchant) == full
    clock.advance(seconds=wait - 1)
    with pytest.raises(TooManyWebhookSecrets):
        await rotate()
    clock.advance(seconds=1)
    new = await rotate()
    assert await taken(world, merchant) == (new, *full[:-1])


async def test_b11_a_rotation_that_always_loses_gives_up_and_changes_nothing(world, merchant):
    class Lost(MerchantStore):
        async def replace_webhook_secrets(self, *_, **__):
            return False

    losing = dataclasses.replace(world.wiring.merchants, store=Lost(world.wiring.database))
    before = await taken(world, merchant)
    with pytest.raises(WebhookSecretBusy):
        await losing.rotate_webhook_secret(merchant.scope, actor=Actor("user", "u"))
    assert await taken(world, merchant) == before


async def test_b11_a_mode_without_any_secret_gets_its_first_once(world, merchant):
    store, now = world.wiring.merchants.store, world.wiring.clock.now()
    merchants = world.wiring.database.collection("merchants")
    await merchants.update_one({"_id": merchant.id}, {"$unset": {"webhook_secrets.live": ""}})
    live = Scope(merchant.id, Mode.LIVE)
    one, two = WebhookSecret("one"), WebhookSecret("two")
    assert await store.replace_webhook_secrets(live, (), (one,), at=now)
    assert not await store.replace_webhook_secrets(live, (), (two,), at=now)
    assert not await store.replace_webhook_secrets(live, (two,), (one, two), at=now)
    assert (await store.find_merchant(merchant.id)).webhook_secrets[Mode.LIVE] == (one,)


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
