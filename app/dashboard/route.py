"""The route class of the dashboard: who sits at the browser, whether they may, and whether the form is theirs."""

import re
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from app.auth.access import Access, need_of
from app.auth.browsers import Visitor
from app.auth.models import Permission
from app.auth.problems import PermissionDenied
from app.dashboard.door import SIGN_IN, DashboardDoor, door_of
from app.kit.scope import Mode
from app.pages.route import PageRoute

MODE_COOKIE = "pg_mode"
_SAFE = frozenset({"GET", "HEAD"})
_LONGEST_NEXT = 1000
# A path of the dashboard and nothing else: no host, no scheme, no backslash, no way up.
_LOCAL = re.compile(r"/dashboard(?:/[A-Za-z0-9_.-]+)*/?(?:\?[A-Za-z0-9_.~%&=+:-]*)?")
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class DashboardRoute(PageRoute):
    """A page of the dashboard. Nobody signed in is sent to sign in, and comes back to where they were going.

    For endpoints `request.state` carries `principal` and `visitor`, and on unsafe methods `form`.
    """

    def _admitting(self, inner: _Handler) -> _Handler:
        operation_id = str(self.operation_id)

        async def handle(request: Request) -> Response:
            door = door_of(request)
            visitor = await visitor_of(request, door)
            await door.limits.check(request, operation_id, visitor.principal if visitor is not None else None)
            need = need_of(operation_id)
            if visitor is None and need is not Access.PUBLIC:
                return _to_sign_in(request)
            _refuse_unless_permitted(visitor, need)
            state = request.state
            state.visitor = visitor
            state.principal = visitor.principal if visitor is not None else None
            if visitor is not None:
                # Its forms belong to the session: a token dies with it, and is nobody else's (S12).
                state.form_holder = visitor.principal.session_id
            if request.method not in _SAFE:
                await self._read(request, door)
            return await inner(request)

        return handle

    async def _read(self, request: Request, door: DashboardDoor) -> None:
        request.state.form = await door.pages.read_form(request)


class UploadRoute(DashboardRoute):
    """A page of the dashboard whose form carries files: `request.state.files` has them by their fields."""

    async def _read(self, request: Request, door: DashboardDoor) -> None:
        request.state.form, request.state.files = await door.pages.read_upload(request)


async def visitor_of(request: Request, door: DashboardDoor) -> Visitor | None:
    """Return who sits at the browser, in the mode that they chose; None when nobody is signed in."""
    secret = request.cookies.get(door.session_cookie)
    if secret is None:
        return None
    chosen = request.cookies.get(MODE_COOKIE)
    return await door.browsers.find_visitor(secret, mode=Mode(chosen) if chosen in set(Mode) else None)


def local_path(text: str | None, *, otherwise: str) -> str:
    """Return a path to go on to, if it is one of the dashboard's own; no address leads away from here."""
    if text is None or len(text) > _LONGEST_NEXT or _LOCAL.fullmatch(text) is None or ".." in text:
        return otherwise
    return otherwise if text.startswith(SIGN_IN) else text


def _to_sign_in(request: Request) -> Response:
    if request.method not in _SAFE:
        return RedirectResponse(SIGN_IN, status_code=303)
    path, query = request.url.path, request.url.query
    wanted = local_path(f"{path}?{query}" if query else path, otherwise="")
    return RedirectResponse(f"{SIGN_IN}?next={quote(wanted, safe='')}" if wanted else SIGN_IN, status_code=303)


def _refuse_unless_permitted(visitor: Visitor | None, need: Access | Permission | None) -> None:
    match need:
        case Access.PUBLIC:
            return
        case Access.USER if visitor is not None:
            return
        case Permission() if visitor is not None and need in visitor.principal.permissions:
            return
        case _:
            raise PermissionDenied
