"""The permission table: every operation of the API, and who may call it. What is not here is refused (S14)."""

from collections.abc import Mapping
from enum import StrEnum

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from app.auth.models import Permission


class Access(StrEnum):
    """Operations that no permission governs."""

    PUBLIC = "public"
    """Anybody; credentials are not looked at."""

    OPTIONAL = "optional"
    """Anybody; credentials, when sent, must be good."""

    USER = "user"
    """Any signed-in user, for what is their own; not an API key."""


ROUTES: Mapping[str, Access | Permission] = {
    "get_health": Access.PUBLIC,
    "get_liveness": Access.PUBLIC,
    "get_readiness": Access.PUBLIC,
    "get_metrics": Access.PUBLIC,
    "get_db_status": Access.OPTIONAL,
    "webhooks_razorpay_receive": Access.PUBLIC,
    "auth_signup": Access.PUBLIC,
    "auth_signin": Access.PUBLIC,
    "auth_refresh": Access.PUBLIC,
    "auth_signout": Access.USER,
    "auth_profile_get": Access.USER,
    "auth_profile_update": Access.USER,
    "auth_password_change": Access.USER,
    "auth_sessions_list": Access.USER,
    "auth_sessions_revoke": Access.USER,
    "auth_sessions_revoke_others": Access.USER,
    "api_keys_create": Permission.KEYS_WRITE,
    "api_keys_list": Permission.KEYS_READ,
    "api_keys_revoke": Permission.KEYS_WRITE,
    "api_keys_roll": Permission.KEYS_WRITE,
    "users_create": Permission.USERS_WRITE,
    "users_list": Permission.USERS_READ,
    "users_update": Permission.USERS_WRITE,
    "merchant_get": Permission.MERCHANT_READ,
    "merchant_update": Permission.MERCHANT_WRITE,
    "merchant_processor_connect": Permission.MERCHANT_WRITE,
    "merchant_webhook_secret_rotate": Permission.MERCHANT_WRITE,
    "merchant_checkout_secret_reveal": Permission.KEYS_WRITE,
    "merchant_checkout_secret_rotate": Permission.KEYS_WRITE,
    "audit_list": Permission.AUDIT_READ,
    "audit_verify": Permission.AUDIT_READ,
    "payments_create": Permission.PAYMENTS_WRITE,
    "payments_list": Permission.PAYMENTS_READ,
    "payments_get": Permission.PAYMENTS_READ,
    "payments_verify": Permission.PAYMENTS_WRITE,
    "payments_capture": Permission.PAYMENTS_WRITE,
    "payments_cancel": Permission.PAYMENTS_WRITE,
    "payments_recheck": Permission.PAYMENTS_WRITE,
    "payment_links_create": Permission.PAYMENTS_WRITE,
    "payment_links_list": Permission.PAYMENTS_READ,
    "payment_links_get": Permission.PAYMENTS_READ,
    "payment_links_cancel": Permission.PAYMENTS_WRITE,
    "payment_links_resend": Permission.PAYMENTS_WRITE,
    "customers_list": Permission.PAYMENTS_READ,
    "customers_search": Permission.PAYMENTS_READ,
    "customers_get": Permission.PAYMENTS_READ,
    "customers_payments_list": Permission.PAYMENTS_READ,
    "customers_erase": Permission.CUSTOMERS_ERASE,
    "customers_erasure_get": Permission.PAYMENTS_READ,
    "refunds_create": Permission.PAYMENTS_WRITE,
    "payments_refunds_list": Permission.PAYMENTS_READ,
    "refunds_list": Permission.PAYMENTS_READ,
    "refunds_get": Permission.PAYMENTS_READ,
    "refunds_cancel": Permission.PAYMENTS_WRITE,
    "suspense_list": Permission.PAYMENTS_READ,
    "suspense_get": Permission.PAYMENTS_READ,
    "ledger_accounts_get": Permission.PAYMENTS_READ,
    "ledger_entries_list": Permission.PAYMENTS_READ,
    "ledger_entries_get": Permission.PAYMENTS_READ,
    "ledger_trial_balance_get": Permission.PAYMENTS_READ,
    "ledger_export_get": Permission.PAYMENTS_READ,
    "ledger_chain_verify": Permission.PAYMENTS_READ,
    "suspense_place": Permission.SUSPENSE_WRITE,
    "suspense_return": Permission.SUSPENSE_WRITE,
    "events_list": Permission.EVENTS_READ,
    "events_get": Permission.EVENTS_READ,
    "events_replay": Permission.EVENTS_REPLAY,
    "settlements_list": Permission.PAYMENTS_READ,
    "settlements_get": Permission.PAYMENTS_READ,
    "settlements_lines": Permission.PAYMENTS_READ,
    "settlements_reconcile": Permission.PAYMENTS_WRITE,
    "disputes_list": Permission.PAYMENTS_READ,
    "disputes_urgent": Permission.PAYMENTS_READ,
    "disputes_get": Permission.PAYMENTS_READ,
    "disputes_accept": Permission.PAYMENTS_WRITE,
    "disputes_contest": Permission.PAYMENTS_WRITE,
    "disputes_documents_create": Permission.PAYMENTS_WRITE,
    "invariants_get": Permission.AUDIT_READ,
    "invariants_violations_list": Permission.AUDIT_READ,
    "outbox_list": Permission.EVENTS_READ,
    "outbox_get": Permission.EVENTS_READ,
    "outbox_replay": Permission.EVENTS_REPLAY,
    "webhook_endpoints_create": Permission.WEBHOOKS_WRITE,
    "webhook_endpoints_list": Permission.EVENTS_READ,
    "webhook_endpoints_get": Permission.EVENTS_READ,
    "webhook_endpoints_update": Permission.WEBHOOKS_WRITE,
    "webhook_endpoints_delete": Permission.WEBHOOKS_WRITE,
    "webhook_endpoints_rotate_secret": Permission.WEBHOOKS_WRITE,
    "webhook_endpoints_test": Permission.WEBHOOKS_WRITE,
    "webhook_endpoints_replay": Permission.WEBHOOKS_WRITE,
    "webhook_deliveries_list": Permission.EVENTS_READ,
    "webhook_deliveries_get": Permission.EVENTS_READ,
    "webhook_deliveries_resend": Permission.WEBHOOKS_WRITE,
    "notices_list": Permission.EVENTS_READ,
    "notices_get": Permission.EVENTS_READ,
}

