"""Who sees which page: every route of the dashboard, walked through by everybody, over real sockets.

The table below is written by hand, so that a slip in `app/auth/access.py` shows as a difference.
"""

import pytest

from app.auth import access
from app.auth.access import Access
from app.main import create_app
from tests.api.callers import NONE_SUCH, ROLES, page_operations

TEAM = "owner admin developer viewer"
MAKERS = "owner admin developer"
BOSSES = "owner admin"

MAY = {
    "dashboard_sign_in_page": "anybody",
    "dashboard_sign_in": "anybody",
    "dashboard_sign_out": TEAM,
    "dashboard_mode": TEAM,
    "dashboard_home": TEAM,
    "dashboard_live_state": TEAM,
    "dashboard_live_events": TEAM,
    "dashboard_payments": TEAM,
    "dashboard_payments_export": TEAM,
    "dashboard_payment": TEAM,
    "dashboard_payment_capture_page": MAKERS,
    "dashboard_payment_capture": MAKERS,
    "dashboard_payment_cancel_page": MAKERS,
    "dashboard_payment_cancel": MAKERS,
    "dashboard_payment_recheck": MAKERS,
    "dashboard_payment_refund_page": MAKERS,
    "dashboard_payment_refund": MAKERS,
    "dashboard_links": TEAM,
    "dashboard_link_new": MAKERS,
    "dashboard_link_create": MAKERS,
    "dashboard_link": TEAM,
    "dashboard_link_resend_page": MAKERS,
    "dashboard_link_resend": MAKERS,
    "dashboard_link_cancel_page": MAKERS,
    "dashboard_link_cancel": MAKERS,
    "dashboard_customers": TEAM,
    "dashboard_customers_search": TEAM,
    "dashboard_customer": TEAM,
    "dashboard_customer_erase_page": BOSSES,
    "dashboard_customer_erase": BOSSES,
    "dashboard_refunds": TEAM,
    "dashboard_refund": TEAM,
    "dashboard_refund_cancel_page": MAKERS,
    "dashboard_refund_cancel": MAKERS,
    "dashboard_disputes": TEAM,
    "dashboard_dispute": TEAM,
    "dashboard_dispute_accept_page": MAKERS,
    "dashboard_dispute_accept": MAKERS,
    "dashboard_dispute_contest_page": MAKERS,
    "dashboard_dispute_contest": MAKERS,
    "dashboard_dispute_document_add": MAKERS,
    "dashboard_dispute_document_remove": MAKERS,
    "dashboard_dispute_submit_page": MAKERS,
    "dashboard_dispute_submit": MAKERS,
    "dashboard_settlements": TEAM,
    "dashboard_settlement": TEAM,
    "dashboard_settlement_reconcile": MAKERS,
    "dashboard_suspense_list": TEAM,
    "dashboard_suspense": TEAM,
    "dashboard_suspense_place_page": BOSSES,
    "dashboard_suspense_place": BOSSES,
    "dashboard_suspense_return_page": BOSSES,
    "dashboard_suspense_return": BOSSES,
    "dashboard_ledger": TEAM,
    "dashboard_ledger_entries": TEAM,
    "dashboard_ledger_entry": TEAM,
    "dashboard_events": TEAM,
    "dashboard_event": TEAM,
    "dashboard_event_replay_page": BOSSES,
    "dashboard_event_replay": BOSSES,
    "dashboard_webhooks": TEAM,
    "dashboard_webhook_create": MAKERS,
    "dashboard_webhook": TEAM,
    "dashboard_webhook_change_page": MAKERS,
    "dashboard_webhook_change": MAKERS,
    "dashboard_webhook_test": MAKERS,
    "dashboard_webhook_enable": MAKERS,
    "dashboard_webhook_disable_page": MAKERS,
    "dashboard_webhook_disable": MAKERS,
    "dashboard_webhook_rotate_page": MAKERS,
    "dashboard_webhook_rotate": MAKERS,
    "dashboard_webhook_delete_page": MAKERS,
    "dashboard_webhook_delete": MAKERS,
    "dashboard_webhook_replay_page": MAKERS,
    "dashboard_webhook_replay": MAKERS,
    "dashboard_delivery": TEAM,
    "dashboard_delivery_resend_page": MAKERS,
    "dashboard_delivery_resend": MAKERS,
    "dashboard_notices": TEAM,
    "dashboard_notice": TEAM,
    "dashboard_keys": MAKERS,
    "dashboard_key_create": MAKERS,
    "dashboard_key_revoke_page": MAKERS,
    "dashboard_key_revoke": MAKERS,
    "dashboard_team": TEAM,
    "dashboard_member_create": BOSSES,
    "dashboard_member": TEAM,
    "dashboard_member_update": BOSSES,
    "dashboard_account": TEAM,
    "dashboard_account_name": TEAM,
    "dashboard_account_password": TEAM,
    "dashboard_sessions_end_others": TEAM,
    "dashboard_session_end": TEAM,
    "dashboard_settings": TEAM,
    "dashboard_settings_update": BOSSES,
    "dashboard_settings_notices": BOSSES,
    "dashboard_processor_connect": BOSSES,
    "dashboard_webhook_secret_page": BOSSES,
    "dashboard_webhook_secret_rotate": BOSSES,
    "dashboard_system": BOSSES,
}


