"""Sessions of browsers: an ordinary session that a cookie continues, instead of tokens.

The cookie holds 256 random bits; only their digest is stored. What it stands for is kept in memory for seconds, as the
guard does it, so whatever ends the session acts within that time (S6).
"""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.auth.models import Role, Session, User, UserStatus
from app.auth.principals import principal_of
from app.auth.sessions import Sessions
from app.kit.cache import TtlCache
from app.kit.scope import Mode
from app.web.principal import Principal

IDLE = timedelta(hours=12)
"""How long a browser may be silent before it has to sign in again."""

_USE_NOTED_EVERY = timedelta(minutes=1)
_SECRET_BYTES = 32
_LONGEST_SECRET = 64


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that just began, with its cookie's value. The representation hides it."""

    session_id: str
    secret: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Opened(session_id={self.session_id!r})"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sits at a signed-in browser."""

    principal: Principal
    email: str
    full_name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Known:
    """What a cookie stands for, until it ends."""

    visitor: Visitor
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Browsers:
    """Begins, continues and ends the sessions of browsers."""

    sessions: Sessions
    default_mode: Mode
    cache: TtlCache[str, Known]

    async def sign_in(
        self, *, email: str, password: str, address: str, user_agent: str | None, former: str | None = None
    ) -> Opened:
        """Begin a session under a new id and a new secret, and end the one that the browser had (S11).

        Raises:
            InvalidCredentials: also for an unknown or disabled account, after the same work (S9).
            TooManyAttempts, TooManySignIns: nothing was looked at.
        """
        user = await self.sessions.prove_user(email=email, password=password, address=address)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        session = await self.sessions.begin_session(user, user_agent=user_agent, cookie_digest=_digest(secret))
        if former is not None:
            await self.sign_out(former)
        return Opened(session.id, secret, session.expires_at)

    async def find_visitor(self, secret: str, *, mode: Mode | None = None) -> Visitor | None:
        """Return who a cookie stands for, in the mode they chose; None when it stands for nobody any more."""
        if not secret or len(secret) > _LONGEST_SECRET:
            return None
        digest = _digest(secret)
        known = self.cache.get(digest)
        if known is None:
            known = await self._load(digest)
            if known is None:
                return None
            self.cache.put(digest, known)
        if known.ends_at <= self.sessions.clock.now():
            return None
        if mode is None or mode is known.visitor.principal.mode:
            return known.visitor
        return replace(known.visitor, principal=replace(known.visitor.principal, mode=mode))

    async def sign_out(self, secret: str) -> None:
        """End the session of a cookie; ending it twice is fine."""
        digest = _digest(secret)
        session = await self.sessions.store.find_by_cookie(digest)
        if session is not None:
            await self.sessions.store.revoke_session(
                session.tenant,
                session.id,
                user_id=session.user_id,
                at=self.sessions.clock.now(),
                because="signed_out",
            )
        self.cache.drop(digest)

    def forget(self, secret: str) -> None:
        """Read the next time anew what a cookie stands for, because this process just changed it."""
        self.cache.drop(_digest(secret))

    async def _load(self, digest: str) -> Known | None:
        now = self.sessions.clock.now()
        session = await self.sessions.store.find_by_cookie(digest)
        if session is None or session.revoked_at is not None:
            return None
        ends_at = min(session.expires_at, session.rotated_at + IDLE)
        if ends_at <= now:
            return None
        user = await self.sessions.users.find_user(session.tenant, session.user_id)
        if user is None or user.status is not UserStatus.ACTIVE:
            return None
        if now - session.rotated_at > _USE_NOTED_EVERY:
            await self.sessions.store.record_use(session.tenant, session.id, at=now)
        return Known(self._visitor(user, session), ends_at)

    def _visitor(self, user: User, session: Session) -> Visitor:
        return Visitor(principal_of(user, session, mode=self.default_mode), user.email, user.full_name, user.role)


def _digest(secret: str) -> str:
    # The secret is random enough that a plain digest can't be turned back, and it outlives a change of SECRET_KEY.
    return hashlib.sha256(b"browser session v1:" + secret.encode("utf-8", "surrogateescape")).hexdigest()
