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
    "audit_list": Permission.AUDIT_READ,
    "audit_verify": Permission.AUDIT_READ,
    "payments_create": Permission.PAYMENTS_WRITE,
    "payments_list": Permission.PAYMENTS_READ,
    "payments_get": Permission.PAYMENTS_READ,
    "payments_verify": Permission.PAYMENTS_WRITE,
    "payments_capture": Permission.PAYMENTS_WRITE,
    "payments_cancel": Permission.PAYMENTS_WRITE,
    "payments_recheck": Permission.PAYMENTS_WRITE,
    "suspense_list": Permission.PAYMENTS_READ,
    "events_list": Permission.EVENTS_READ,
    "events_get": Permission.EVENTS_READ,
    "events_replay": Permission.EVENTS_REPLAY,
}


def is_public(operation_id: str) -> bool:
    """Tell whether an operation needs no credentials."""
    return ROUTES.get(operation_id) in {Access.PUBLIC, Access.OPTIONAL}


def check_routes(app: FastAPI) -> None:
    """Check that every documented operation is in the table.

    Raises:
        RuntimeError: names those that are not; the application does not start with them.
    """
    routes = [context.original_route for context in iter_route_contexts(app.routes)]
    missing = sorted(
        str(route.operation_id)
        for route in routes
        if isinstance(route, APIRoute) and route.include_in_schema and route.operation_id not in ROUTES
    )
    if missing:
        message = f"no entry in the permission table (app/auth/access.py) for: {', '.join(missing)}"
        raise RuntimeError(message)
