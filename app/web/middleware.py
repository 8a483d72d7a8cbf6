"""One pure ASGI layer around everything: who asked, how large, how long, and what every answer carries.

Its parts would read nicer as six layers, but each layer costs a wrapped `send` per request; together they cost the
time of one. What it does, in order: request id and trace, host check, body limit, a slot to work in, the request
itself, headers, metrics, and one canonical log line.
"""

import asyncio
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from fastapi.routing import iter_route_contexts
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit.clock import Clock
from app.kit.errors import Problem
from app.kit.ids import Ids, Prefix
from app.kit.pan import has_card_number
from app.web.errors import BodyTooLarge, BodyTooSlow, Failures, HostNotAllowed, InternalError
from app.web.metrics import HttpMeter, Metrics
from app.web.shedding import Overloaded, Room, Shedder, Slots, rooms_of

CLIENT_CLOSED: Final = 499
"""Logged and counted when the client went away before the answer; nobody receives it."""

UNMATCHED: Final = "unmatched"

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_LENGTH_DIGITS = 18
_LEAST_BYTES_PER_SECOND = 64 * 1024
_BODYLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
_SECURITY_HEADERS = [(b"x-content-type-options", b"nosniff")]
_CLOSE = (b"connection", b"close")
_NO_REFERRER = (b"referrer-policy", b"no-referrer")
_NO_STORE = (b"cache-control", b"no-store")
_POLICY = (b"content-security-policy", _API_POLICY)


@dataclass(frozen=True, slots=True)
class Edge:
    """What the edge allows.

    Attributes:
        allowed_hosts: names the service answers to; `*` allows all, `*.example.com` a domain's children.
        max_body_bytes: longest body of a request.
        body_limits: other limits by path prefix, such as the one for incoming events.
        body_seconds: how long a body may take to arrive, and a second more for each 64 KiB of it (N2).
        room: for how many requests there is room at one time.
        is_https: whether clients reach the service by HTTPS: browsers are then told to insist on it.
        is_draining: tells whether this process is about to end: each answer then closes its connection, so that a proxy
            does not send the next request into one that goes away (P7).
        quiet_paths: paths that machines ask all the time: their lines are of level debug, any host may ask, and they
            need no slot.
    """

    allowed_hosts: Sequence[str] = ("*",)
    max_body_bytes: int = 64 * 1024
    body_limits: Mapping[str, int] = field(default_factory=dict)
    body_seconds: float = 10.0
    room: Room = field(default_factory=Room)
    is_https: bool = False
    is_draining: Callable[[], bool] = lambda: False
    quiet_paths: frozenset[str] = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})

    def allows_host(self, host: str) -> bool:
        """Tell whether a Host header, with or without port, names this service."""
        name = host.lower()
        name = name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]
        return any(
            allowed in (name, "*") or (allowed.startswith("*.") and name.endswith(allowed[1:]))
            for allowed in self.allowed_hosts
        )

    def body_limit(self, path: str) -> int:
        """Return the longest body for a path, in bytes."""
        for prefix, limit in self.body_limits.items():
            if path.startswith(prefix):
                return limit
        return self.max_body_bytes


