"""What may be done with an endpoint and its deliveries: try it, pause it, a new secret, delete it, send again."""

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.confirming import Question, ask, carry_out
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.listing import day_of
from app.dashboard.revealing import reveal
from app.dashboard.route import DashboardRoute
from app.dashboard.webhooks import made_of, page_of
from app.kit.errors import Problem
from app.pages.times import ZONE_COOKIE, zone_of
from app.webhooks.models import Delivery, Endpoint, EndpointState
from app.webhooks.service import EndpointChange

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/webhooks")


@router.post("/{endpoint_id}/test")
async def dashboard_webhook_test(endpoint_id: str, request: Request) -> Response:
    """Send a test event."""
    desk = desk_of(request)
    known = await desk.door.endpoints.get_endpoint(desk.scope, endpoint_id)

    async def deed() -> object:
        return await desk.door.deliveries.send_test(desk.scope, known.id)

    return await carry_out(desk, deed, back=page_of(known.id), notice="test_sent")


@router.post("/{endpoint_id}/enable")
async def dashboard_webhook_enable(endpoint_id: str, request: Request) -> Response:
    """Let an endpoint be told again."""
    desk = desk_of(request)
    known = await desk.door.endpoints.get_endpoint(desk.scope, endpoint_id)
    return await _turn(desk, known, EndpointState.ENABLED, notice="webhook_enabled")


@router.get("/{endpoint_id}/disable")
async def dashboard_webhook_disable_page(endpoint_id: str, request: Request) -> Response:
    """Ask whether to pause it."""
    desk = desk_of(request)
    endpoint = await desk.door.endpoints.get_endpoint(desk.scope, endpoint_id)
    question = Question(
        title="Disable this endpoint?",
        says=[
            "It is told nothing until it is enabled again. What waits for it now is sent then.",
            "What happens in between is never sent to it.",
        ],
        button="Disable it",
        back=page_of(endpoint.id),
        tone="danger",
        facts=_facts(endpoint),
    )
    return await ask(desk, question)


@router.post("/{endpoint_id}/disable")
async def dashboard_webhook_disable(endpoint_id: str, request: Request) -> Response:
    """Pause an endpoint."""
    desk = desk_of(request)
    known = await desk.door.endpoints.get_endpoint(desk.scope, endpoint_id)
    return await _turn(desk, known, EndpointState.DISABLED, notice="webhook_disabled")


@router.get("/{endpoint_id}/rotate-secret")
async def dashboard_webhook_rotate_page(endpoint_id: str, request: Request) -> Response:
    """Ask whether to make a new secret."""
    desk = desk_of(request)
    endpoint = await desk.door.endpoints.get_endpoint(desk.scope, endpoint_id)
    question = Question(
        title="Make a new signing secret?",
        says=["It is shown once. For a day, deliveries carry the signatures of both, so nothing is missed."],
        button="Make a new secret",
        back=page_of(endpoint.id),
        facts=_facts(endpoint),
    )
    return await ask(desk, question)


@router.post("/{endpoint_id}/rotate-secret")
async def dashboard_webhook_rotate(endpoint_id: str, request: Request) -> Response:
    """Make a new signing secret and show it: this once."""
    desk = desk_of(request)
    known = await desk.door.endpoints.get_endpoint(desk.scope, endpoint_id)
    secret = await desk.door.endpoints.rotate_secret(desk.scope, known.id, actor=desk.actor)
    return await reveal(desk, made_of(known, secret, title="The new signing secret"))


@router.get("/{endpoint_id}/delete")
async def dashboard_webhook_delete_page(endpoint_id: str, request: Request) -> Response:
    """Ask whether to delete it."""
    desk = desk_of(request)
    endpoint = await desk.door.endpoints.get_endpoint(desk.scope, endpoint_id)
    question = Question(
        title="Delete this endpoint?",
        says=["It is told nothing any more, and what waits for it is dropped. This can't be taken back."],
        button="Delete the endpoint",
        back=page_of(endpoint.id),
        tone="danger",
        facts=_facts(endpoint),
    )
    return await ask(desk, question)


