"""The verbs of users: sign-up, profile, password, team."""

from dataclasses import dataclass

from app.audit.service import Actor, Audit
from app.auth.models import Role, User, UserStatus
from app.auth.passwords import Passwords, check_acceptable
from app.auth.problems import (
    EmailTaken,
    LastOwner,
    OwnersOnly,
    PermissionDenied,
    SignupDisabled,
    UserNotFound,
    WrongPassword,
)
from app.auth.sessions import Sessions
from app.auth.store import EmailExists, UserStore
from app.database import Database
from app.database import Session as DatabaseSession
from app.kit.clock import Clock
from app.kit.ids import Ids, Prefix
from app.tenants.service import Merchants
from app.web.paging import Slice, Window
from app.web.principal import Principal


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to be made. The representation shows no password."""

    email: str
    password: str
    full_name: str

    def __repr__(self) -> str:
        return "NewUser()"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Makes and changes users."""

    database: Database
    users: UserStore
    sessions: Sessions
    merchants: Merchants
    passwords: Passwords
    audit: Audit
    clock: Clock
    ids: Ids
    signup_enabled: bool

    async def sign_up(self, new: NewUser, *, merchant_name: str, webhook_secret: str | None = None) -> User | None:
        """Create a merchant and its owner together; return None when the e-mail is taken.

        The caller must answer both alike: whether an e-mail has an account is nobody's business (S9). The password is
        hashed either way, so the time is alike too.

        Raises:
            SignupDisabled, PasswordRefused, TooManySignIns.
        """
        if not self.signup_enabled:
            raise SignupDisabled
        check_acceptable(new.password, email=new.email, is_bcrypt=self.passwords.is_bcrypt)
        hashed = await self.passwords.hash(new.password)
        merchant = self.merchants.new_merchant(name=merchant_name, webhook_secret=webhook_secret)
        user = self._new_user(merchant.id, new, hashed=hashed, role=Role.OWNER)

        async def work(session: DatabaseSession) -> None:
            await self.merchants.create_merchant(merchant, session=session)
            await self.users.insert_user(merchant.id, user, session=session)

        try:
            await self.database.transaction(work)
        except EmailExists:
            return None
        actor = Actor(kind="user", id=user.id)
        await self.audit.record(
            merchant.id, actor=actor, action="merchant.created", target=merchant.id, before={}, after={}
        )
        return user

    async def get_user(self, tenant: str, user_id: str) -> User:
        """Return a user of a merchant. Raises UserNotFound."""
        user = await self.users.find_user(tenant, user_id)
        if user is None:
            raise UserNotFound
        return user

    async def list_users(self, tenant: str, *, window: Window) -> Slice[User]:
        """Return one page of a merchant's users, newest first."""
        rows = await self.users.list_users(tenant, window=window)
        return Slice.cut(rows, window, id_of=lambda user: user.id)

    async def update_profile(self, tenant: str, user_id: str, *, full_name: str) -> User:
        """Change a user's own name."""
        await self.users.update_user(tenant, user_id, at=self.clock.now(), changes={"full_name": full_name})
        return await self.get_user(tenant, user_id)

    async def change_password(self, principal: Principal, *, current: str, new: str) -> None:
        """Change a user's own password and end every other session (S6).

        Raises:
            WrongPassword, PasswordRefused, TooManySignIns.
            TooManyAttempts: nothing was looked at (S7).
        """
        user = await self.get_user(principal.tenant, principal.subject_id)
        check_acceptable(new, email=user.email, is_bcrypt=self.passwords.is_bcrypt)
        await self.sessions.throttle.count_proof(user_id=user.id)
        fits, _ = await self.passwords.verify(current, user.hashed_password)
        if not fits:
            raise WrongPassword(param="current_password")
        await self.sessions.throttle.forgive_proofs(user_id=user.id)
        hashed = await self.passwords.hash(new)
        await self.users.update_user(user.tenant, user.id, at=self.clock.now(), changes={"hashed_password": hashed})
        await self.sessions.end_all(user, because="password_changed", but=principal.session_id)
        await self._record(principal, "password.changed", user.id, before={}, after={})

    async def create_user(self, principal: Principal, new: NewUser, *, role: Role) -> User:
        """Add a user to the team. Raises OwnersOnly, EmailTaken, PasswordRefused, TooManySignIns."""
        _refuse_touching_owners(principal, role)
        check_acceptable(new.password, email=new.email, is_bcrypt=self.passwords.is_bcrypt)
        hashed = await self.passwords.hash(new.password)
        user = self._new_user(principal.tenant, new, hashed=hashed, role=role)
        try:
            await self.users.insert_user(principal.tenant, user)
        except EmailExists:
            raise EmailTaken(param="email") from None
        await self._record(principal, "user.created", user.id, before={}, after={"role": role.value})
        return user

    async def update_user(
        self, principal: Principal, user_id: str, *, role: Role | None, status: UserStatus | None
    ) -> User:
        """Change a user's role or disable them; a disabled user's sessions end at once (S6).

        Raises:
            UserNotFound, OwnersOnly, LastOwner.
        """
        user = await self.get_user(principal.tenant, user_id)
        _refuse_touching_owners(principal, user.role, role)
        loses_owner = user.role is Role.OWNER and user.status is UserStatus.ACTIVE
        loses_owner = loses_owner and (role not in {None, Role.OWNER} or status is UserStatus.DISABLED)

        async def work(session: DatabaseSession) -> None:
            changes = {name: value.value for name, value in (("role", role), ("status", status)) if value is not None}
            await self.users.update_user(user.tenant, user.id, at=self.clock.now(), changes=changes, session=session)
            # Touching every owner in the transaction makes two owners who remove each other conflict.
            if loses_owner and await self.users.hold_active_owners(user.tenant, session=session) == 0:
                raise LastOwner

        await self.database.transaction(work)
        if status is UserStatus.DISABLED:
            await self.sessions.end_all(user, because="user_disabled")
        after = await self.get_user(principal.tenant, user_id)
        await self._record(
            principal,
            "user.updated",
            user_id,
            before={"role": user.role.value, "status": user.status.value},
            after={"role": after.role.value, "status": after.status.value},
        )
        return after

    def _new_user(self, tenant: str, new: NewUser, *, hashed: str, role: Role) -> User:
        now = self.clock.now()
        return User(
            id=self.ids.new(Prefix.USER),
            tenant=tenant,
            email=new.email,
            full_name=new.full_name,
            hashed_password=hashed,
            role=role,
            status=UserStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )

    async def _record(
        self, principal: Principal, action: str, target: str, *, before: dict[str, str], after: dict[str, str]
    ) -> None:
        actor = Actor(kind=principal.subject_kind.value, id=principal.subject_id)
        await self.audit.record(principal.tenant, actor=actor, action=action, target=target, before=before, after=after)


def _refuse_touching_owners(principal: Principal, *roles: Role | None) -> None:
    if principal.role is None:
        raise PermissionDenied
    if Role.OWNER in roles and principal.role != Role.OWNER:
        raise OwnersOnly
