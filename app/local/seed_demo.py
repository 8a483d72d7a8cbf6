"""The demo account of `make run`: a merchant with an API key, whose webhook the simulator knows.

It is made through the same services as any other; its password and key are made anew in each data folder and kept
there, readable by its owner alone, because the database stores only digests.
"""

import json
import secrets
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from app.audit.models import Actor
from app.auth.models import KEY_SCOPES, Role
from app.auth.service import NewUser
from app.config import SIMULATOR_KEY_SECRET, Settings
from app.kit.scope import Mode, Scope
from app.local.demo import EVENTS
from app.tenants.channels import Channel
from app.tenants.models import NoticeChange
from app.web.principal import Principal, SubjectKind
from app.wiring import Wiring, wire

EMAIL = "demo@example.com"
_FILE = "demo-account.json"
_log = structlog.get_logger("app.local")


async def seed_demo(settings: Settings) -> dict[str, Any]:
    """Return the demo account's facts; make what is missing of it. Running it again changes nothing."""
    wiring = wire(settings)
    try:
        await wiring.start()
        return await _account(wiring, settings)
    finally:
        await wiring.close()


async def _account(wiring: Wiring, settings: Settings) -> dict[str, Any]:
    file = settings.data_dir / _FILE
    kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    user = await wiring.accounts.users.find_by_email(EMAIL)
    made_now = user is None
    if user is None:
        kept = {"email": EMAIL, "password": secrets.token_urlsafe(12)}
        new = NewUser(email=EMAIL, password=kept["password"], full_name="Demo Owner")
        user = await wiring.accounts.sign_up(new, merchant_name="Demo Merchant")
    if user is None:
        message = "the demo account could not be made"
        raise RuntimeError(message)
    if made_now and wiring.merchants.channels.has(Channel.EMAIL):
        # Off for everybody else; whoever looks around here shall see what there is.
        actor = Actor(kind=SubjectKind.USER.value, id=user.id)
        scope = Scope(user.tenant, Mode.TEST)
        await wiring.merchants.update_merchant(scope, actor=actor, notices=NoticeChange(email_receipts=True))
    principal = Principal(
        tenant=user.tenant,
        mode=Mode.TEST,
        subject_id=user.id,
        subject_kind=SubjectKind.USER,
        user_id=user.id,
        permissions=frozenset(KEY_SCOPES),
        role=Role.OWNER.value,
    )
    if "key_id" not in kept:
        made = await wiring.api_keys.create_key(principal, name="demo", mode=Mode.TEST, scopes=None)
        kept |= {"email": EMAIL, "key_id": made.key.id, "key_secret": made.secret}
    kept["merchant_id"] = user.tenant
    _keep(file, kept)
    if settings.uses_simulator:
        secret = await wiring.merchants.reveal_webhook_secret(Scope(user.tenant, Mode.TEST))
        await _register_webhook(settings, merchant=user.tenant, secret=secret)
    return kept


def _keep(file: Path, facts: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(facts, indent=2), encoding="utf-8")


async def _register_webhook(settings: Settings, *, merchant: str, secret: str) -> None:
    """Tell the simulator where events go: it forgets everything when it stops, so each start says it again."""
    url = f"http://127.0.0.1:{settings.port}/api/v1/webhooks/razorpay/{merchant}"
    body = {"url": url, "secret": secret, "events": list(EVENTS), "active": True}
    headers = {"Authorization": aiohttp.encode_basic_auth(settings.razorpay_key_id, SIMULATOR_KEY_SECRET)}
    try:
        async with (
            aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.post(f"{settings.processor_url}/v1/webhooks", json=body) as answer,
        ):
            answer.raise_for_status()
    except aiohttp.ClientError as error:
        _log.warning("webhook_not_registered", error=type(error).__name__)
