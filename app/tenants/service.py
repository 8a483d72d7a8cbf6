"""The verbs of merchants: their settings, their processor account, their webhook secrets."""

import math
import secrets as randomness
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.audit.service import Actor, Audit
from app.database import Session
from app.kit.cache import TtlCache
from app.kit.clock import Clock
from app.kit.errors import Kind, Problem
from app.kit.ids import Ids, Prefix
from app.kit.scope import Mode, Scope
from app.tenants.channels import Channel, Channels
from app.tenants.models import (
    LatePayments,
    Merchant,
    MoneySettings,
    NoticeChange,
    NoticeSettings,
    ProcessorAccount,
    ProcessorKeys,
    SurplusPayments,
    WebhookSecret,
)
from app.tenants.origins import registrable_origin
from app.tenants.store import MerchantStore
from app.tenants.vault import Vault

FORMER_SECRET_DAYS = 8
"""How long events signed with a former secret are taken: the processor retries old events for a day, people replay
them for longer (B11)."""

MOST_FORMER_SECRETS = 5
"""How many former secrets a mode may have; each one is tried for every event, so there must be an end."""

CACHE_SECONDS = 5.0
_SECRET_BYTES = 24
_TRIES = 20


class MerchantNotFound(Problem):
    """No such merchant."""

    code = "merchant_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no such merchant."


class ProcessorNotConfigured(Problem):
    """The merchant has no processor account in this mode, and the deployment has none to lend."""

    code = "processor_not_configured"
    kind = Kind.CONFLICT
    message = "No processor account is connected for this mode; set one with PUT /api/v1/merchant/processor."


class TooManyWebhookSecrets(Problem):
    """The webhook secret was rotated so often that its former secrets, each good for eight days, are too many."""

    code = "too_many_webhook_secrets"
    kind = Kind.RATE_LIMITED
    message = "The webhook secret was rotated too often; wait until a former one is no longer taken."


class WebhookSecretBusy(Problem):
    """Others kept rotating the webhook secret at the same moment; nothing was changed."""

    code = "webhook_secret_busy"
    kind = Kind.UNAVAILABLE
    message = "The webhook secret is being rotated by others; try again."


