"""Who may do what: every route of the real application, asked by everybody there is, over real sockets.

The table below is written by hand, so that a slip in `app/auth/access.py` or in a role's permissions shows as a
difference and not as a new expectation.
"""

import asyncio
import hmac
import json

import pytest

from app.auth import access
from app.auth.access import ROUTES, Access
from app.auth.models import KEY_SCOPES, ROLE_PERMISSIONS, Permission, Role
from app.web.route import Route
from tests.api.callers import (
    NONE_SUCH,
    PAGES,
    ROLES,
    SCOPES,
    Caller,
    add_member,
    all_operations,
    all_routes,
    ask_as,
    basic,
    bearer,
    hold,
    make_key,
    page_operations,
    sign_in,
)

EVERYBODY = "nobody stranger owner admin developer viewer key"
TEAM = "owner admin developer viewer"
BOSSES = "owner admin"
MAKERS = "owner admin developer"

# Who gets in. A scope stands for API keys with that scope, of either mode; `stranger` has credentials that are no good.
MAY = {
    "get_health": f"{EVERYBODY}",
    "get_liveness": f"{EVERYBODY}",
    "get_readiness": f"{EVERYBODY}",
    "get_metrics": f"{EVERYBODY}",
    "get_db_status": "nobody owner admin developer viewer key",
    "webhooks_razorpay_receive": f"{EVERYBODY}",
    "auth_signup": f"{EVERYBODY}",
    "auth_signin": f"{EVERYBODY}",
    "auth_refresh": f"{EVERYBODY}",
    "auth_signout": TEAM,
    "auth_profile_get": TEAM,
    "auth_profile_update": TEAM,
    "auth_password_change": TEAM,
    "auth_sessions_list": TEAM,
    "auth_sessions_revoke": TEAM,
    "auth_sessions_revoke_others": TEAM,
    "api_keys_create": MAKERS,
    "api_keys_list": MAKERS,
    "api_keys_revoke": MAKERS,
    "api_keys_roll": MAKERS,
    "users_create": BOSSES,
    "users_list": TEAM,
    "users_update": BOSSES,
    "merchant_get": f"{TEAM} merchant:read",
    "merchant_update": BOSSES,
    "merchant_processor_connect": BOSSES,
    "merchant_webhook_secret_rotate": BOSSES,
    "merchant_checkout_secret_reveal": MAKERS,
    "merchant_checkout_secret_rotate": MAKERS,
    "audit_list": BOSSES,
    "audit_verify": BOSSES,
    "payments_create": f"{MAKERS} payments:write",
    "payments_list": f"{TEAM} payments:read",
    "payments_get": f"{TEAM} payments:read",
    "payments_verify": f"{MAKERS} payments:write",
    "payments_capture": f"{MAKERS} payments:write",
    "payments_cancel": f"{MAKERS} payments:write",
    "payments_recheck": f"{MAKERS} payments:write",
    "payment_links_create": f"{MAKERS} payments:write",
    "payment_links_list": f"{TEAM} payments:read",
    "payment_links_get": f"{TEAM} payments:read",
    "payment_links_cancel": f"{MAKERS} payments:write",
    "payment_links_resend": f"{MAKERS} payments:write",
    "customers_list": f"{TEAM} payments:read",
    "customers_search": f"{TEAM} payments:read",
    "customers_get": f"{TEAM} payments:read",
    "customers_payments_list": f"{TEAM} payments:read",
    "customers_erase": BOSSES,
    "customers_erasure_get": f"{TEAM} payments:read",
    "refunds_create": f"{MAKERS} payments:write",
    "payments_refunds_list": f"{TEAM} payments:read",
    "refunds_list": f"{TEAM} payments:read",
    "refunds_get": f"{TEAM} payments:read",
    "refunds_cancel": f"{MAKERS} payments:write",
    "suspense_list": f"{TEAM} payments:read",
    "suspense_get": f"{TEAM} payments:read",
    "ledger_accounts_get": f"{TEAM} payments:read",
    "ledger_entries_list": f"{TEAM} payments:read",
    "ledger_entries_get": f"{TEAM} payments:read",
    "ledger_trial_balance_get": f"{TEAM} payments:read",
    "ledger_export_get": f"{TEAM} payments:read",
    "ledger_chain_verify": f"{TEAM} payments:read",
    "suspense_place": BOSSES,
    "suspense_return": BOSSES,
    "events_list": f"{TEAM} events:read",
    "events_get": f"{TEAM} events:read",
    "events_replay": f"{BOSSES} events:replay",
    "settlements_list": f"{TEAM} payments:read",
    "settlements_get": f"{TEAM} payments:read",
    "settlements_lines": f"{TEAM} payments:read",
    "settlements_reconcile": f"{MAKERS} payments:write",
    "disputes_list": f"{TEAM} payments:read",
    "disputes_urgent": f"{TEAM} payments:read",
    "disputes_get": f"{TEAM} payments:read",
    "disputes_accept": f"{MAKERS} payments:write",
    "disputes_contest": f"{MAKERS} payments:write",
    "disputes_documents_create": f"{MAKERS} payments:write",
    "invariants_get": BOSSES,
    "invariants_violations_list": BOSSES,
    "outbox_list": f"{TEAM} events:read",
    "outbox_get": f"{TEAM} events:read",
    "outbox_replay": f"{BOSSES} events:replay",
    "webhook_endpoints_create": MAKERS,
    "webhook_endpoints_list": f"{TEAM} events:read",
    "webhook_endpoints_get": f"{TEAM} events:read",
    "webhook_endpoints_update": MAKERS,
    "webhook_endpoints_delete": MAKERS,
    "webhook_endpoints_rotate_secret": MAKERS,
    "webhook_endpoints_test": MAKERS,
    "webhook_endpoints_replay": MAKERS,
    "webhook_deliveries_list": f"{TEAM} events:read",
    "webhook_deliveries_get": f"{TEAM} events:read",
    "webhook_deliveries_resend": MAKERS,
    "notices_list": f"{TEAM} events:read",
    "notices_get": f"{TEAM} events:read",
}

