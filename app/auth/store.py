"""Every query of users and sessions. E-mails are unique over the whole service: one person, one account."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from app.auth.models import Role, Session, User, UserStatus
from app.database import Collection, Database, Document, Index, exactly
from app.database import Session as DatabaseSession
from app.web.paging import Window

_USERS = "users"
_SESSIONS = "sessions"

COLLECTIONS = (
    Collection(
        _USERS,
        (
            Index("email", [("email", 1)], unique=True),
            Index("tenant_newest", [("tenant", 1), ("_id", -1)]),
            Index("tenant_role", [("tenant", 1), ("role", 1), ("status", 1)]),
        ),
    ),
    Collection(
        _SESSIONS,
        (
            Index("tenant_user", [("tenant", 1), ("user_id", 1), ("_id", -1)]),
            Index("session_expiry", [("expires_at", 1)], expire_after_seconds=0),
            Index("cookie", [("cookie_digest", 1)], unique=True, partial={"cookie_digest": {"$type": "string"}}),
        ),
    ),
)


class EmailExists(Exception):
    """A user with this e-mail exists already."""


@dataclass(frozen=True, slots=True)
class UserStore:
    """Reads and writes users."""

    database: Database

    async def insert_user(self, tenant: str, user: User, *, session: DatabaseSession | None = None) -> None:
        """Store a new user. Raises EmailExists."""
        try:
            await self._users.insert_one({"_id": user.id, "tenant": tenant, **_user_to_document(user)}, session=session)
        except DuplicateKeyError:
            raise EmailExists from None

    async def find_by_email(self, email: str) -> User | None:
        """Return the user with this (normalised) e-mail: before sign-in there is no tenant yet."""
        return _user(await self._users.find_one({"email": {"$eq": email}}))

    async def find_user(self, tenant: str, user_id: str) -> User | None:
        """Return a user of a merchant."""
        return _user(await self._users.find_one({"_id": {"$eq": user_id}, "tenant": tenant}))

    async def list_users(self, tenant: str, *, window: Window) -> list[User]:
        """Return the rows of one page and one more, in the window's order."""
        query = {"$and": [{"tenant": tenant}, window.filter()]}
        cursor = self._users.find(query).sort(window.sort()).limit(window.fetch_limit)
        return [_user_from_document(document) async for document in cursor]

    async def list_in_charge(self, tenant: str, *, limit: int) -> list[User]:
        """Return the owners and admins who may sign in, whoever has been there longest first."""
        roles = [Role.OWNER.value, Role.ADMIN.value]
        query = {"tenant": tenant, "role": {"$in": roles}, "status": UserStatus.ACTIVE.value}
        cursor = self._users.find(query).sort([("_id", 1)]).limit(limit)
        return [_user_from_document(document) async for document in cursor]

    async def hold_active_owners(self, tenant: str, *, session: DatabaseSession) -> int:
        """Count the owners who may sign in, and write to each so that a concurrent change conflicts with this one."""
        query = {"tenant": tenant, "role": Role.OWNER.value, "status": UserStatus.ACTIVE.value}
        result = await self._users.update_many(query, {"$inc": {"held": 1}}, session=session)
        return result.matched_count

    async def update_user(
        self,
        tenant: str,
        user_id: str,
        *,
        at: datetime,
        changes: dict[str, str],
        session: DatabaseSession | None = None,
    ) -> None:
        """Set the given fields of a user."""
        await self._users.update_one(
            {"_id": {"$eq": user_id}, "tenant": tenant}, {"$set": {**changes, "updated_at": at}}, session=session
        )

    @property
    def _users(self) -> AsyncCollection[Document]:
        return self.database.collection(_USERS)