@dataclass(frozen=True, slots=True)
class Merchants:
    """Creates and changes merchants, and answers what the hot path asks of them from a cache of seconds."""

    store: MerchantStore
    audit: Audit
    vault: Vault
    clock: Clock
    ids: Ids
    deployment_keys: ProcessorKeys
    deployment_merchant: str
    cache: TtlCache[str, Merchant]
    opened: TtlCache[tuple[str, str], str]
    channels: Channels = field(default_factory=Channels)

    def new_merchant(self, *, name: str, webhook_secret: str | None = None) -> Merchant:
        """Return a merchant to be, with a webhook secret of its own for each mode."""
        now = self.clock.now()
        merchant_id = self.ids.new(Prefix.MERCHANT)
        secrets = {}
        for mode in Mode:
            given = webhook_secret if webhook_secret and mode is self.deployment_keys.mode else _new_secret()
            secrets[mode] = (WebhookSecret(self._sealed_webhook(merchant_id, given)),)
        return Merchant(id=merchant_id, name=name, created_at=now, updated_at=now, webhook_secrets=secrets)

    async def create_merchant(self, merchant: Merchant, *, session: Session | None = None) -> None:
        """Store a merchant that `new_merchant` made."""
        await self.store.insert_merchant(merchant.id, merchant, session=session)

    async def get_merchant(self, tenant: str) -> Merchant:
        """Return a merchant as stored. Raises MerchantNotFound."""
        merchant = await self.store.find_merchant(tenant)
        if merchant is None:
            raise MerchantNotFound
        return merchant

    async def update_merchant(
        self,
        scope: Scope,
        *,
        actor: Actor,
        name: str | None = None,
        late_payments: LatePayments | None = None,
        surplus_payments: SurplusPayments | None = None,
        return_origins: Sequence[str] | None = None,
        notices: NoticeChange | None = None,
    ) -> Merchant:
        """Change the merchant's name or settings. Raises ReturnOriginInvalid, ChannelNotConfigured."""
        if notices is not None and notices.email_receipts:
            self.channels.require(Channel.EMAIL, param="notices.email_receipts")
        if notices is not None and notices.sms_receipts:
            self.channels.require(Channel.SMS, param="notices.sms_receipts")
        origins = None if return_origins is None else tuple(dict.fromkeys(map(registrable_origin, return_origins)))
        before = await self.get_merchant(scope.tenant)
        await self.store.update_merchant(
            scope.tenant,
            at=self.clock.now(),
            name=name,
            late_payments=late_payments,
            surplus_payments=surplus_payments,
            return_origins=origins,
            notices=notices,
        )
        self.cache.drop(scope.tenant)
        after = await self.get_merchant(scope.tenant)
        await self.audit.record(
            scope.tenant,
            actor=actor,
            action="merchant.updated",
            target=scope.tenant,
            before=_settings(before),
            after=_settings(after),
        )
        return after

    async def measure_accounts(self, *, after: str, limit: int) -> list[Scope]:
        """Return the scopes with an account at the processor of up to `limit` merchants behind one, in order.

        A merchant without an account in the deployment's own mode uses the deployment's.
        """
        merchants = await self.store.measure_merchants(after=after, limit=limit)
        return [
            Scope(merchant.id, mode)
            for merchant in merchants
            for mode in sorted({*merchant.accounts, self.deployment_keys.mode})
        ]

    async def connect_processor(
        self, scope: Scope, *, actor: Actor, key_id: str, key_secret: str, gateway_account_id: str | None
    ) -> Merchant:
        """Store the merchant's key pair for the mode that its prefix selects; the secret is sealed."""
        mode = mode_of_key(key_id)
        target = Scope(scope.tenant, mode)
        before = (await self.get_merchant(scope.tenant)).accounts.get(mode)
        sealed = self.vault.seal(key_secret, purpose=f"key:{scope.tenant}:{mode}")
        account = ProcessorAccount(key_id=key_id, sealed_key_secret=sealed, gateway_account_id=gateway_account_id)
        await self.store.set_account(target, account, at=self.clock.now())
        self.cache.drop(scope.tenant)
        await self.audit.record(
            scope.tenant,
            actor=actor,
            action="processor.connected",
            target=mode.value,
            before={"key_id": before.key_id if before else None},
            after={"key_id": key_id},
        )
        return await self.get_merchant(scope.tenant)

    async def rotate_webhook_secret(self, scope: Scope, *, actor: Actor) -> str:
        """Make a new webhook secret for the scope's mode and return it, once; each former one stays valid for days.

        Raises:
            MerchantNotFound.
            TooManyWebhookSecrets: dropping one before its time would refuse genuine events.
            WebhookSecretBusy: others kept rotating.
        """
        secret = _new_secret()
        current = WebhookSecret(self._sealed_webhook(scope.tenant, secret))
        for _ in range(_TRIES):
            now = self.clock.now()
            before = (await self.get_merchant(scope.tenant)).webhook_secrets.get(scope.mode, ())
            if await self.store.replace_webhook_secrets(scope, before, (current, *_former(before, now=now)), at=now):
                break
        else:
            raise WebhookSecretBusy(retry_after_seconds=1)
        self.cache.drop(scope.tenant)
        await self.audit.record(
            scope.tenant, actor=actor, action="webhook_secret.rotated", target=scope.mode.value, before={}, after={}
        )
        return secret

    async def reveal_webhook_secret(self, scope: Scope) -> str:
        """Return the current webhook secret: for the command that makes the demo account, never for the API."""
        secrets = await self.webhook_secrets_of(scope)
        return secrets[0]

    async def keys_of(self, scope: Scope) -> ProcessorKeys:
        """Return the key pair to use: the merchant's, else the deployment's if it is of this mode.

        Raises:
            ProcessorNotConfigured: there is none.
        """
        merchant = await self.find_cached(scope.tenant)
        account = merchant.accounts.get(scope.mode) if merchant else None
        if account is not None:
            secret = self.open_sealed(account.sealed_key_secret, purpose=f"key:{scope.tenant}:{scope.mode}")
            return ProcessorKeys(account.key_id, secret, scope.mode)
        if self.deployment_keys.mode is scope.mode:
            return self.deployment_keys
        raise ProcessorNotConfigured(details={"mode": scope.mode.value})

    async def owns_account(self, scope: Scope) -> bool:
        """Tell whether the account that the scope's calls go to is this merchant's, so that its settlements are too.

        The deployment's account is that of the merchant whom the settings name, else of the only one who uses it. Of
        several who share it without a name nobody owns it: one of them would see the others' money (S13).
        """
        merchant = await self.find_cached(scope.tenant)
        if merchant is None or scope.mode in merchant.accounts or scope.mode is not self.deployment_keys.mode:
            return merchant is not None and scope.mode in merchant.accounts
        if self.deployment_merchant:
            return scope.tenant == self.deployment_merchant
        return await self.store.measure_borrowers(scope.mode, limit=2) == [scope.tenant]

    async def webhook_secrets_of(self, scope: Scope) -> tuple[str, ...]:
        """Return the current webhook secret and those former ones that are still taken; none for a stranger."""
        merchant = await self.find_cached(scope.tenant)
        if merchant is None:
            return ()
        now = self.clock.now()
        return tuple(
            self.open_sealed(secret.sealed, purpose=f"webhook:{scope.tenant}")
            for secret in merchant.webhook_secrets.get(scope.mode, ())
            if secret.is_taken(now)
        )

    async def gateway_account_of(self, scope: Scope) -> str | None:
        """Return the merchant's account id at the processor, when it is known."""
        merchant = await self.find_cached(scope.tenant)
        account = merchant.accounts.get(scope.mode) if merchant else None
        return account.gateway_account_id if account else None

    async def money_settings_of(self, scope: Scope) -> MoneySettings:
        """Return what the merchant wants done with money that comes late or too often."""
        merchant = await self.find_cached(scope.tenant)
        return MoneySettings() if merchant is None else merchant.money

    def open_sealed(self, sealed: str, *, purpose: str) -> str:
        """Open a sealed secret, once in a while: every event and payment needs one."""
        # The purpose is part of the name: moved to another merchant's document, a sealed text must not open.
        secret = self.opened.get((purpose, sealed))
        if secret is None:
            secret = self.vault.open(sealed, purpose=purpose)
            self.opened.put((purpose, sealed), secret)
        return secret

    async def find_cached(self, tenant: str) -> Merchant | None:
        """Return a merchant as it was at most seconds ago."""
        known = self.cache.get(tenant)
        if known is not None:
            return known
        merchant = await self.store.find_merchant(tenant)
        if merchant is not None:
            self.cache.put(tenant, merchant)
        return merchant

    def _sealed_webhook(self, tenant: str, secret: str) -> str:
        return self.vault.seal(secret, purpose=f"webhook:{tenant}")