FOREIGN_FIELD = {"no_such_field": 1}
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
async def team(world):
    """A merchant with a member of every role."""
    merchant = await world.merchant(webhooks=False)
    emails = {role: await add_member(merchant, role) for role in ROLES}
    return merchant, emails


async def callers_of(world, team):
    """Yield everybody: nobody, strangers, every role, and keys of either mode with one scope, with all."""
    merchant, emails = team
    yield Caller("nobody", {})
    yield Caller("stranger", bearer("eyJhbGciOiJub25lIn0.e30."))
    yield Caller("stranger", bearer(merchant.secret[:-1] + ("0" if merchant.secret[-1] != "0" else "1")))
    yield Caller("stranger", basic("key_01KAQ7X2V8M3TZB5C6D9EFGHJK", merchant.secret))
    yield Caller("stranger", {"Authorization": "Digest x"})
    for role in ROLES:
        yield Caller(role, bearer(await sign_in(world, emails[role])))
    for mode in ("test", "live"):
        for scope in SCOPES:
            key = await make_key(merchant, mode, scope)
            yield Caller(f"key {scope}", bearer(key["secret"]))
        key = await make_key(merchant, mode)
        yield Caller(f"key {' '.join(SCOPES)}", basic(key["id"], key["secret"]))


def expected(operation, caller):
    """Return the status and the code (None: a good answer) that the table above promises to a caller."""
    if set(caller.name.split()) & set(MAY[operation.id].split()):
        return _admitted(operation)
    if caller.name == "nobody":
        return 401, "unauthenticated"
    return (401, "token_invalid") if caller.name == "stranger" else (403, "permission_denied")


def _admitted(operation):
    if operation.id == "webhooks_razorpay_receive":
        return 401, "webhook_signature_invalid"
    if operation.id == "customers_erasure_get":
        return 404, "erasure_not_found"
    if operation.takes_body:
        return 422, "validation_failed"
    if operation.has_id:
        noun = {
            "payment_id": "payment",
            "suspense_id": "suspense",
            "refund_id": "refund",
            "event_id": "event",
            "dispute_id": "dispute",
            "settlement_id": "settlement",
            "link_id": "payment_link",
            "customer_id": "customer",
            "item_id": "outbox_item",
            "endpoint_id": "webhook_endpoint",
            "delivery_id": "webhook_delivery",
            "notice_id": "notice",
            "entry_id": "ledger_entry",
            "session_id": "session",
            "key_id": "api_key",
        }
        (found,) = [word for name, word in noun.items() if f"{{{name}}}" in operation.path]
        return 404, f"{found}_not_found"
    return 200, None