class Middleware:
    """The layer; `app.add_middleware(Middleware, edge=..., metrics=..., failures=..., clock=..., ids=...)`."""

    def __init__(
        self, app: ASGIApp, *, edge: Edge, metrics: Metrics, failures: Failures, clock: Clock, ids: Ids
    ) -> None:
        """Wrap an application."""
        self._app = app
        self._edge = edge
        self._failures = failures
        self._clock = clock
        self._ids = ids
        self._meter = HttpMeter(metrics)
        self._shedder = Shedder.create(rooms_of(edge.room), metrics=metrics.edge, clock=clock, free=edge.quiet_paths)
        self._logger: Any = None
        self._any_host = "*" in edge.allowed_hosts
        self._templates: dict[Any, str] | None = None
        self._headers = list(_SECURITY_HEADERS)
        if edge.is_https:
            self._headers.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = [*self._headers, _CLOSE] if self._edge.is_draining() else self._headers
        exchange = _Exchange(scope, receive, send, headers)
        exchange.name(self._ids)
        started = self._clock.monotonic()
        self._meter.in_flight += 1
        try:
            await self._serve(exchange)
        finally:
            self._meter.in_flight -= 1
            self._record(exchange, self._clock.monotonic() - started)

    @property
    def _log(self) -> Any:
        # Bound once, as a lazy logger would be assembled anew for every line; but not before the first request,
        # because this layer is built before the service's start has configured the logs.
        if self._logger is None:
            self._logger = structlog.get_logger("app.request").bind()
        return self._logger

    async def _serve(self, exchange: "_Exchange") -> None:
        try:
            self._admit(exchange)
            lane = self._shedder.lane_of(exchange.scope["path"])
            if lane is not None:
                slots = self._shedder.lanes[lane]
                if not slots.enter():
                    await self._shedder.wait(lane)
                exchange.slots = slots
            await self._app(exchange.scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            return
        except Problem as problem:
            await self._answer(exchange, problem)
        except Exception as error:
            self._log.error("unexpected_error", exc_info=error)
            if exchange.status != CLIENT_CLOSED:
                # Half an answer is out: only a broken connection tells the client that it is not whole.
                raise
            await self._answer(exchange, InternalError())
        finally:
            exchange.leave()

    def _admit(self, exchange: "_Exchange") -> None:
        scope = exchange.scope
        path = scope["path"]
        if not self._any_host and path not in self._edge.quiet_paths and not self._edge.allows_host(exchange.host):
            raise HostNotAllowed
        if exchange.length is None and scope["method"] in _BODYLESS:
            return
        limit = self._edge.body_limit(path)
        if exchange.length is None:
            # No length was promised, so the bytes are counted as they come.
            exchange.bytes_left = limit
        elif exchange.length > limit:
            raise BodyTooLarge(details={"limit_bytes": limit})
        if size := limit if exchange.length is None else exchange.length:
            seconds = self._edge.body_seconds + size / _LEAST_BYTES_PER_SECOND
            exchange.body_ends_at = asyncio.get_running_loop().time() + seconds

    async def _answer(self, exchange: "_Exchange", problem: Problem) -> None:
        exchange.was_shed = isinstance(problem, Overloaded)
        response = self._failures.answer_to(exchange.scope, problem)
        await response(exchange.scope, exchange.receive, exchange.send)

    def _record(self, exchange: "_Exchange", seconds: float) -> None:
        scope = exchange.scope
        route = self._template(scope)
        status = exchange.status
        self._meter.record(method=scope["method"], route=route, status=status, seconds=seconds)
        fields: dict[str, Any] = {
            "method": scope["method"],
            "route": route,
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
        }
        if (principal := scope["state"].get("principal")) is not None:
            fields["tenant"] = principal.tenant
        if exchange.was_shed:
            # Counted, and told of once a minute: a line for each would be work that there is no room for.
            self._log.debug("request", **fields)
        elif status >= 500:
            self._log.error("request", **fields)
        elif scope["path"] in self._edge.quiet_paths:
            self._log.debug("request", **fields)
        else:
            self._log.info("request", **fields)

    def _template(self, scope: Scope) -> str:
        """Return the path template of the operation that was called; an alias counts as the path it stands for."""
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return UNMATCHED
        if self._templates is None:
            self._templates = _templates_of(scope["app"])
        return self._templates.get(endpoint, UNMATCHED)


def _templates_of(app: Any) -> dict[Any, str]:
    templates: dict[Any, str] = {}
    for context in iter_route_contexts(app.routes):
        endpoint, path = context.endpoint, context.path_format
        if endpoint is None or path is None:
            continue
        if endpoint not in templates or getattr(context, "include_in_schema", False):
            templates[endpoint] = path
    return templates


class _Exchange:
    """One request and its answer on their way through."""

    __slots__ = (
        "_extra",
        "_receive",
        "_send",
        "body_ends_at",
        "bytes_left",
        "host",
        "length",
        "request_id",
        "scope",
        "slots",
        "status",
        "traceparent",
        "was_shed",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, extra: list[tuple[bytes, bytes]]) -> None:
        self.scope = scope
        self.status = CLIENT_CLOSED
        self.body_ends_at: float | None = None
        self.bytes_left: int | None = None
        self.host = ""
        self.length: int | None = None
        self.request_id = ""
        self.slots: Slots | None = None
        self.traceparent: bytes | None = None
        self.was_shed = False
        self._receive = receive
        self._send = send
        self._extra = extra

    def name(self, ids: Ids) -> None:
        """Read the headers that the edge cares for, and bind the request's name to everything that is logged."""
        for header, value in self.scope["headers"]:
            match header:
                case b"host":
                    self.host = value.decode("latin-1")
                case b"x-request-id" if _REQUEST_ID.fullmatch(value) and not has_card_number(value.decode()):
                    self.request_id = value.decode()
                case b"traceparent" if _TRACEPARENT.fullmatch(value):
                    self.traceparent = value
                case b"content-length" if value.isdigit():
                    self.length = int(value) if len(value) <= _LENGTH_DIGITS else sys.maxsize
                case _:
                    pass
        self.request_id = self.request_id or ids.new(Prefix.REQUEST)
        state = self.scope.setdefault("state", {})
        state["request_id"] = self.request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=self.request_id)
        if self.traceparent is not None:
            state["traceparent"] = self.traceparent.decode()
            structlog.contextvars.bind_contextvars(trace_id=state["traceparent"][3:35])

    def leave(self) -> None:
        """Give the slot back, if there still is one."""
        if self.slots is not None:
            self.slots.leave()
            self.slots = None

    async def receive(self) -> Message:
        """Pass a part of the body on. Raises BodyTooLarge, BodyTooSlow."""
        message = await self._receive() if self.body_ends_at is None else await self._receive_in_time()
        if self.bytes_left is not None and message["type"] == "http.request":
            self.bytes_left -= len(message.get("body", b""))
            if self.bytes_left < 0:
                raise BodyTooLarge
        return message

    async def _receive_in_time(self) -> Message:
        # Whoever sends slowly holds a slot meanwhile, so a few hundred of them would be enough to stop everybody.
        try:
            async with asyncio.timeout_at(self.body_ends_at):
                message = await self._receive()
        except TimeoutError:
            raise BodyTooSlow from None
        if not message.get("more_body", False):
            self.body_ends_at = None
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on; its start gets the headers that every answer carries, its body gives the slot back.

        With the first part of the body the work is done, except that of streams, which must not hold a slot for as long
        as they last; nor must a client who reads slowly.
        """
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message["headers"], *self._extra, (b"x-request-id", self.request_id.encode())]
            headers += self.scope["state"].get("answer_headers", ())
            names = {name for name, _ in message["headers"]}
            if b"cache-control" not in names:
                headers.append(_NO_STORE)
            if b"content-security-policy" not in names:
                headers.append(_POLICY)
            if b"referrer-policy" not in names:
                headers.append(_NO_REFERRER)
            if self.traceparent is not None:
                headers.append((b"traceparent", self.traceparent))
            message = {**message, "headers": headers}
        else:
            self.leave()
        await self._send(message)
