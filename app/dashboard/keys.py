"""API keys: make one, whose secret is shown this once, and revoke one."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.auth.models import KEY_SCOPES, Permission
from app.dashboard.confirming import Question, ask, carry_out
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.listing import pager_of, window_of
from app.dashboard.revealing import Made, reveal
from app.dashboard.route import DashboardRoute
from app.kit.ids import Prefix

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/keys")

_NAME_LENGTH = 80


@router.get("")
async def dashboard_keys(request: Request) -> Response:
    """Show the keys of both modes, newest first, and the form for another."""
    return await _list(desk_of(request))


@router.post("")
async def dashboard_key_create(request: Request) -> Response:
    """Make a key for the mode that is looked at, and show its secret: this once."""
    desk = desk_of(request)
    name = desk.form.get("name", "").strip()
    if not 0 < len(name) <= _NAME_LENGTH:
        return await _list(desk, name=name, error=f"A name of at most {_NAME_LENGTH} letters tells the keys apart.")
    scopes = frozenset(scope for scope in KEY_SCOPES if desk.form.get(f"scope.{scope.value}"))
    if not scopes:
        return await _list(desk, name=name, error="Tick at least one thing that the key may do.")
    made = await desk.door.keys.create_key(desk.principal, name=name, mode=desk.scope.mode, scopes=scopes)
    shown = Made(
        title="The key is made",
        says="The secret is shown this once. Only a digest of it is kept.",
        copied=[("Secret", made.secret)],
        back=f"{HOME}/keys",
        facts=[("Name", made.key.name), ("Mode", made.key.mode.value.capitalize()), ("Key id", made.key.id)],
        hint="Send it as the header Authorization: Bearer, and the secret behind it.",
    )
    return await reveal(desk, shown)


@router.get("/{key_id}/revoke")
async def dashboard_key_revoke_page(key_id: str, request: Request) -> Response:
    """Ask whether to revoke it."""
    desk = desk_of(request)
    key = await desk.door.keys.get_key(desk.principal.tenant, key_id)
    question = Question(
        title="Revoke this key?",
        says=["Whatever uses it is refused from now on. This can't be taken back."],
        button="Revoke the key",
        back=f"{HOME}/keys",
        tone="danger",
        facts=[("Name", key.name), ("Key", key.id), ("Ends with", key.hint)],
    )
    return await ask(desk, question)


@router.post("/{key_id}/revoke")
async def dashboard_key_revoke(key_id: str, request: Request) -> Response:
    """End a key."""
    desk = desk_of(request)
    known = await desk.door.keys.get_key(desk.principal.tenant, key_id)

    async def deed() -> object:
        return await desk.door.keys.revoke_key(desk.principal, known.id)

    return await carry_out(desk, deed, back=f"{HOME}/keys", notice="key_revoked")


async def _list(desk: Desk, *, name: str = "", error: str = "") -> Response:
    window = window_of(desk.request, Prefix.API_KEY)
    found = await desk.door.keys.list_keys(desk.principal.tenant, window=window)
    return await desk.show(
        "keys.html",
        status=422 if error else 200,
        keys=found.rows,
        pager=pager_of(desk.request, window, found, id_of=lambda key: key.id),
        scopes=sorted(scope.value for scope in KEY_SCOPES & desk.principal.permissions),
        usual={Permission.PAYMENTS_READ.value, Permission.PAYMENTS_WRITE.value},
        name=name[:_NAME_LENGTH],
        error=error,
    )