def test_s14_the_table_lists_every_operation_and_no_other():
    assert set(MAY) == set(ROUTES)


def test_s14_roles_and_scopes_grant_what_the_table_says():
    assert {scope.value for scope in KEY_SCOPES} == set(SCOPES)
    for operation_id, need in ROUTES.items():
        may = set(MAY[operation_id].split())
        match need:
            case Permission():
                assert may & set(ROLES) == {role for role in ROLES if need in ROLE_PERMISSIONS[Role(role)]}, (
                    operation_id
                )
                assert may - set(ROLES) == ({need.value} & set(SCOPES)), operation_id
            case Access.USER:
                assert may == set(ROLES), operation_id
            case Access.PUBLIC:
                assert may == set(EVERYBODY.split()), operation_id
            case Access.OPTIONAL:
                assert may == set(EVERYBODY.split()) - {"stranger"}, operation_id


def test_s14_every_route_stands_in_the_permission_table_behind_the_guard(app):
    for context in all_routes(app):
        if context.path_format in PAGES:
            assert context.methods <= {"GET", "HEAD"}
            continue
        route = context.original_route
        if route.operation_id in access.PAGES:
            # Pages for people stand behind a guard of their own, and answer the anonymous otherwise.
            continue
        assert isinstance(route, Route), f"{context.path_format} is not behind the guard: use app.web.route.Route"
        assert route.operation_id in ROUTES, f"{context.path_format} has no row in the permission table"


def test_every_documented_path_has_its_unversioned_alias(app):
    found = {(operation.method, operation.path) for operation in all_operations(app)}
    for method, path in found:
        if path.startswith("/api/v1/"):
            assert (method, path.removeprefix("/api/v1")) in found


async def test_s14_public_pages_look_the_same_to_everybody(app, world, team):
    # The dashboard has a door of its own, and tests/dashboard walks through it.
    pages = [found for found in page_operations(app) if not found.id.startswith("dashboard_")]
    operations = [found for found in pages if access.PAGES[found.id] is Access.PUBLIC]
    assert operations
    for operation in operations:
        seen = set()
        async for caller in callers_of(world, team):
            headers = {**caller.headers, "Accept": "text/html"}
            answer = await world.ask(operation.method, operation.at(NONE_SUCH), headers=headers)
            seen.add((answer.status, answer.headers["Content-Type"]))
        assert seen == {(404, "text/html; charset=utf-8")}, operation


async def test_s14_everybody_gets_what_the_table_says_on_every_route(app, world, team):
    operations = [operation for operation in all_operations(app) if operation.id != "auth_signout"]
    assert len(operations) > 70
    wrong = []
    async for caller in callers_of(world, team):
        for operation in operations:
            body = FOREIGN_FIELD if operation.takes_body else None
            answer = await ask_as(world, caller, operation.method, operation.at(NONE_SUCH), body)
            code = None if answer.status == 200 else answer.code
            if (answer.status, code) != expected(operation, caller):
                wrong.append((caller.name, operation, answer.status, code, expected(operation, caller)))
    assert wrong == []


@pytest.mark.parametrize("path", ["/api/v1/auth/signout", "/auth/signout"])
async def test_s14_only_users_sign_out_and_then_they_are_out(world, team, path):
    async for caller in callers_of(world, team):
        answer = await ask_as(world, caller, "POST", path)
        if caller.name in ROLES:
            assert answer.status == 200
        else:
            assert answer.status == (403 if caller.name.startswith("key") else 401), caller.name


async def test_s14_a_user_names_only_modes_that_there_are(world, team):
    merchant, _ = team
    for mode, status in (("test", 200), ("live", 200), ("LIVE", 401), ("", 401), ("test,live", 401)):
        answer = await merchant.ask_as_owner("GET", "/api/v1/payments", headers={"X-Mode": mode})
        assert answer.status == status, mode


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
