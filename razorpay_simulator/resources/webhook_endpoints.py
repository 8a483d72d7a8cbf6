"""Webhook endpoints: `/v1/webhooks` (razorpay.md section 9.5)."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from razorpay_simulator import validation
from razorpay_simulator.calls import Call, Route
from razorpay_simulator.errors import bad_request, unknown_id
from razorpay_simulator.paging import collection
from razorpay_simulator.webhooks.models import Endpoint

MAX_ENDPOINTS = 30
_MAX_URL_LENGTH = 255
_REFUSED_DOMAINS = (
    "requestbin.com",
    "webhook.site",
    "hookbin.com",
    "beeceptor.com",
    "mockbin.org",
    "ngrok.io",
    "loca.lt",
    "interact.sh",
    "burpcollaborator.net",
    "oast.pro",
    "canarytokens.com",
    "metadata.google.internal",
)


def create_endpoint(call: Call) -> Any:
    """Register a URL for some events."""
    body = call.body
    validation.require(body, ["url", "events"])
    url = checked_url(call, body)
    mailbox = call.account.mailbox
    if len(mailbox.endpoints) >= MAX_ENDPOINTS:
        raise bad_request(f"You can have at most {MAX_ENDPOINTS} webhooks.")
    now = call.world.clock.seconds()
    is_active = validation.flag(body, "active")
    endpoint = Endpoint(
        id=call.world.ids.bare(),
        account_id=call.account.id,
        url=url,
        secret=validation.text(body, "secret", longest=255) or "",
        events=event_names(body["events"]),
        is_active=is_active is not False,
        created_at=now,
        updated_at=now,
        alert_email=validation.text(body, "alert_email", longest=255),
    )
    mailbox.endpoints[endpoint.id] = endpoint
    return endpoint.to_wire()


def list_endpoints(call: Call) -> Any:
    """List the endpoints, newest first."""
    return collection([endpoint.to_wire() for endpoint in reversed(call.account.mailbox.endpoints.values())])


def get_endpoint(call: Call) -> Any:
    """Return one endpoint."""
    endpoint = call.account.mailbox.endpoints.get(call.path_params["id"])
    if endpoint is None:
        raise unknown_id()
    return endpoint.to_wire()


def checked_url(call: Call, body: dict[str, Any]) -> str:
    """Return the URL to deliver to. Raises ApiError when it is none, or not allowed."""
    url = validation.text(body, "url", longest=_MAX_URL_LENGTH) or ""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _invalid_url() from None
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or not host:
        raise _invalid_url()
    if call.world.config.refuse_private_urls:
        _refuse_private(host, port)
    return url


def _invalid_url() -> Exception:
    return bad_request("The url format is invalid.", field="url")


def _refuse_private(host: str, port: int | None) -> None:
    if port not in {None, 80, 443}:
        raise bad_request("Only the ports 80 and 443 are allowed.", field="url")
    if any(host == domain or host.endswith(f".{domain}") for domain in _REFUSED_DOMAINS):
        raise bad_request("The domain of the url is not allowed.", field="url")
    try:
        is_private = not ipaddress.ip_address(host).is_global
    except ValueError:
        is_private = host == "localhost" or host.endswith(".localhost")
    if is_private:
        raise bad_request("private ip found for host", field="url")


def event_names(given: Any) -> tuple[str, ...]:
    """Return the names out of a list, or out of an object whose values say yes. Raises ApiError."""
    if isinstance(given, dict):
        return tuple(str(name) for name, wanted in given.items() if str(wanted).lower() in {"1", "true"})
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return tuple(given)
    raise bad_request("The events must be an array.", field="events")


ROUTES = (
    Route("POST", "/v1/webhooks", create_endpoint),
    Route("GET", "/v1/webhooks", list_endpoints),
    Route("GET", "/v1/webhooks/{id}", get_endpoint),
)
