"""The route class of every router: first who may, then what was sent, then once per key.

An anonymous caller can't make us parse a body, and no endpoint is reachable without the guard having said yes.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine
from enum import StrEnum
from typing import Any, Protocol, cast

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.idempotency.models import Answer
from app.idempotency.service import Idempotency, IdempotencyKeyRequired, check_key, fingerprint_of
from app.kit.errors import Problem
from app.kit.pan import has_card_number
from app.web.direct import direct_app, direct_handler
from app.web.errors import CardNumberRefused, status_of
from app.web.gate import check_content, read_json

IDEMPOTENCY_EXTENSION = "x-idempotency"
KEY_HEADER = "idempotency-key"
REPLAYED_HEADER = "Idempotent-Replayed"
PUBLIC_TENANT = "public"

_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Headers that belong to an answer and not to the one exchange it was first given in.
_KEPT_HEADERS = ("content-type", "location")
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class KeyPolicy(StrEnum):
    """What a route does with an `Idempotency-Key`: `openapi_extra={"x-idempotency": ...}`."""

    OPTIONAL = "optional"
    REQUIRED = "required"
    OWN = "own"
    OWN_REQUIRED = "own-required"
    NONE = "none"


class Principal(Protocol):
    """What web needs to know of whoever asks."""

    @property
    def tenant(self) -> str:
        """Return the merchant's id."""
        ...

    @property
    def mode(self) -> str:
        """Return test or live."""
        ...


class Guard(Protocol):
    """Who may do what; the auth room implements it and wiring puts it into `app.state.guard`."""

    async def admit(self, request: Request, operation_id: str) -> Principal | None:
        """Return who asks, or None on a public route. Raises a Problem when the caller may not; denies by default."""
        ...


class GatedRequest(Request):
    """A request whose body was read and judged already."""

    def __init__(self, request: Request, *, raw: bytes, value: Any) -> None:
        """Take the scope of the request, its raw body and the value that the gate parsed."""
        super().__init__(request.scope, request.receive)
        self._raw = raw
        self._value = value

    async def body(self) -> bytes:
        """Return the raw bytes."""
        return self._raw

    async def json(self) -> Any:
        """Return the value that passed the gate."""
        return self._value

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the raw bytes."""
        yield self._raw
        yield b""


class Route(APIRoute):
    """Every operation of the API.

    The function's name is the operation id, so ids are stable and the permission table can name them. For endpoints,
    `request.state` carries `principal`, and on unsafe methods `raw_body`, `idempotency_key` (checked, or None) and
    `idempotency_attempt` (1 at first, more after a take-over).
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Name the operation after its function unless it has a name."""
        options["operation_id"] = options.get("operation_id") or cast("Any", endpoint).__name__
        super().__init__(path, endpoint, **options)
        direct = direct_handler(self)
        self._direct = None if direct is None else direct_app(self._admitting(direct))

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request that matched the path."""
        if self._direct is not None and self.methods and scope["method"] in self.methods:
            await self._direct(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    def get_route_handler(self) -> _Handler:
        """Return FastAPI's handler behind guard, gate and keeper."""
        return self._admitting(super().get_route_handler())

    def _admitting(self, inner: _Handler) -> _Handler:
        operation_id = str(self.operation_id)
        if not self.methods or not self.methods & _UNSAFE:
            return _guarded(inner, operation_id)
        policy = KeyPolicy((self.openapi_extra or {}).get(IDEMPOTENCY_EXTENSION, KeyPolicy.OPTIONAL))
        return _reading(_keeping(inner, policy), operation_id, is_json=self.body_field is not None)


def _guarded(inner: _Handler, operation_id: str) -> _Handler:
    async def handle(request: Request) -> Response:
        request.state.principal = await request.app.state.guard.admit(request, operation_id)
        return await inner(request)

    return handle


def _reading(run: _Handler, operation_id: str, *, is_json: bool) -> _Handler:
    async def handle(request: Request) -> Response:
        state = request.state
        state.principal = await request.app.state.guard.admit(request, operation_id)
        raw = await request.body()
        value = None
        if is_json and raw:
            check_content(request.headers.get("content-type"), request.headers.get("content-encoding"))
            value = read_json(raw)
        state.raw_body = raw
        return await run(GatedRequest(request, raw=raw, value=value))

    return handle


def _keeping(inner: _Handler, policy: KeyPolicy) -> _Handler:
    """Return the handler that treats the key as the route's policy says."""
    is_required = policy in {KeyPolicy.REQUIRED, KeyPolicy.OWN_REQUIRED}
    is_kept = policy in {KeyPolicy.REQUIRED, KeyPolicy.OPTIONAL}

    async def handle(request: Request) -> Response:
        key = None if policy is KeyPolicy.NONE else request.headers.get(KEY_HEADER)
        request.state.idempotency_key = key
        request.state.idempotency_attempt = 1
        if key is None:
            if is_required:
                raise IdempotencyKeyRequired(param="Idempotency-Key")
            return await inner(request)
        check_key(key)
        if has_card_number(key):
            raise CardNumberRefused(param="Idempotency-Key")
        if not is_kept:
            return await inner(request)
        return await _run_once(inner, request, key)

    return handle


async def _run_once(inner: _Handler, request: Request, key: str) -> Response:
    keeper: Idempotency = request.app.state.idempotency
    principal: Principal | None = request.state.principal
    method, path = request.method, request.scope["path"]
    begun = await keeper.begin(
        principal.tenant if principal is not None else PUBLIC_TENANT,
        mode=str(principal.mode) if principal is not None else PUBLIC_TENANT,
        operation=f"{method} {path}",
        key=key,
        fingerprint=fingerprint_of(method, path, request.state.raw_body),
    )
    if isinstance(begun, Answer):
        return _replay(begun)
    request.state.idempotency_attempt = begun.attempt
    try:
        response = await inner(request)
    except Exception as error:
        # A refusal changed nothing and binds nothing, and a problem that we raised ourselves is over: a retry may
        # run at once. Of anything else nobody knows what still happens: the key stays taken until its lease ends.
        is_over = isinstance(error, Problem) and not error.is_after_the_deed
        if is_over or status_of(error) < 500:
            await keeper.release(begun)
        raise
    if 200 <= response.status_code < 300:
        headers = {name: value for name in _KEPT_HEADERS if (value := response.headers.get(name)) is not None}
        await keeper.finish(begun, answer=Answer(response.status_code, headers, bytes(response.body)))
    elif response.status_code < 500:
        await keeper.release(begun)
    return response


def _replay(answer: Answer) -> Response:
    headers = {**answer.headers, REPLAYED_HEADER: "true"}
    return Response(answer.body, status_code=answer.status, headers=headers)