def mode_of_key(key_id: str) -> Mode:
    """Return the mode that a processor key's prefix selects."""
    return Mode.LIVE if key_id.startswith("rzp_live_") else Mode.TEST


def _former(secrets: tuple[WebhookSecret, ...], *, now: datetime) -> tuple[WebhookSecret, ...]:
    """Return what becomes of the present secrets when a new one comes. Raises TooManyWebhookSecrets."""
    ends = now + timedelta(days=FORMER_SECRET_DAYS)
    kept = tuple(WebhookSecret(one.sealed, one.not_after or ends) for one in secrets if one.is_taken(now))
    if len(kept) > MOST_FORMER_SECRETS:
        first_end = min(one.not_after or ends for one in kept)
        wait = max(1, math.ceil((first_end - now).total_seconds()))
        raise TooManyWebhookSecrets(details={"limit": MOST_FORMER_SECRETS}, retry_after_seconds=wait)
    return kept


def _settings(merchant: Merchant) -> dict[str, Any]:
    origins = {"return_origins": list(merchant.return_origins)} if merchant.return_origins else {}
    notices = {} if merchant.notices == NoticeSettings() else {"notices": asdict(merchant.notices)}
    return {
        **origins,
        **notices,
        "name": merchant.name,
        "late_payments": merchant.money.late_payments.value,
        "surplus_payments": merchant.money.surplus_payments.value,
    }


def _new_secret() -> str:
    return randomness.token_urlsafe(_SECRET_BYTES)
