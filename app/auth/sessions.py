"""The verbs of sessions: sign in, refresh, sign out, list, end.

Refresh tokens rotate at each use. The newest generation is good; the one before it is good for seconds, and leads to
the very same successor, because an answer may have been lost on its way; anything older means that a token was stolen,
and ends the family (S5, RFC 9700).
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta

import structlog

from app.audit.service import Actor, Audit
from app.auth.models import Session, User, UserStatus
from app.auth.passwords import Passwords
from app.auth.problems import InvalidCredentials, SessionNotFound, TokenInvalid
from app.auth.store import SessionStore, UserStore
from app.auth.throttle import Throttle
from app.auth.tokens import Tokens, session_of_refresh
from app.kit.clock import Clock
from app.kit.ids import Ids, Prefix, is_id

GRACE = timedelta(seconds=10)
_SHOWN_SESSIONS = 100
_SALT_BYTES = 16
_USER_AGENT_LENGTH = 200
_log = structlog.get_logger("app.auth")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The tokens of one sign-in or refresh. The representation shows none."""

    user: User
    session_id: str
    access_token: str
    refresh_token: str
    expires_in: int

    def __repr__(self) -> str:
        return f"SignedIn(session_id={self.session_id!r})"


@dataclass(frozen=True, slots=True)
class Sessions:
    """Begins, continues and ends sessions."""

    store: SessionStore
    users: UserStore
    passwords: Passwords
    tokens: Tokens
    throttle: Throttle
    audit: Audit
    clock: Clock
    ids: Ids
    refresh_days: int

    async def sign_in(self, *, email: str, password: str, address: str, user_agent: str | None) -> SignedIn:
        """Begin a session. Raises as `prove_user`."""
        user = await self.prove_user(email=email, password=password, address=address)
        session = await self.begin_session(user, user_agent=user_agent)
        return self._signed_in(user, session, generation=1)

    async def prove_user(self, *, email: str, password: str, address: str) -> User:
        """Return the user whose password this is.

        Raises:
            InvalidCredentials: also for an unknown or disabled account, after the same work (S9).
            TooManyAttempts, TooManySignIns: nothing was looked at.
        """
        await self.throttle.count(account=email, address=address)
        user = await self.users.find_by_email(email)
        fits, better = await self.passwords.verify(password, user.hashed_password if user else None)
        if user is None or not fits or user.status is not UserStatus.ACTIVE:
            raise InvalidCredentials
        await self.throttle.forgive(account=email)
        if better is not None:
            await self.users.update_user(user.tenant, user.id, at=self.clock.now(), changes={"hashed_password": better})
        return user

    async def begin_session(self, user: User, *, user_agent: str | None, cookie_digest: str | None = None) -> Session:
        """Store a new session of a proven user, always with an id of its own (S11)."""
        now = self.clock.now()
        session = Session(
            id=self.ids.new(Prefix.SESSION),
            tenant=user.tenant,
            user_id=user.id,
            salt=secrets.token_hex(_SALT_BYTES),
            generation=1,
            created_at=now,
            rotated_at=now,
            expires_at=now + timedelta(days=self.refresh_days),
            user_agent=user_agent[:_USER_AGENT_LENGTH] if user_agent else None,
            cookie_digest=cookie_digest,
        )
        await self.store.insert_session(user.tenant, session)
        return session

    async def refresh(self, token: str) -> SignedIn:
        """Exchange a refresh token for its successor and a new access token. Raises TokenInvalid."""
        session_id, claimed = session_of_refresh(token)
        session = await self.store.find_by_id(session_id) if is_id(session_id, Prefix.SESSION) else None
        if session is None or not self.tokens.is_refresh(
            token, generation=claimed, session_id=session_id, salt=session.salt
        ):
            # Never ours: it proves no theft, and must not end anybody's session.
            raise TokenInvalid
        now = self.clock.now()
        if session.revoked_at is not None or session.expires_at <= now:
            raise TokenInvalid
        user = await self.users.find_user(session.tenant, session.user_id)
        if user is None or user.status is not UserStatus.ACTIVE:
            raise TokenInvalid
        if claimed == session.generation and await self.store.advance_session(
            session.tenant, session.id, generation=claimed, at=now
        ):
            return self._signed_in(user, session, generation=claimed + 1)
        return await self._repeat_or_revoke(user, session_id, claimed)

    async def sign_out(self, user: User, session_id: str) -> None:
        """End one's own session; ending it twice is fine."""
        await self.store.revoke_session(
            user.tenant, session_id, user_id=user.id, at=self.clock.now(), because="signed_out"
        )

    async def list_sessions(self, user: User) -> list[Session]:
        """Return a user's live sessions, newest first."""
        return await self.store.list_sessions(user.tenant, user.id, limit=_SHOWN_SESSIONS)

    async def end_session(self, user: User, session_id: str) -> None:
        """End one of a user's sessions. Raises SessionNotFound."""
        ended = await self.store.revoke_session(
            user.tenant, session_id, user_id=user.id, at=self.clock.now(), because="ended_by_user"
        )
        if not ended:
            raise SessionNotFound

    async def end_all(self, user: User, *, because: str, but: str | None = None) -> None:
        """End every session of a user, except one if it is given."""
        await self.store.revoke_sessions(user.tenant, user.id, at=self.clock.now(), because=because, but=but)

    async def _repeat_or_revoke(self, user: User, session_id: str, claimed: int) -> SignedIn:
        """Give the same successor again within the grace; beyond it, end the family."""
        session = await self.store.find_by_id(session_id)
        now = self.clock.now()
        if session is None or session.revoked_at is not None:
            raise TokenInvalid
        if claimed == session.generation - 1 and now - session.rotated_at <= GRACE:
            return self._signed_in(user, session, generation=session.generation)
        await self.store.revoke_session(
            session.tenant, session.id, user_id=session.user_id, at=now, because="refresh_token_reused"
        )
        _log.warning("refresh_token_reused", tenant=session.tenant, session=session.id)
        await self.audit.record(
            session.tenant,
            actor=Actor(kind="user", id=session.user_id),
            action="session.revoked_for_reuse",
            target=session.id,
            before={},
            after={},
        )
        raise TokenInvalid

    def _signed_in(self, user: User, session: Session, *, generation: int) -> SignedIn:
        return SignedIn(
            user=user,
            session_id=session.id,
            access_token=self.tokens.issue_access(
                user_id=user.id, tenant=user.tenant, role=user.role.value, session_id=session.id
            ),
            refresh_token=self.tokens.issue_refresh(session_id=session.id, generation=generation, salt=session.salt),
            expires_in=self.tokens.access_seconds,
        )
