"""The team: who works for the merchant, in which role."""

from email_validator import EmailNotValidError, validate_email
from fastapi import APIRouter, Request
from starlette.responses import Response

from app.auth.models import Role, UserStatus
from app.auth.service import NewUser
from app.dashboard.confirming import carry_out
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.listing import pager_of, window_of
from app.dashboard.route import DashboardRoute
from app.kit.errors import Problem
from app.kit.ids import Prefix

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/team")

_NAME_LENGTH, _PASSWORD_LENGTH = 120, 1024
ROLES = tuple((role.value, role.value.capitalize()) for role in reversed(Role))


@router.get("")
async def dashboard_team(request: Request) -> Response:
    """Show the members, newest first, and the form for another."""
    return await _list(desk_of(request))


@router.post("")
async def dashboard_member_create(request: Request) -> Response:
    """Add a member with a first password, which they should change."""
    desk, form = desk_of(request), desk_of(request).form
    values = {name: form.get(name, "").strip() for name in ("email", "full_name", "role")}
    errors: dict[str, str] = {}
    try:
        email = validate_email(values["email"], check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        email, errors["email"] = "", "This is no e-mail address."
    if not 0 < len(values["full_name"]) <= _NAME_LENGTH:
        errors["full_name"] = "Write the person's name."
    if values["role"] not in set(Role):
        errors["role"] = "Choose a role."
    if errors:
        return await _list(desk, values=values, errors=errors)
    new = NewUser(email=email, password=form.get("password", "")[:_PASSWORD_LENGTH], full_name=values["full_name"])
    try:
        await desk.door.accounts.create_user(desk.principal, new, role=Role(values["role"]))
    except Problem as problem:
        return await _list(desk, values=values, errors={problem.param or "password": problem.message})
    return desk.done(f"{HOME}/team", "member_added")


@router.get("/{user_id}")
async def dashboard_member(user_id: str, request: Request) -> Response:
    """Show a member, and what may be changed of them."""
    desk = desk_of(request)
    user = await desk.door.accounts.get_user(desk.principal.tenant, user_id)
    return await desk.show("member.html", user=user, roles=ROLES)


@router.post("/{user_id}")
async def dashboard_member_update(user_id: str, request: Request) -> Response:
    """Change a member's role, or disable them."""
    desk, form = desk_of(request), desk_of(request).form
    known = await desk.door.accounts.get_user(desk.principal.tenant, user_id)
    role, status = form.get("role"), form.get("status")

    async def deed() -> object:
        return await desk.door.accounts.update_user(
            desk.principal,
            known.id,
            role=Role(role) if role in set(Role) else None,
            status=UserStatus(status) if status in set(UserStatus) else None,
        )

    return await carry_out(desk, deed, back=f"{HOME}/team/{known.id}", notice="member_changed")


async def _list(desk: Desk, *, values: dict[str, str] | None = None, errors: dict[str, str] | None = None) -> Response:
    window = window_of(desk.request, Prefix.USER)
    found = await desk.door.accounts.list_users(desk.principal.tenant, window=window)
    return await desk.show(
        "team.html",
        status=422 if errors else 200,
        members=found.rows,
        pager=pager_of(desk.request, window, found, id_of=lambda user: user.id),
        roles=ROLES,
        values=values or {},
        errors=errors or {},
    )
