"""The merchant's settings: name, unexpected money, mail and SMS, the processor's keys, the webhook's secret."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.confirming import Question, ask, carry_out
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.revealing import Made, reveal
from app.dashboard.route import DashboardRoute
from app.kit.errors import Problem
from app.tenants.channels import Channel, Channels
from app.tenants.models import Language, LatePayments, Merchant, NoticeChange, SurplusPayments
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
LANGUAGES = ((Language.ENGLISH.value, "English"), (Language.HINDI.value, "Hindi"))
NO_CARRIER = {
    Channel.EMAIL: "Nothing is sent: this service has no carrier for e-mail. Whoever runs it sets MAIL_URL.",
    Channel.SMS: "Nothing is sent: this service has no carrier for SMS. Whoever runs it sets SMS_URL.",
}
_SWITCHES = (
    (
        "team", Channel.EMAIL, "Mail owners and admins what needs them",
        "Disputes, money that waits for a decision, and webhook endpoints that miss events.",
    ),
    (
        "email_receipts", Channel.EMAIL, "Mail receipts to customers",
        "When a payment was received, and when a refund has gone back.",
    ),
    (
        "sms_receipts", Channel.SMS, "Send receipts to customers by SMS",
        "The same, by SMS. Whoever runs this service pays for each.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Switch:
    """A sort of notices that is sent or not; where nobody carries it, the hint says so."""

    name: str
    label: str
    hint: str
    is_on: bool
    has_carrier: bool


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


@router.post("/notices")
async def dashboard_settings_notices(request: Request) -> Response:
    """Change which mails and SMS are sent; a switch that nobody could touch stays as it is."""
    desk, form = desk_of(request), desk_of(request).form
    channels, language = desk.door.merchants.channels, form.get("language", "")
    wanted = {name: form.get(name) == "yes" for name, channel, *_ in _SWITCHES if channels.has(channel)}
    change = NoticeChange(**wanted, language=Language(language) if language in set(Language) else None)

    async def deed() -> object:
        return await desk.door.merchants.update_merchant(desk.scope, actor=desk.actor, notices=change)

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
        switches=_switches(merchant, desk.door.merchants.channels),
        languages=LANGUAGES,
        errors=errors or {},
        key_id=key_id,
    )


def _switches(merchant: Merchant, channels: Channels) -> Sequence[Switch]:
    return [
        Switch(
            name=name,
            label=label,
            hint=hint if channels.has(channel) else NO_CARRIER[channel],
            is_on=getattr(merchant.notices, name),
            has_carrier=channels.has(channel),
        )
        for name, channel, label, hint in _SWITCHES
    ]


def _address(desk: Desk) -> str:
    return f"{desk.door.pages.origin}/api/v1/webhooks/razorpay/{desk.principal.tenant}"
