"""What the identity API reads and shows. Passwords and secrets go in and are never shown again."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, StringConstraints

from app.auth.keys import NewKey
from app.auth.models import KEY_SCOPES, ApiKey, Permission, Role, Session, User, UserStatus
from app.auth.sessions import SignedIn
from app.kit.ids import Prefix
from app.kit.scope import Mode
from app.tenants.schemas import MerchantName
from app.web.envelope import Moment, Timestamp
from app.web.paging import PageQuery


def _normal(email: str) -> str:
    return email.lower()


def _only_key_scopes(scopes: frozenset[Permission]) -> frozenset[Permission]:
    if not scopes <= KEY_SCOPES:
        message = f"a key may have: {', '.join(sorted(KEY_SCOPES))}"
        raise ValueError(message)
    return scopes


Email = Annotated[EmailStr, Field(max_length=254), AfterValidator(_normal)]
Password = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=1024)]
FullName = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=120)]
KeyName = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=80)]
_MOST_OVERLAP_HOURS = 24 * 7


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SignUp(_In):
    """A new merchant and its owner."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "email": "asha@example.com",
                    "password": "a long phrase of mine",
                    "full_name": "Asha Rao",
                    "merchant_name": "Corner Shop",
                }
            ]
        }
    )

    email: Email
    password: Password
    full_name: FullName
    merchant_name: MerchantName


class SignIn(_In):
    """Who says they are who."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "asha@example.com", "password": "a long phrase of mine"}]}
    )

    email: Email
    password: Password


class Refresh(_In):
    """A refresh token to exchange."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"refresh_token": "the refresh token of the last answer"}]}
    )

    refresh_token: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=512)]


class ProfileUpdate(_In):
    """What a user may change of themselves."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"full_name": "Asha Rao"}]})

    full_name: FullName


class PasswordChange(_In):
    """The old password and the new one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"current_password": "a long phrase of mine", "new_password": "another phrase of mine"}]
        }
    )

    current_password: Password
    new_password: Password


class ApiKeyCreate(_In):
    """An API key to be made. All scopes that a key may have and you have yourself, unless you name fewer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Shop server", "mode": "test", "scopes": ["payments:read", "payments:write"]}]
        }
    )

    name: KeyName
    mode: Mode = Mode.TEST
    scopes: Annotated[frozenset[Permission], Field(min_length=1), AfterValidator(_only_key_scopes)] | None = None
    expires_at: Moment | None = None


class ApiKeyRoll(_In):
    """How long the old key goes on working."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_hours": 24}]})

    overlap_hours: Annotated[int, Field(strict=True, ge=0, le=_MOST_OVERLAP_HOURS)] = 24


class UserCreate(_In):
    """A member of the team."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "email": "dev@example.com",
                    "password": "a long phrase of theirs",
                    "full_name": "Dev Iyer",
                    "role": "developer",
                }
            ]
        }
    )

    email: Email
    password: Password
    full_name: FullName
    role: Role


class UserUpdate(_In):
    """What may be changed of a member; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "viewer"}]})

    role: Role | None = None
    status: UserStatus | None = None


class ApiKeyQuery(PageQuery):
    """Which page of the API keys."""

    prefix = Prefix.API_KEY


class UserQuery(PageQuery):
    """Which page of the team."""

    prefix = Prefix.USER


class SignedUpRead(BaseModel):
    """The answer to a sign-up, the same whether or not the e-mail was free."""

    email: str


class UserRead(BaseModel):
    """A user."""

    id: str
    merchant_id: str
    email: str
    full_name: str
    role: Role
    status: UserStatus
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, user: User) -> "UserRead":
        """Show a user."""
        return cls(
            id=user.id,
            merchant_id=user.tenant,
            email=user.email,
            full_name=user.full_name,
            role=user.role,
            status=user.status,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )


class TokensRead(BaseModel):
    """Tokens of a session. `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    session_id: str
    user: UserRead

    @classmethod
    def of(cls, signed_in: SignedIn) -> "TokensRead":
        """Show the tokens, once."""
        return cls(
            access_token=signed_in.access_token,
            refresh_token=signed_in.refresh_token,
            token_type="Bearer",  # noqa: S106  the scheme's name
            expires_in=signed_in.expires_in,
            session_id=signed_in.session_id,
            user=UserRead.of(signed_in.user),
        )


class SessionRead(BaseModel):
    """A session of the user."""

    id: str
    is_current: bool
    user_agent: str | None
    created_at: Timestamp
    last_used_at: Timestamp
    expires_at: Timestamp

    @classmethod
    def of(cls, session: Session, *, current: str | None) -> "SessionRead":
        """Show a session."""
        return cls(
            id=session.id,
            is_current=session.id == current,
            user_agent=session.user_agent,
            created_at=session.created_at,
            last_used_at=session.rotated_at,
            expires_at=session.expires_at,
        )


class ApiKeyRead(BaseModel):
    """An API key without its secret; `hint` is the secret's end."""

    id: str
    name: str
    mode: Mode
    hint: str
    scopes: list[Permission]
    created_by: str
    created_at: Timestamp
    expires_at: Timestamp | None
    last_used_at: Timestamp | None
    revoked_at: Timestamp | None

    @classmethod
    def of(cls, key: ApiKey) -> "ApiKeyRead":
        """Show a key."""
        return cls(**_key_facts(key))


class ApiKeyCreated(ApiKeyRead):
    """A new API key with its secret, shown this once."""

    secret: str

    @classmethod
    def of_new(cls, made: NewKey) -> "ApiKeyCreated":
        """Show a new key."""
        return cls(**_key_facts(made.key), secret=made.secret)


def _key_facts(key: ApiKey) -> dict[str, object]:
    facts: dict[str, object] = {
        name: getattr(key, name) for name in ("id", "name", "mode", "hint", "created_by", "created_at")
    }
    ends: dict[str, datetime | None] = {
        "expires_at": key.ends_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }
    return {**facts, **ends, "scopes": sorted(key.scopes)}
