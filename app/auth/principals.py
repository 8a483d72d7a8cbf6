"""Who a signed-in user is to the routes, whichever way their session is continued."""

from app.auth.models import ROLE_PERMISSIONS, Session, User
from app.kit.scope import Mode
from app.web.principal import Principal, SubjectKind


def principal_of(user: User, session: Session, *, mode: Mode) -> Principal:
    """Return a user in a session as a caller, with what their role may do."""
    return Principal(
        tenant=user.tenant,
        mode=mode,
        subject_id=user.id,
        subject_kind=SubjectKind.USER,
        user_id=user.id,
        permissions=frozenset(ROLE_PERMISSIONS[user.role]),
        role=user.role.value,
        session_id=session.id,
    )
