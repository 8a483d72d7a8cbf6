"""Who asks, as every router sees it. The guard makes it; permissions were checked before a router runs."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request

from app.kit.scope import Mode, Scope
from app.web.errors import Unauthenticated


class SubjectKind(StrEnum):
    """What signed in."""

    USER = "user"
    API_KEY = "api_key"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who is signed in, for one merchant in one mode.

    `user_id` is the person behind it: for a key, whoever made it. `role` is a user's; a key acts by its scopes alone.
    `session_id` is a user's session.
    """

    tenant: str
    mode: Mode
    subject_id: str
    subject_kind: SubjectKind
    user_id: str
    permissions: frozenset[str]
    role: str | None = None
    session_id: str | None = None

    @property
    def scope(self) -> Scope:
        """Return whose data this caller works on."""
        return Scope(self.tenant, self.mode)


def current_principal(request: Request) -> Principal:
    """Return who asks. Raises Unauthenticated on a public route without credentials."""
    principal: Principal | None = request.state.principal
    if principal is None:
        raise Unauthenticated
    return principal


async def _current(request: Request) -> Principal:
    return current_principal(request)


CurrentPrincipal = Annotated[Principal, Depends(_current)]
"""The caller, for endpoints that need one. Raises Unauthenticated on a public route without credentials."""
