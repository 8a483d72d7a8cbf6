"""What can go wrong with outgoing webhooks, each with its permanent code."""

from app.kit.errors import Kind, Problem


class WebhookEndpointNotFound(Problem):
    """No such endpoint in this scope; another merchant's looks the same (S13)."""

    code = "webhook_endpoint_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no webhook endpoint with this id."


class WebhookDeliveryNotFound(Problem):
    """No such delivery in this scope; another merchant's looks the same (S13)."""

    code = "webhook_delivery_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no webhook delivery with this id."


class WebhookUrlRefused(Problem):
    """We do not call this address."""

    code = "webhook_url_refused"
    kind = Kind.INVALID
    message = "This address can't get events: it must be HTTPS on a public host; `details.reason` says what is wrong."


class TooManyWebhookEndpoints(Problem):
    """There must be an end: every event is written once for each endpoint."""

    code = "too_many_webhook_endpoints"
    kind = Kind.CONFLICT
    message = "There are too many webhook endpoints; delete one first."


class WebhookEndpointDisabled(Problem):
    """A disabled endpoint gets nothing, so nothing is queued for it."""

    code = "webhook_endpoint_disabled"
    kind = Kind.CONFLICT
    message = "This webhook endpoint is disabled; enable it first."


class WebhookDeliveryPending(Problem):
    """It is on its way already."""

    code = "webhook_delivery_pending"
    kind = Kind.CONFLICT
    message = "This delivery has not ended yet; it is tried again by itself."
