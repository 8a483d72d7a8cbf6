"""Who may do what: every route of the real application, asked by everybody there is, over real sockets.

The table below is written by hand, so that a slip in `app/auth/access.py` or in a role's permissions shows as a
difference and not as a new expectation.
"""

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
