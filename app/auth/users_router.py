"""The merchant's team over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.auth.dependencies import Door
from app.auth.schemas import UserCreate, UserQuery, UserRead, UserUpdate
from app.auth.service import NewUser
from app.web.envelope import Page, Success, ok
from app.web.principal import CurrentPrincipal
from app.web.route import Route

router = APIRouter(prefix="/users", tags=["Team"], route_class=Route)


@router.post("", status_code=201, openapi_extra={"x-idempotency": "none"}, summary="Add a user")
async def users_create(body: UserCreate, principal: CurrentPrincipal, door: Door) -> Success[UserRead]:
    """Add a member to the team with a role and a first password."""
    new = NewUser(email=body.email, password=body.password, full_name=body.full_name)
    user = await door.accounts.create_user(principal, new, role=body.role)
    return ok(UserRead.of(user), "User added.", now=door.clock.now())


@router.get("", summary="List users")
async def users_list(
    query: Annotated[UserQuery, Query()], principal: CurrentPrincipal, door: Door
) -> Success[Page[UserRead]]:
    """Return the team, newest first."""
    found = await door.accounts.list_users(principal.tenant, window=query.window())
    return ok(found.read(UserRead.of), "Users.", now=door.clock.now())


@router.patch("/{user_id}", summary="Change a user")
async def users_update(user_id: str, body: UserUpdate, principal: CurrentPrincipal, door: Door) -> Success[UserRead]:
    """Change a member's role, or disable or enable them; a disabled user is out within seconds."""
    user = await door.accounts.update_user(principal, user_id, role=body.role, status=body.status)
    return ok(UserRead.of(user), "User changed.", now=door.clock.now())