PAGES: Mapping[str, Access | Permission] = {
    "static_get": Access.PUBLIC,
    "link_page": Access.PUBLIC,
    "link_open": Access.PUBLIC,
    "link_print": Access.PUBLIC,
    "link_qr": Access.PUBLIC,
    "checkout_page": Access.PUBLIC,
    "checkout_go": Access.PUBLIC,
    "checkout_return": Access.PUBLIC,
    "checkout_back": Access.PUBLIC,
    "checkout_state": Access.PUBLIC,
    "checkout_events": Access.PUBLIC,
    "checkout_receipt": Access.PUBLIC,
    "dashboard_sign_in_page": Access.PUBLIC,
    "dashboard_sign_in": Access.PUBLIC,
    "dashboard_sign_out": Access.USER,
    "dashboard_mode": Access.USER,
    "dashboard_home": Permission.PAYMENTS_READ,
    "dashboard_live_state": Permission.PAYMENTS_READ,
    "dashboard_live_events": Permission.PAYMENTS_READ,
    "dashboard_payments": Permission.PAYMENTS_READ,
    "dashboard_payments_export": Permission.PAYMENTS_READ,
    "dashboard_payment": Permission.PAYMENTS_READ,
    "dashboard_payment_capture_page": Permission.PAYMENTS_WRITE,
    "dashboard_payment_capture": Permission.PAYMENTS_WRITE,
    "dashboard_payment_cancel_page": Permission.PAYMENTS_WRITE,
    "dashboard_payment_cancel": Permission.PAYMENTS_WRITE,
    "dashboard_payment_recheck": Permission.PAYMENTS_WRITE,
    "dashboard_payment_refund_page": Permission.PAYMENTS_WRITE,
    "dashboard_payment_refund": Permission.PAYMENTS_WRITE,
    "dashboard_links": Permission.PAYMENTS_READ,
    "dashboard_link_new": Permission.PAYMENTS_WRITE,
    "dashboard_link_create": Permission.PAYMENTS_WRITE,
    "dashboard_link": Permission.PAYMENTS_READ,
    "dashboard_link_resend_page": Permission.PAYMENTS_WRITE,
    "dashboard_link_resend": Permission.PAYMENTS_WRITE,
    "dashboard_link_cancel_page": Permission.PAYMENTS_WRITE,
    "dashboard_link_cancel": Permission.PAYMENTS_WRITE,
    "dashboard_customers": Permission.PAYMENTS_READ,
    "dashboard_customers_search": Permission.PAYMENTS_READ,
    "dashboard_customer": Permission.PAYMENTS_READ,
    "dashboard_customer_erase_page": Permission.CUSTOMERS_ERASE,
    "dashboard_customer_erase": Permission.CUSTOMERS_ERASE,
    "dashboard_refunds": Permission.PAYMENTS_READ,
    "dashboard_refund": Permission.PAYMENTS_READ,
    "dashboard_refund_cancel_page": Permission.PAYMENTS_WRITE,
    "dashboard_refund_cancel": Permission.PAYMENTS_WRITE,
    "dashboard_settlements": Permission.PAYMENTS_READ,
    "dashboard_settlement": Permission.PAYMENTS_READ,
    "dashboard_settlement_reconcile": Permission.PAYMENTS_WRITE,
    "dashboard_disputes": Permission.PAYMENTS_READ,
    "dashboard_dispute": Permission.PAYMENTS_READ,
    "dashboard_dispute_accept_page": Permission.PAYMENTS_WRITE,
    "dashboard_dispute_accept": Permission.PAYMENTS_WRITE,
    "dashboard_dispute_contest_page": Permission.PAYMENTS_WRITE,
    "dashboard_dispute_contest": Permission.PAYMENTS_WRITE,
    "dashboard_dispute_document_add": Permission.PAYMENTS_WRITE,
    "dashboard_dispute_document_remove": Permission.PAYMENTS_WRITE,
    "dashboard_dispute_submit_page": Permission.PAYMENTS_WRITE,
    "dashboard_dispute_submit": Permission.PAYMENTS_WRITE,
    "dashboard_suspense_list": Permission.PAYMENTS_READ,
    "dashboard_suspense": Permission.PAYMENTS_READ,
    "dashboard_suspense_place_page": Permission.SUSPENSE_WRITE,
    "dashboard_suspense_place": Permission.SUSPENSE_WRITE,
    "dashboard_suspense_return_page": Permission.SUSPENSE_WRITE,
    "dashboard_suspense_return": Permission.SUSPENSE_WRITE,
    "dashboard_ledger": Permission.PAYMENTS_READ,
    "dashboard_ledger_entries": Permission.PAYMENTS_READ,
    "dashboard_ledger_entry": Permission.PAYMENTS_READ,
    "dashboard_events": Permission.EVENTS_READ,
    "dashboard_event": Permission.EVENTS_READ,
    "dashboard_event_replay_page": Permission.EVENTS_REPLAY,
    "dashboard_event_replay": Permission.EVENTS_REPLAY,
    "dashboard_webhooks": Permission.EVENTS_READ,
    "dashboard_webhook_create": Permission.WEBHOOKS_WRITE,
    "dashboard_webhook": Permission.EVENTS_READ,
    "dashboard_webhook_change_page": Permission.WEBHOOKS_WRITE,
    "dashboard_webhook_change": Permission.WEBHOOKS_WRITE,
    "dashboard_webhook_test": Permission.WEBHOOKS_WRITE,
    "dashboard_webhook_enable": Permission.WEBHOOKS_WRITE,
    "dashboard_webhook_disable_page": Permission.WEBHOOKS_WRITE,
    "dashboard_webhook_disable": Permission.WEBHOOKS_WRITE,
    "dashboard_webhook_rotate_page": Permission.WEBHOOKS_WRITE,
    "dashboard_webhook_rotate": Permission.WEBHOOKS_WRITE,
    "dashboard_webhook_delete_page": Permission.WEBHOOKS_WRITE,
    "dashboard_webhook_delete": Permission.WEBHOOKS_WRITE,
    "dashboard_webhook_replay_page": Permission.WEBHOOKS_WRITE,
    "dashboard_webhook_replay": Permission.WEBHOOKS_WRITE,
    "dashboard_delivery": Permission.EVENTS_READ,
    "dashboard_delivery_resend_page": Permission.WEBHOOKS_WRITE,
    "dashboard_delivery_resend": Permission.WEBHOOKS_WRITE,
    "dashboard_notices": Permission.EVENTS_READ,
    "dashboard_notice": Permission.EVENTS_READ,
    "dashboard_keys": Permission.KEYS_READ,
    "dashboard_key_create": Permission.KEYS_WRITE,
    "dashboard_key_revoke_page": Permission.KEYS_WRITE,
    "dashboard_key_revoke": Permission.KEYS_WRITE,
    "dashboard_team": Permission.USERS_READ,
    "dashboard_member_create": Permission.USERS_WRITE,
    "dashboard_member": Permission.USERS_READ,
    "dashboard_member_update": Permission.USERS_WRITE,
    "dashboard_account": Access.USER,
    "dashboard_account_name": Access.USER,
    "dashboard_account_password": Access.USER,
    "dashboard_sessions_end_others": Access.USER,
    "dashboard_session_end": Access.USER,
    "dashboard_settings": Permission.MERCHANT_READ,
    "dashboard_settings_update": Permission.MERCHANT_WRITE,
    "dashboard_settings_notices": Permission.MERCHANT_WRITE,
    "dashboard_processor_connect": Permission.MERCHANT_WRITE,
    "dashboard_webhook_secret_page": Permission.MERCHANT_WRITE,
    "dashboard_webhook_secret_rotate": Permission.MERCHANT_WRITE,
    "dashboard_system": Permission.AUDIT_READ,
}
"""Every page for people, and who may see it: the same rules, another door. Pages are not in the API's description."""


def need_of(operation_id: str) -> Access | Permission | None:
    """Return what an operation or a page asks of its caller; None when the tables do not know it."""
    return ROUTES.get(operation_id) or PAGES.get(operation_id)


def is_public(operation_id: str) -> bool:
    """Tell whether an operation needs no credentials."""
    return ROUTES.get(operation_id) in {Access.PUBLIC, Access.OPTIONAL}


def check_routes(app: FastAPI) -> None:
    """Check that every documented operation, and every page, is in its table.

    Raises:
        RuntimeError: names those that are not; the application does not start with them.
    """
    routes = [context.original_route for context in iter_route_contexts(app.routes)]
    missing = sorted(
        str(route.operation_id) for route in routes if isinstance(route, APIRoute) and not _is_known(route)
    )
    if missing:
        message = f"no entry in the permission table (app/auth/access.py) for: {', '.join(missing)}"
        raise RuntimeError(message)


def _is_known(route: APIRoute) -> bool:
    """Tell whether the table says who may; what has no operation id is a file about the API, open to everybody."""
    if route.include_in_schema:
        return route.operation_id in ROUTES
    return route.operation_id is None or route.operation_id in ROUTES or route.operation_id in PAGES
