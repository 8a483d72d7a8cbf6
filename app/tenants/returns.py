"""The way back to the merchant's site: only where the merchant registered it, and with a signed result (N16)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from app.audit.service import Actor
from app.kit.errors import Kind, Problem
from app.kit.scope import Scope
from app.kit.signing import sign_hex
from app.tenants.origins import ReturnUrlNotRegistered, may_return_to
from app.tenants.service import Merchants

_SECRET_BYTES = 24
_TRIES = 8


class CheckoutSecretBusy(Problem):
    """Others kept replacing the checkout secret at the same moment; nothing was changed."""

    code = "checkout_secret_busy"
    kind = Kind.UNAVAILABLE
    message = "The checkout secret is being replaced by others; try again."


@dataclass(frozen=True, slots=True)
class Returns:
    """Judges addresses to return to, and signs what a customer brings there."""

    merchants: Merchants

    async def check_url(self, scope: Scope, url: str) -> None:
        """Raise ReturnUrlNotRegistered unless customers of this merchant may be sent to the address."""
        if not await self.is_registered(scope, url):
            # The merchant may have registered it a moment ago, through another process.
            self.merchants.cache.drop(scope.tenant)
            if not await self.is_registered(scope, url):
                raise ReturnUrlNotRegistered(param="return_url")

    async def is_registered(self, scope: Scope, url: str) -> bool:
        """Tell whether customers of this merchant may be sent to an address."""
        merchant = await self.merchants.find_cached(scope.tenant)
        origins = merchant.return_origins if merchant else ()
        return may_return_to(url, origins=origins, livemode=scope.livemode)

    async def signed_url(self, scope: Scope, url: str, facts: Mapping[str, str]) -> str:
        """Return the address with the result and its signature in its query.

        The signature is the hexadecimal HMAC-SHA256, with the merchant's checkout secret, of the result's own query
        string: the facts sorted by name, form-encoded.
        """
        result = urlencode(sorted(facts.items()))
        signature = sign_hex(result.encode(), secret=await self.secret_of(scope))
        return f"{url}{'&' if '?' in url else '?'}{result}&signature={signature}"

    async def secret_of(self, scope: Scope) -> str:
        """Return the secret of the scope's mode; the first one is made when it is first needed."""
        merchant = await self.merchants.find_cached(scope.tenant)
        sealed = merchant.checkout_secrets.get(scope.mode) if merchant else None
        if sealed is None:
            await self._replace(scope, None)
            sealed = (await self.merchants.get_merchant(scope.tenant)).checkout_secrets[scope.mode]
        return self.merchants.open_sealed(sealed, purpose=_purpose(scope))

    async def reveal_secret(self, scope: Scope, *, actor: Actor) -> str:
        """Return the secret to somebody, and note who saw it."""
        secret = await self.secret_of(scope)
        await self._note(scope, actor, "checkout_secret.shown")
        return secret

    async def rotate_secret(self, scope: Scope, *, actor: Actor) -> str:
        """Replace the secret and return the new one. Raises CheckoutSecretBusy."""
        for _ in range(_TRIES):
            former = (await self.merchants.get_merchant(scope.tenant)).checkout_secrets.get(scope.mode)
            if (secret := await self._replace(scope, former)) is not None:
                await self._note(scope, actor, "checkout_secret.rotated")
                return secret
        raise CheckoutSecretBusy(retry_after_seconds=1)

    async def _replace(self, scope: Scope, former: str | None) -> str | None:
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        merchants = self.merchants
        sealed = merchants.vault.seal(secret, purpose=_purpose(scope))
        done = await merchants.store.replace_checkout_secret(scope, former, sealed, at=merchants.clock.now())
        merchants.cache.drop(scope.tenant)
        return secret if done else None

    async def _note(self, scope: Scope, actor: Actor, action: str) -> None:
        await self.merchants.audit.record(
            scope.tenant, actor=actor, action=action, target=scope.mode.value, before={}, after={}
        )


def _purpose(scope: Scope) -> str:
    return f"checkout:{scope.tenant}:{scope.mode}"
