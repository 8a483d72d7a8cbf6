"""One's own account: name, password, and where one is signed in."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.auth.models import User
from app.dashboard.confirming import carry_out
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.route import DashboardRoute
from app.kit.errors import Problem

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/account")

_PAGE = f"{HOME}/account"
_NAME_LENGTH, _PASSWORD_LENGTH = 120, 1024


@router.get("")
async def dashboard_account(request: Request) -> Response:
    """Show one's own account."""
    return await _show(desk_of(request))


@router.post("/name")
async def dashboard_account_name(request: Request) -> Response:
    """Change one's own name."""
    desk = desk_of(request)
    name = desk.form.get("full_name", "").strip()
    if not 0 < len(name) <= _NAME_LENGTH:
        return await _show(desk, errors={"full_name": "Write your name."})
    await desk.door.accounts.update_profile(desk.principal.tenant, desk.principal.user_id, full_name=name)
    desk.door.browsers.forget(desk.request.cookies[desk.door.session_cookie])
    return desk.done(_PAGE, "profile_changed")


@router.post("/password")
async def dashboard_account_password(request: Request) -> Response:
    """Change one's own password, and end every other session."""
    desk, form = desk_of(request), desk_of(request).form
    current, new = (form.get(name, "")[:_PASSWORD_LENGTH] for name in ("current_password", "new_password"))
    try:
        await desk.door.accounts.change_password(desk.principal, current=current, new=new)
    except Problem as problem:
        field = problem.param if problem.param == "current_password" else "new_password"
        return await _show(desk, errors={field: problem.message})
    return desk.done(_PAGE, "password_changed")


@router.post("/sessions/end-others")
async def dashboard_sessions_end_others(request: Request) -> Response:
    """End every session but this one."""
    desk = desk_of(request)
    user = await _user(desk)
    await desk.door.sessions.end_all(user, because="ended_by_user", but=desk.principal.session_id)
    return desk.done(_PAGE, "others_ended")


@router.post("/sessions/{session_id}/end")
async def dashboard_session_end(session_id: str, request: Request) -> Response:
    """End one of one's own sessions."""
    desk = desk_of(request)
    user = await _user(desk)

    async def deed() -> None:
        await desk.door.sessions.end_session(user, session_id)

    return await carry_out(desk, deed, back=_PAGE, notice="session_ended")


async def _show(desk: Desk, *, errors: dict[str, str] | None = None) -> Response:
    user = await _user(desk)
    return await desk.show(
        "account.html",
        status=422 if errors else 200,
        user=user,
        sessions=await desk.door.sessions.list_sessions(user),
        current=desk.principal.session_id,
        errors=errors or {},
    )


async def _user(desk: Desk) -> User:
    return await desk.door.accounts.get_user(desk.principal.tenant, desk.principal.user_id)
