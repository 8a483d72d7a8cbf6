"""Decides who asks and whether they may: the one gate in front of every operation.

What a good credential stands for is kept in memory for seconds, so that most requests cost no look-up; whatever
revokes a credential therefore acts within that time (S6: at most 30 seconds, here 5).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from starlette.requests import Request

from app.auth.access import Access, need_of
from app.auth.keys_store import KeyStore
from app.auth.models import Permission, UserStatus
from app.auth.principals import principal_of
from app.auth.problems import PermissionDenied, TokenInvalid
from app.auth.store import SessionStore, UserStore
from app.auth.tokens import KEY_PREFIXES, Tokens, mode_of_key_secret, read_basic
from app.kit.cache import TtlCache
from app.kit.clock import Clock
from app.kit.scope import Mode
from app.web.errors import Unauthenticated
from app.web.principal import Principal, SubjectKind

CACHE_SECONDS = 5.0
_USE_NOTED_EVERY = timedelta(minutes=1)
_MODE_HEADER = "x-mode"
_OTHER_SITES = frozenset({"cross-site", "same-site"})
_KEY_STARTS = tuple(KEY_PREFIXES.values())


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a credential stands for, until it ends."""

    principal: Principal
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Guard:
    """Implements `web.route.Guard`."""

    users: UserStore
    sessions: SessionStore
    keys: KeyStore
    tokens: Tokens
    clock: Clock
    default_mode: Mode
    cache: TtlCache[str, Admitted]

    async def admit(self, request: Request, operation_id: str) -> Principal | None:
        """Return who asks, or None where nobody needs to.

        Raises:
            Unauthenticated, TokenInvalid: no credentials, or no good ones.
            PermissionDenied: good ones that do not suffice; also for an operation that the table does not know.
        """
        need = need_of(operation_id)
        if need is Access.PUBLIC:
            return None
        header = request.headers.get("authorization")
        if header is None:
            if need is Access.OPTIONAL:
                return None
            raise Unauthenticated
        principal = await self._identify(header, request)
        match need:
            case Permission() if need in principal.permissions:
                return principal
            case Access.OPTIONAL:
                return principal
            case Access.USER if principal.subject_kind is SubjectKind.USER:
                return principal
            case _:
                raise PermissionDenied

    async def _identify(self, header: str, request: Request) -> Principal:
        scheme, _, credentials = header.partition(" ")
        credentials = credentials.strip()
        match scheme.lower():
            case "bearer" if credentials.startswith(_KEY_STARTS):
                return await self._by_key(credentials, key_id=None)
            case "bearer":
                return self._in_mode(await self._by_token(credentials), request.headers.get(_MODE_HEADER))
            case "basic":
                if _is_from_foreign_page(request):
                    raise TokenInvalid("Pages of other sites can't use Basic; send the key as a bearer token.")
                key_id, secret = read_basic(credentials)
                return await self._by_key(secret, key_id=key_id)
            case _:
                raise TokenInvalid

    async def _by_key(self, secret: str, *, key_id: str | None) -> Principal:
        digest = self.tokens.digest_of_key(secret)
        admitted = self.cache.get(digest)
        if admitted is None:
            if mode_of_key_secret(secret) is None:
                raise TokenInvalid
            admitted = await self._load_key(digest, *self.tokens.former_digests_of_key(secret))
            self.cache.put(digest, admitted)
        if key_id is not None and key_id != admitted.principal.subject_id:
            raise TokenInvalid
        return self._still(admitted)

    async def _load_key(self, digest: str, *former: str) -> Admitted:
        key = await self.keys.find_by_digest(digest, *former)
        if key is None or key.revoked_at is not None:
            raise TokenInvalid
        if key.digest in former:
            await self.keys.replace_digest(key.tenant, key.id, former=key.digest, digest=digest)
        now = self.clock.now()
        if key.last_used_at is None or now - key.last_used_at > _USE_NOTED_EVERY:
            await self.keys.record_use(key.tenant, key.id, at=now)
        principal = Principal(
            tenant=key.tenant,
            mode=key.mode,
            subject_id=key.id,
            subject_kind=SubjectKind.API_KEY,
            user_id=key.created_by,
            permissions=frozenset(key.scopes),
        )
        return Admitted(principal, key.ends_at)

    async def _by_token(self, token: str) -> Principal:
        admitted = self.cache.get(token)
        if admitted is None:
            admitted = await self._load_token(token)
            self.cache.put(token, admitted)
        return self._still(admitted)

    async def _load_token(self, token: str) -> Admitted:
        claims = self.tokens.read_access(token)
        session = await self.sessions.find_by_id(claims.session_id)
        if session is None or session.revoked_at is not None or session.user_id != claims.user_id:
            raise TokenInvalid
        user = await self.users.find_user(session.tenant, session.user_id)
        if user is None or user.status is not UserStatus.ACTIVE:
            raise TokenInvalid
        principal = principal_of(user, session, mode=self.default_mode)
        # The token's own end, without the leeway: a cached one is never good for longer than a fresh one.
        return Admitted(principal, datetime.fromtimestamp(claims.expires_at, tz=self.clock.now().tzinfo))

    def _still(self, admitted: Admitted) -> Principal:
        if admitted.ends_at is not None and admitted.ends_at <= self.clock.now():
            raise TokenInvalid
        return admitted.principal

    def _in_mode(self, principal: Principal, wanted: str | None) -> Principal:
        """Return a user in the mode they ask for; keys have their mode built in."""
        if wanted is None or wanted == principal.mode.value:
            return principal
        if wanted not in set(Mode):
            raise TokenInvalid("The X-Mode header is test or live.")
        return replace(principal, mode=Mode(wanted))


def _is_from_foreign_page(request: Request) -> bool:
    """Tell whether a browser says that a page of another origin asks.

    A browser keeps Basic credentials and sends them along with a form of any page, and no preflight asks first (S12).
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in _OTHER_SITES
    # Browsers that don't say the site yet do say the origin of a form; other programs say neither.
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")
