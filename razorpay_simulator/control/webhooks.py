"""How deliveries go wrong, what was announced, and who got it."""

from typing import Any

from razorpay_simulator.control.commands import ACCOUNT_FIELDS, Command, ControlCall
from razorpay_simulator.errors import bad_request, unknown_id
from razorpay_simulator.resources.webhook_endpoints import event_names
from razorpay_simulator.webhooks.models import Mode, Secret

_MODE_FIELDS = frozenset(Mode().to_wire())
_ENDPOINT_FIELDS = frozenset({"secret", "active", "events"})


async def show_mode(call: ControlCall) -> Any:
    """Return how an account's deliveries go wrong."""
    return call.account().mailbox.mode.to_wire()


async def set_mode(call: ControlCall) -> Any:
    """Set how an account's deliveries go wrong; fields that aren't given are good again."""
    drop, events = call.body.get("drop", 0.0), call.body.get("drop_events", [])
    if isinstance(drop, list):
        drop, events = 0.0, drop
    try:
        secret = Secret(call.text("secret") or Secret.CURRENT)
    except ValueError:
        raise bad_request(f"secret must be one of {', '.join(Secret)}.", field="secret") from None
    mode = Mode(
        duplicate=call.whole("duplicate", 0),
        reorder=_chance("reorder", call.body.get("reorder", 0.0)),
        reorder_seconds=call.number("reorder_seconds", 0.5),
        drop=_chance("drop", drop),
        drop_events=event_names(events),
        delay_seconds=call.number("delay_seconds", 0.0),
        escaped_slashes=call.flag("escaped_slashes"),
        escaped_unicode=call.flag("escaped_unicode"),
        alphabetical_keys=call.flag("alphabetical_keys"),
        secret=secret,
        seed=call.whole("seed", call.world.config.seed),
    )
    call.account().mailbox.mode = mode
    return mode.to_wire()


def _chance(name: str, value: Any) -> float:
    if value is True:
        return 1.0
    if value is False:
        return 0.0
    if isinstance(value, (int, float)) and 0 <= value <= 1:
        return float(value)
    raise bad_request(f"{name} must be true, false or a probability.", field=name)


async def list_events(call: ControlCall) -> Any:
    """List what was announced, oldest first."""
    name = call.query.get("event")
    events = [event for event in call.account().mailbox.events if name in {None, event.name}]
    return {"items": [event.to_wire() for event in events]}


async def list_deliveries(call: ControlCall) -> Any:
    """List the tries to hand events over, oldest first."""
    wanted = call.query.get("event_id")
    deliveries = [known for known in call.account().mailbox.deliveries if wanted in {None, known.event_id}]
    return {"items": [delivery.to_wire() for delivery in deliveries]}


async def redeliver(call: ControlCall) -> Any:
    """Send an event again, with the same id and bytes."""
    for account in call.world.accounts.values():
        for event in account.mailbox.events:
            if event.id == call.params["event_id"]:
                return {"endpoints": call.world.webhooks.redeliver(account.mailbox, event)}
    raise unknown_id()


async def change_endpoint(call: ControlCall) -> Any:
    """Change an endpoint as from the dashboard: a new secret, off, on again."""
    endpoint = next(
        (
            account.mailbox.endpoints[call.params["endpoint_id"]]
            for account in call.world.accounts.values()
            if call.params["endpoint_id"] in account.mailbox.endpoints
        ),
        None,
    )
    if endpoint is None:
        raise unknown_id()
    secret = call.text("secret")
    if secret is not None:
        endpoint.previous_secret, endpoint.secret = endpoint.secret, secret
    if "active" in call.body:
        endpoint.is_active = call.flag("active")
        endpoint.disabled_at = 0 if endpoint.is_active else call.world.clock.seconds()
        endpoint.failing_since = None
    if "events" in call.body:
        endpoint.events = event_names(call.body["events"])
    endpoint.updated_at = call.world.clock.seconds()
    return endpoint.to_wire()


COMMANDS = (
    Command(method="GET", path="/webhooks/mode", handler=show_mode, summary="How an account's deliveries go wrong."),
    Command(
        method="PUT",
        path="/webhooks/mode",
        handler=set_mode,
        summary="Duplicates, reorders, drops, delays or rewrites deliveries, or signs them with another secret.",
        fields=ACCOUNT_FIELDS | _MODE_FIELDS,
    ),
    Command(method="GET", path="/webhooks/events", handler=list_events, summary="What was announced; query: event."),
    Command(
        method="GET",
        path="/webhooks/deliveries",
        handler=list_deliveries,
        summary="Who got what and when; query: event_id.",
    ),
    Command(
        method="POST",
        path="/webhooks/events/{event_id}/redeliver",
        handler=redeliver,
        summary="Sends an event again, with the same id and bytes.",
    ),
    Command(
        method="PUT",
        path="/webhooks/endpoints/{endpoint_id}",
        handler=change_endpoint,
        summary="Changes an endpoint as from the dashboard.",
        fields=_ENDPOINT_FIELDS,
    ),
)
