"""Users, sessions and API keys as values; roles and permissions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.kit.scope import Mode


class Permission(StrEnum):
    """What a caller may do; also the scopes of API keys."""

    PAYMENTS_READ = "payments:read"
    PAYMENTS_WRITE = "payments:write"
    EVENTS_READ = "events:read"
    EVENTS_REPLAY = "events:replay"
    SUSPENSE_WRITE = "suspense:write"
    WEBHOOKS_WRITE = "webhooks:write"
    MERCHANT_READ = "merchant:read"
    MERCHANT_WRITE = "merchant:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    AUDIT_READ = "audit:read"
    CUSTOMERS_READ = "customers:read"
    """To read whole the e-mail addresses and telephone numbers that `payments:read` shows masked."""

    CUSTOMERS_ERASE = "customers:erase"
    """To take everything personal of a customer out of the database, for good."""


class Role(StrEnum):
    """What a user is to the merchant, from most to least."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    VIEWER = "viewer"


_VIEWER = frozenset({Permission.PAYMENTS_READ, Permission.EVENTS_READ, Permission.MERCHANT_READ, Permission.USERS_READ})
_DEVELOPER = _VIEWER | {
    Permission.PAYMENTS_WRITE,
    Permission.CUSTOMERS_READ,
    Permission.WEBHOOKS_WRITE,
    Permission.KEYS_READ,
    Permission.KEYS_WRITE,
}

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission),
    Role.DEVELOPER: _DEVELOPER,
    Role.VIEWER: _VIEWER,
}
"""An admin may do all that an owner may, except touch owners (`Accounts` refuses that)."""

KEY_SCOPES = frozenset(
    {
        Permission.PAYMENTS_READ,
        Permission.PAYMENTS_WRITE,
        Permission.EVENTS_READ,
        Permission.EVENTS_REPLAY,
        Permission.MERCHANT_READ,
        Permission.CUSTOMERS_READ,
    }
)
"""What an API key may be allowed at most: a key that leaks can't make keys or users."""


class UserStatus(StrEnum):
    """Whether a user may sign in."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class User:
    """A person who works for a merchant. The representation of `hashed_password` never leaves the room."""

    id: str
    tenant: str
    email: str
    full_name: str
    hashed_password: str
    role: Role
    status: UserStatus
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in and the family of refresh tokens that came from it.

    A token of the family is a MAC over the session, its generation and `salt`; only the newest generation is good. A
    browser's session has no tokens but a cookie, of which `cookie_digest` is kept; its `rotated_at` is its last use.
    """

    id: str
    tenant: str
    user_id: str
    salt: str
    generation: int
    created_at: datetime
    rotated_at: datetime
    expires_at: datetime
    user_agent: str | None = None
    cookie_digest: str | None = None
    revoked_at: datetime | None = None
    revoked_because: str | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key. Only a keyed digest of its secret is stored.

    Its end has two causes, kept apart so that a successor inherits the maker's wish alone: `expires_at` is what the
    maker asked for, `retires_at` is when the overlap with its successor is over.
    """

    id: str
    tenant: str
    mode: Mode
    name: str
    digest: str
    hint: str
    scopes: frozenset[Permission]
    created_by: str
    created_at: datetime
    expires_at: datetime | None = None
    retires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def ends_at(self) -> datetime | None:
        """Return when the key stops working by itself, whichever cause comes first."""
        return min((end for end in (self.expires_at, self.retires_at) if end is not None), default=None)