@dataclass(frozen=True, slots=True)
class SessionStore:
    """Reads and writes sessions."""

    database: Database

    async def insert_session(self, tenant: str, session: Session) -> None:
        """Store a new session."""
        await self._sessions.insert_one(
            {
                "_id": session.id,
                "tenant": tenant,
                "user_id": session.user_id,
                "salt": session.salt,
                "generation": session.generation,
                "user_agent": session.user_agent,
                "cookie_digest": session.cookie_digest,
                "created_at": session.created_at,
                "rotated_at": session.rotated_at,
                "expires_at": session.expires_at,
                "revoked_at": None,
                "revoked_because": None,
            }
        )

    async def find_by_id(self, session_id: str) -> Session | None:
        """Return a session: the token that names it brings the tenant."""
        return _session(await self._sessions.find_one({"_id": {"$eq": session_id}}))

    async def find_by_cookie(self, digest: str) -> Session | None:
        """Return the session whose cookie has this digest: the cookie that names it brings the tenant."""
        return _session(await self._sessions.find_one({"cookie_digest": exactly(digest)}))

    async def record_use(self, tenant: str, session_id: str, *, at: datetime) -> None:
        """Note that a browser's session was used."""
        await self._sessions.update_one(
            {"_id": {"$eq": session_id}, "tenant": tenant, "revoked_at": None}, {"$max": {"rotated_at": at}}
        )

    async def list_sessions(self, tenant: str, user_id: str, *, limit: int) -> list[Session]:
        """Return a user's live sessions, newest first."""
        query = {"tenant": tenant, "user_id": user_id, "revoked_at": None}
        cursor = self._sessions.find(query).sort([("_id", -1)]).limit(limit)
        return [_session_from_document(document) async for document in cursor]

    async def advance_session(self, tenant: str, session_id: str, *, generation: int, at: datetime) -> bool:
        """Move a session to its next generation, once; tell whether this caller was the one (S5)."""
        result = await self._sessions.update_one(
            {"_id": {"$eq": session_id}, "tenant": tenant, "generation": generation, "revoked_at": None},
            {"$set": {"rotated_at": at}, "$inc": {"generation": 1}},
        )
        return result.matched_count == 1

    async def revoke_session(self, tenant: str, session_id: str, *, user_id: str, at: datetime, because: str) -> bool:
        """End a session of a user; tell whether it was there and alive."""
        result = await self._sessions.update_one(
            {"_id": {"$eq": session_id}, "tenant": tenant, "user_id": user_id, "revoked_at": None},
            {"$set": {"revoked_at": at, "revoked_because": because}},
        )
        return result.matched_count == 1

    async def revoke_sessions(
        self, tenant: str, user_id: str, *, at: datetime, because: str, but: str | None = None
    ) -> None:
        """End every session of a user, except one if it is given."""
        query: Document = {"tenant": tenant, "user_id": user_id, "revoked_at": None}
        if but is not None:
            query["_id"] = {"$ne": but}
        await self._sessions.update_many(query, {"$set": {"revoked_at": at, "revoked_because": because}})

    @property
    def _sessions(self) -> AsyncCollection[Document]:
        return self.database.collection(_SESSIONS)


def _user_to_document(user: User) -> Document:
    return {
        "email": user.email,
        "full_name": user.full_name,
        "hashed_password": user.hashed_password,
        "role": user.role.value,
        "status": user.status.value,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


def _user(document: Document | None) -> User | None:
    return None if document is None else _user_from_document(document)


def _user_from_document(document: dict[str, Any]) -> User:
    return User(
        id=document["_id"],
        tenant=document["tenant"],
        email=document["email"],
        full_name=document["full_name"],
        hashed_password=document["hashed_password"],
        role=Role(document["role"]),
        status=UserStatus(document["status"]),
        created_at=document["created_at"],
        updated_at=document["updated_at"],
    )


def _session(document: Document | None) -> Session | None:
    return None if document is None else _session_from_document(document)


def _session_from_document(document: dict[str, Any]) -> Session:
    return Session(
        id=document["_id"],
        tenant=document["tenant"],
        user_id=document["user_id"],
        salt=document["salt"],
        generation=document["generation"],
        created_at=document["created_at"],
        rotated_at=document["rotated_at"],
        expires_at=document["expires_at"],
        user_agent=document["user_agent"],
        cookie_digest=document.get("cookie_digest"),
        revoked_at=document["revoked_at"],
        revoked_because=document["revoked_because"],
    )
