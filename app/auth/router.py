"""Sign-up, sign-in, sessions and one's own profile over HTTP."""

from fastapi import APIRouter, Request

from app.auth.dependencies import Door
from app.auth.keys_router import router as keys_router
from app.auth.schemas import (
    PasswordChange,
    ProfileUpdate,
    Refresh,
    SessionRead,
    SignedUpRead,
    SignIn,
    SignUp,
    TokensRead,
    UserRead,
)
from app.auth.service import NewUser
from app.auth.users_router import router as users_router
from app.web.client import address_of
from app.web.envelope import Page, Success, ok
from app.web.principal import CurrentPrincipal
from app.web.route import Route

router = APIRouter(prefix="/auth", tags=["Authentication"], route_class=Route)
routers = (router, keys_router, users_router)
"""Every router of the room."""

# Answers with tokens are never kept, and passwords are never digested into a stored fingerprint.
_UNKEPT = {"x-idempotency": "none"}


@router.post("/signup", status_code=201, openapi_extra=_UNKEPT, summary="Sign up")
async def auth_signup(body: SignUp, door: Door) -> Success[SignedUpRead]:
    """Create a merchant and its owner.

    The answer is the same when the e-mail is registered already, and then nothing changes: whether somebody has an
    account here is nobody's business.
    """
    new = NewUser(email=body.email, password=body.password, full_name=body.full_name)
    await door.accounts.sign_up(new, merchant_name=body.merchant_name)
    return ok(
        SignedUpRead(email=body.email),
        "Sign in with your e-mail and password. If the e-mail was registered already, nothing has changed.",
        now=door.clock.now(),
    )


@router.post("/signin", openapi_extra=_UNKEPT, summary="Sign in")
async def auth_signin(body: SignIn, request: Request, door: Door) -> Success[TokensRead]:
    """Exchange e-mail and password for a short access token and a rotating refresh token."""
    signed_in = await door.sessions.sign_in(
        email=body.email,
        password=body.password,
        address=address_of(request),
        user_agent=request.headers.get("user-agent"),
    )
    return ok(TokensRead.of(signed_in), "Signed in.", now=door.clock.now())


@router.post("/refresh", openapi_extra=_UNKEPT, summary="Refresh the tokens")
async def auth_refresh(body: Refresh, door: Door) -> Success[TokensRead]:
    """Exchange a refresh token for its successor. An old one that comes back ends the whole session."""
    signed_in = await door.sessions.refresh(body.refresh_token)
    return ok(TokensRead.of(signed_in), "Refreshed.", now=door.clock.now())


@router.post("/signout", openapi_extra=_UNKEPT, summary="Sign out")
async def auth_signout(principal: CurrentPrincipal, door: Door) -> Success[None]:
    """End this session; its tokens stop working within seconds."""
    user = await door.accounts.get_user(principal.tenant, principal.subject_id)
    await door.sessions.sign_out(user, str(principal.session_id))
    return ok(None, "Signed out.", now=door.clock.now())


@router.get("/profile", summary="Fetch your profile")
async def auth_profile_get(principal: CurrentPrincipal, door: Door) -> Success[UserRead]:
    """Return who you are."""
    user = await door.accounts.get_user(principal.tenant, principal.subject_id)
    return ok(UserRead.of(user), "Profile.", now=door.clock.now())


@router.patch("/profile", summary="Change your profile")
async def auth_profile_update(body: ProfileUpdate, principal: CurrentPrincipal, door: Door) -> Success[UserRead]:
    """Change your name."""
    user = await door.accounts.update_profile(principal.tenant, principal.subject_id, full_name=body.full_name)
    return ok(UserRead.of(user), "Profile changed.", now=door.clock.now())


@router.post("/password", openapi_extra=_UNKEPT, summary="Change your password")
async def auth_password_change(body: PasswordChange, principal: CurrentPrincipal, door: Door) -> Success[None]:
    """Change your password; every other session of yours ends."""
    await door.accounts.change_password(principal, current=body.current_password, new=body.new_password)
    return ok(None, "Password changed; other sessions have ended.", now=door.clock.now())


@router.get("/sessions", summary="List your sessions")
async def auth_sessions_list(principal: CurrentPrincipal, door: Door) -> Success[Page[SessionRead]]:
    """Return where you are signed in, newest first; at most 100."""
    user = await door.accounts.get_user(principal.tenant, principal.subject_id)
    found = await door.sessions.list_sessions(user)
    items = [SessionRead.of(session, current=principal.session_id) for session in found]
    return ok(Page(items=items, has_more=False, next_cursor=None), "Sessions.", now=door.clock.now())


@router.delete("/sessions", openapi_extra=_UNKEPT, summary="End your other sessions")
async def auth_sessions_revoke_others(principal: CurrentPrincipal, door: Door) -> Success[None]:
    """End every session of yours but the one that asks."""
    user = await door.accounts.get_user(principal.tenant, principal.subject_id)
    await door.sessions.end_all(user, because="ended_by_user", but=principal.session_id)
    return ok(None, "Your other sessions have ended.", now=door.clock.now())


@router.delete("/sessions/{session_id}", openapi_extra=_UNKEPT, summary="End a session")
async def auth_sessions_revoke(session_id: str, principal: CurrentPrincipal, door: Door) -> Success[None]:
    """End one of your sessions."""
    user = await door.accounts.get_user(principal.tenant, principal.subject_id)
    await door.sessions.end_session(user, session_id)
    return ok(None, "The session has ended.", now=door.clock.now())