@router.post("/{endpoint_id}/delete")
async def dashboard_webhook_delete(endpoint_id: str, request: Request) -> Response:
    """Delete an endpoint and what waits for it."""
    desk = desk_of(request)
    known = await desk.door.endpoints.get_endpoint(desk.scope, endpoint_id)
    await desk.door.endpoints.delete_endpoint(desk.scope, known.id, actor=desk.actor)
    return desk.done(f"{HOME}/webhooks", "webhook_deleted")


@router.get("/{endpoint_id}/replay")
async def dashboard_webhook_replay_page(endpoint_id: str, request: Request) -> Response:
    """Ask which days' events to send again."""
    desk = desk_of(request)
    return await _ask_replay(desk, await desk.door.endpoints.get_endpoint(desk.scope, endpoint_id))


@router.post("/{endpoint_id}/replay")
async def dashboard_webhook_replay(endpoint_id: str, request: Request) -> Response:
    """Send again what was to come in a span of days, such as an outage of the receiver's."""
    desk = desk_of(request)
    known = await desk.door.endpoints.get_endpoint(desk.scope, endpoint_id)
    zone = zone_of(request.cookies.get(ZONE_COOKIE))
    since, last = (day_of(desk.form, name, zone) for name in ("from", "until"))
    if since is None or last is None or last < since:
        return await _ask_replay(desk, known, errors={"until": "Choose two days, the first before the last."})
    try:
        count = await desk.door.deliveries.replay(
            desk.scope,
            known.id,
            since=since,
            before=last + timedelta(days=1),
            parked_only=not desk.form.get("delivered_too"),
        )
    except Problem as problem:
        return desk.refused(page_of(known.id), problem)
    if not count:
        return await _ask_replay(desk, known, errors={"until": "There is nothing to send again of these days."})
    return desk.done(page_of(known.id), "deliveries_replayed")


@router.get("/deliveries/{delivery_id}/resend")
async def dashboard_delivery_resend_page(delivery_id: str, request: Request) -> Response:
    """Ask whether to send it again."""
    desk = desk_of(request)
    delivery = await desk.door.deliveries.get_delivery(desk.scope, delivery_id)
    question = Question(
        title="Send this again?",
        says=[
            "It goes out at once, with a fresh set of tries, under the same id: your receiver tells a repetition by it."
        ],
        button="Send it again",
        back=_delivery_page(delivery),
        facts=[("Event", delivery.name), ("Message", delivery.message_id)],
    )
    return await ask(desk, question)


@router.post("/deliveries/{delivery_id}/resend")
async def dashboard_delivery_resend(delivery_id: str, request: Request) -> Response:
    """Queue an ended delivery again."""
    desk = desk_of(request)
    known = await desk.door.deliveries.get_delivery(desk.scope, delivery_id)

    async def deed() -> object:
        return await desk.door.deliveries.resend(desk.scope, known.id)

    return await carry_out(desk, deed, back=_delivery_page(known), notice="delivery_resent")


async def _turn(desk: Desk, endpoint: Endpoint, state: EndpointState, *, notice: str) -> Response:
    async def deed() -> object:
        change = EndpointChange(state=state)
        return await desk.door.endpoints.update_endpoint(desk.scope, endpoint.id, change, actor=desk.actor)

    return await carry_out(desk, deed, back=page_of(endpoint.id), notice=notice)


async def _ask_replay(desk: Desk, endpoint: Endpoint, *, errors: dict[str, str] | None = None) -> Response:
    form = desk.form if errors else {}
    question = Question(
        title="Replay events?",
        says=[
            "What happened on these days, both included, and was given up on goes out once more, under the same ids."
        ],
        button="Replay",
        back=page_of(endpoint.id),
        facts=_facts(endpoint),
        fields=("days", "delivered_too"),
        values={name: form.get(name, "") for name in ("from", "until", "delivered_too")},
        errors=errors or {},
    )
    return await ask(desk, question, status=422 if errors else 200)


def _facts(endpoint: Endpoint) -> list[tuple[str, str]]:
    return [("Address", endpoint.url), ("Endpoint", endpoint.id)]


def _delivery_page(delivery: Delivery) -> str:
    return f"{HOME}/webhooks/deliveries/{delivery.id}"
