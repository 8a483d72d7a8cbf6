"""The merchant's settings: name, money that comes late or too often, the processor's keys, the webhook's secret."""

import re

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.confirming import Question, ask, carry_out
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.revealing import Made, reveal
from app.dashboard.route import DashboardRoute
from app.kit.errors import Problem
from app.tenants.models import LatePayments, SurplusPayments
from app.tenants.service import mode_of_key

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/settings")

_PAGE = f"{HOME}/settings"
_NAME_LENGTH = 120
_KEY_ID = re.compile(r"rzp_(test|live)_[A-Za-z0-9]{4,64}")
_KEY_SECRET = re.compile(r"[\x21-\x7e]{8,256}")
LATE = (
    (LatePayments.ACCEPT.value, "Take it: the payment is completed"),
    (LatePayments.SUSPENSE.value, "Hold it until somebody decides"),
    (LatePayments.REFUND.value, "Give it back by itself"),
)
SURPLUS = (
    (SurplusPayments.REFUND.value, "Give it back by itself"),
    (SurplusPayments.HOLD.value, "Hold it until somebody decides"),
)


@router.get("")
async def dashboard_settings(request: Request) -> Response:
    """Show the settings."""
    return await _show(desk_of(request))


@router.post("")
async def dashboard_settings_update(request: Request) -> Response:
    """Change the name, and what happens to money that nobody expects."""
    desk, form = desk_of(request), desk_of(request).form
    name, late, surplus = (form.get(field, "").strip() for field in ("name", "late_payments", "surplus_payments"))
    if not 0 < len(name) <= _NAME_LENGTH:
        return await _show(desk, errors={"name": "Write the merchant's name."})

    async def deed() -> object:
        return await desk.door.merchants.update_merchant(
            desk.scope,
            actor=desk.actor,
            name=name,
            late_payments=LatePayments(late) if late in set(LatePayments) else None,
            surplus_payments=SurplusPayments(surplus) if surplus in set(SurplusPayments) else None,
        )

    return await carry_out(desk, deed, back=_PAGE, notice="settings_changed")


@router.post("/processor")
async def dashboard_processor_connect(request: Request) -> Response:
    """Store the processor's key pair of the mode that is looked at; the secret is sealed and never shown again."""
    desk, form = desk_of(request), desk_of(request).form
    key_id, secret = form.get("key_id", "").strip(), form.get("key_secret", "").strip()
    errors: dict[str, str] = {}
    if _KEY_ID.fullmatch(key_id) is None:
        errors["key_id"] = "A key id begins with rzp_test_ or rzp_live_."
    elif mode_of_key(key_id) is not desk.scope.mode:
        errors["key_id"] = "This key is of the other mode; switch the mode above first."
    if _KEY_SECRET.fullmatch(secret) is None:
        errors |= {"key_secret": "Paste the secret that the processor showed with the key."}
    if errors:
        return await _show(desk, errors=errors, key_id=key_id[:_NAME_LENGTH])

    async def deed() -> object:
        return await desk.door.merchants.connect_processor(
            desk.scope, actor=desk.actor, key_id=key_id, key_secret=secret, gateway_account_id=None
        )

    return await carry_out(desk, deed, back=_PAGE, notice="processor_connected")


@router.get("/webhook-secret")
async def dashboard_webhook_secret_page(request: Request) -> Response:
    """Ask whether to make a new secret."""
    question = Question(
        title="Make a new webhook secret?",
        says=[
            "It is shown once. Register it at the processor right after.",
            "Events that are signed with the present one are taken for eight more days.",
        ],
        button="Make a new secret",
        back=_PAGE,
    )
    return await ask(desk_of(request), question)


@router.post("/webhook-secret")
async def dashboard_webhook_secret_rotate(request: Request) -> Response:
    """Make a new secret and show it: this once."""
    desk = desk_of(request)
    try:
        secret = await desk.door.merchants.rotate_webhook_secret(desk.scope, actor=desk.actor)
    except Problem as problem:
        return desk.refused(_PAGE, problem)
    made = Made(
        title="The new webhook secret",
        says="The secret is shown this once. Register it at the processor for the address below.",
        copied=[("Secret", secret), ("Address", _address(desk))],
        back=_PAGE,
    )
    return await reveal(desk, made)


async def _show(desk: Desk, *, errors: dict[str, str] | None = None, key_id: str = "") -> Response:
    merchant = await desk.door.merchants.get_merchant(desk.principal.tenant)
    return await desk.show(
        "settings.html",
        status=422 if errors else 200,
        account=merchant.accounts.get(desk.scope.mode),
        address=_address(desk),
        late=LATE,
        surplus=SURPLUS,
        errors=errors or {},
        key_id=key_id,
    )


def _address(desk: Desk) -> str:
    return f"{desk.door.pages.origin}/api/v1/webhooks/razorpay/{desk.principal.tenant}"
