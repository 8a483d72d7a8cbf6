"""Signing in and out, and the switch between test and live."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.auth.problems import InvalidCredentials, TooManyAttempts, TooManySignIns
from app.dashboard.door import HOME, SIGN_IN, door_of
from app.dashboard.layout import NOTICES
from app.dashboard.route import MODE_COOKIE, DashboardRoute, local_path
from app.kit.errors import Problem
from app.kit.scope import Mode
from app.pages.render import see_other
from app.web.client import address_of
from app.web.errors import STATUS

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=HOME)

_MODE_SECONDS = 365 * 24 * 3600
_LONGEST_EMAIL, _LONGEST_PASSWORD = 254, 1024


@router.get("/sign-in")
async def dashboard_sign_in_page(request: Request) -> Response:
    """Show the form; whoever is signed in goes on."""
    wanted = local_path(request.query_params.get("next"), otherwise=HOME)
    if request.state.visitor is not None:
        return see_other(wanted)
    return _form(request, wanted=wanted)


@router.post("/sign-in")
async def dashboard_sign_in(request: Request) -> Response:
    """Begin a session under a new cookie, and go on to where the person wanted to go."""
    door, form = door_of(request), request.state.form
    email = form.get("email", "").strip().lower()[:_LONGEST_EMAIL]
    password = form.get("password", "")[:_LONGEST_PASSWORD]
    wanted = local_path(form.get("next"), otherwise=HOME)
    try:
        opened = await door.browsers.sign_in(
            email=email,
            password=password,
            address=address_of(request),
            user_agent=request.headers.get("user-agent"),
            former=request.cookies.get(door.session_cookie),
        )
    except (InvalidCredentials, TooManyAttempts, TooManySignIns) as problem:
        return _form(request, wanted=wanted, email=email, problem=problem)
    response = see_other(wanted)
    lasts = int((opened.expires_at - door.clock.now()).total_seconds())
    door.pages.keep(response, door.session_cookie, opened.secret, seconds=lasts, path=HOME)
    return response


@router.post("/sign-out")
async def dashboard_sign_out(request: Request) -> Response:
    """End the session and forget its cookie."""
    door = door_of(request)
    await door.browsers.sign_out(request.cookies[door.session_cookie])
    response = see_other(SIGN_IN, notice="signed_out")
    response.delete_cookie(door.session_cookie, path=HOME, secure=door.pages.is_https, httponly=True, samesite="lax")
    return response


@router.post("/mode")
async def dashboard_mode(request: Request) -> Response:
    """Look at test money or at live money from now on."""
    form = request.state.form
    chosen = Mode.LIVE if form.get("mode") == Mode.LIVE else Mode.TEST
    response = RedirectResponse(HOME, status_code=303)
    door_of(request).pages.keep(response, MODE_COOKIE, chosen.value, seconds=_MODE_SECONDS, path=HOME)
    return response


def _form(request: Request, *, wanted: str, email: str = "", problem: Problem | None = None) -> Response:
    headers = {"Retry-After": str(problem.retry_after_seconds)} if problem and problem.retry_after_seconds else None
    return door_of(request).pages.answer(
        request,
        "dashboard/sign_in.html",
        status=200 if problem is None else STATUS[problem.kind],
        headers=headers,
        language="en",
        wanted=wanted,
        email=email,
        problem=None if problem is None else problem.message,
        notice=NOTICES.get(request.query_params.get("notice", "")),
    )
