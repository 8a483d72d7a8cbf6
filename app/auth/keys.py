"""The verbs of API keys: make, list, revoke, roll with an overlap."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.audit.service import Actor, Audit
from app.auth.keys_store import KeyStore
from app.auth.models import KEY_SCOPES, ApiKey, Permission
from app.auth.problems import ApiKeyNotFound, ExpiryPassed, PermissionDenied
from app.auth.tokens import Tokens
from app.kit.clock import Clock
from app.kit.ids import Ids, Prefix
from app.kit.scope import Mode
from app.web.paging import Slice, Window
from app.web.principal import Principal

_HINT_LENGTH = 4


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, with its secret: shown this once. The representation hides it."""

    key: ApiKey
    secret: str

    def __repr__(self) -> str:
        return f"NewKey(id={self.key.id!r})"


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """Makes and ends API keys (S15)."""

    store: KeyStore
    tokens: Tokens
    audit: Audit
    clock: Clock
    ids: Ids

    async def create_key(
        self,
        principal: Principal,
        *,
        name: str,
        mode: Mode,
        scopes: frozenset[Permission] | None,
        expires_at: datetime | None = None,
    ) -> NewKey:
        """Make a key. Its maker can't give it more than they have. Raises PermissionDenied, ExpiryPassed."""
        wanted = KEY_SCOPES & principal.permissions if scopes is None else scopes
        if not wanted <= principal.permissions:
            raise PermissionDenied
        if expires_at is not None and expires_at <= self.clock.now():
            raise ExpiryPassed(param="expires_at")
        made = await self._make(principal, name=name, mode=mode, scopes=frozenset(wanted), expires_at=expires_at)
        await self._record(principal, "api_key.created", made.key, scopes=made.key.scopes)
        return made

    async def list_keys(self, tenant: str, *, window: Window) -> Slice[ApiKey]:
        """Return one page of a merchant's keys of both modes, newest first; never a secret."""
        rows = await self.store.list_keys(tenant, window=window)
        return Slice.cut(rows, window, id_of=lambda key: key.id)

    async def revoke_key(self, principal: Principal, key_id: str) -> ApiKey:
        """End a key; ending it twice is fine. Raises ApiKeyNotFound."""
        await self.get_key(principal.tenant, key_id)
        await self.store.revoke_key(principal.tenant, key_id, at=self.clock.now())
        after = await self.get_key(principal.tenant, key_id)
        await self._record(principal, "api_key.revoked", after, scopes=after.scopes)
        return after

    async def roll_key(self, principal: Principal, key_id: str, *, overlap: timedelta) -> NewKey:
        """Make a successor with the same scopes and the end that its maker asked for.

        A key may be rolled again during its overlap, because the answer with the successor's secret may have been lost.
        That makes another successor; the old key ends when the first of the overlaps is over.

        Raises:
            ApiKeyNotFound: there is none, or it has ended: its successor would have ended with it.
            PermissionDenied: the key may do more than who rolls it.
        """
        old = await self.get_key(principal.tenant, key_id)
        has_expired = old.ends_at is not None and old.ends_at <= self.clock.now()
        if old.revoked_at is not None or has_expired:
            raise ApiKeyNotFound
        if not old.scopes <= principal.permissions:
            raise PermissionDenied
        made = await self._make(principal, name=old.name, mode=old.mode, scopes=old.scopes, expires_at=old.expires_at)
        await self.store.retire_key(principal.tenant, key_id, at=self.clock.now() + overlap)
        await self._record(principal, "api_key.rolled", old, scopes=made.key.scopes)
        return made

    async def _make(
        self,
        principal: Principal,
        *,
        name: str,
        mode: Mode,
        scopes: frozenset[Permission],
        expires_at: datetime | None,
    ) -> NewKey:
        secret = self.tokens.new_key_secret(mode)
        key = ApiKey(
            id=self.ids.new(Prefix.API_KEY),
            tenant=principal.tenant,
            mode=mode,
            name=name,
            digest=self.tokens.digest_of_key(secret),
            hint=secret[-_HINT_LENGTH:],
            scopes=scopes,
            created_by=principal.user_id,
            created_at=self.clock.now(),
            expires_at=expires_at,
        )
        await self.store.insert_key(principal.tenant, key)
        return NewKey(key, secret)

    async def get_key(self, tenant: str, key_id: str) -> ApiKey:
        """Return a key; never its secret. Raises ApiKeyNotFound."""
        key = await self.store.find_key(tenant, key_id)
        if key is None:
            raise ApiKeyNotFound
        return key

    async def _record(self, principal: Principal, action: str, key: ApiKey, *, scopes: frozenset[Permission]) -> None:
        await self.audit.record(
            principal.tenant,
            actor=Actor(kind=principal.subject_kind.value, id=principal.subject_id),
            action=action,
            target=key.id,
            before={},
            after={"mode": key.mode.value, "scopes": sorted(scopes)},
        )