@pytest.fixture(scope="module")
def operations(world):
    app = create_app(world.settings, wiring=world.wiring)
    return [found for found in page_operations(app) if found.id.startswith("dashboard_")]


def test_s14_the_table_names_every_page_of_the_dashboard_and_no_other(operations):
    assert {operation.id for operation in operations} == set(MAY)
    assert {name for name in access.PAGES if name.startswith("dashboard_")} == set(MAY)


async def test_s14_nobody_is_sent_to_sign_in_whatever_they_want(operations, browsers):
    browser = await browsers()
    for operation in operations:
        if MAY[operation.id] == "anybody":
            continue
        answer = await browser.ask(operation.method, operation.at(NONE_SUCH))
        assert answer.status == 303, operation
        assert answer.location.startswith("/dashboard/sign-in"), operation
        assert "pg_session" not in answer.headers.get("Set-Cookie", ""), operation


async def test_s14_each_role_gets_what_the_table_says_and_s12_no_form_goes_without_its_token(operations, team):
    wrong = []
    for role in ROLES:
        for operation in operations:
            may = role in MAY[operation.id].split() or MAY[operation.id] == "anybody"
            answer = await team[role].ask(operation.method, operation.at(NONE_SUCH))
            if operation.method == "POST":
                expected = {403}
                code = "form_expired" if may else "permission_denied"
                is_right = answer.status in expected and code in answer.text
            else:
                is_right = answer.status in ({200, 303, 404} if may else {403})
            if not is_right:
                wrong.append((role, operation.id, answer.status))
            assert_safe(answer, operation)
    assert not wrong


async def test_s12_no_form_is_taken_from_a_foreign_page_or_with_another_persons_token(operations, team, browsers):
    tokens = {role: (await team[role].get("/dashboard")).form("/dashboard/mode").fields for role in ROLES}
    for operation in operations:
        if operation.method != "POST" or access.PAGES[operation.id] is Access.PUBLIC:
            continue
        path = operation.at(NONE_SUCH)
        foreign = await team["owner"].ask("POST", path, tokens["owner"], headers={"Sec-Fetch-Site": "cross-site"})
        assert (foreign.status, "foreign_page" in foreign.text) == (403, True), operation
        borrowed = await team["owner"].ask("POST", path, tokens["admin"])
        assert (borrowed.status, "form_expired" in borrowed.text) == (403, True), operation


def assert_safe(page, operation):
    """Check what every answer of the dashboard carries."""
    headers = page.headers
    assert headers["X-Content-Type-Options"] == "nosniff", operation
    assert "no-store" in headers["Cache-Control"], operation
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy, operation
    assert "frame-ancestors 'none'" in policy, operation
    assert "unsafe" not in policy, operation
