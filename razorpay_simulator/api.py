"""The door of the API: reads a call, lets a fault strike, runs the handler, writes the answer, notes it all."""

import asyncio
import hashlib
from typing import Any

from starlette.types import Receive, Scope, Send

from razorpay_simulator import wire
from razorpay_simulator.answers import Answer, Reset, abort, send_answer
from razorpay_simulator.auth import authenticate
from razorpay_simulator.calls import Call, Route, RouteTable
from razorpay_simulator.errors import ApiError, bad_request, no_route, url_not_found
from razorpay_simulator.faults import FaultMode, FaultRule
from razorpay_simulator.processing.meanwhile import insert
from razorpay_simulator.resources.refunds import KEY_HEADER
from razorpay_simulator.striking import answer_instead, spoil
from razorpay_simulator.world import World

_EDGE_ONLY = "/v1/webhooks"
"""Below this path the edge gateway itself refuses other methods, as measured."""


class Api:
    """Everything under `/v1`, as an ASGI application.

    Args:
        world: the state.
        routes: what is served.
    """

    def __init__(self, world: World, routes: RouteTable) -> None:
        self._world = world
        self._routes = routes
        self._latency_seconds = world.config.latency_ms / 1000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        # The whole body is read first, so that a later reset doesn't meet a client that still writes.
        body = await _read(receive)
        if self._latency_seconds:
            await asyncio.sleep(self._latency_seconds)
        try:
            answer = await self._answer(scope, body)
        except Reset:
            await abort(scope, receive)
            return
        await send_answer(answer, send)

    async def _answer(self, scope: Scope, body: bytes) -> Answer:
        method, path = scope["method"], scope["path"]
        found = self._routes.find(method, path)
        if found is None:
            refusal = url_not_found() if self._is_known_to_api(path) else no_route()
            return self._noted(Answer.of_error(refusal), method, path, None)
        route, params = found
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            account = authenticate(self._world, headers.get(b"authorization"), is_public=route.is_public)
        except ApiError as refusal:
            return self._noted(Answer.of_error(refusal), method, path, route)
        rules = self._world.faults
        fault = rules.pick(method, route.template, path, account.id) if rules.rules else None
        call = Call(self._world, account, params, [], frozenset(), {}, headers, _base_url(scope, headers))
        sent = _sent(headers, body)
        try:
            answer = await self._run(call, route, scope, body, fault)
        except Reset:
            self._note(method, path, route, account.id, None, fault, **sent)
            raise
        self._note(method, path, route, account.id, answer.status, fault, **sent)
        return answer

    async def _run(self, call: Call, route: Route, scope: Scope, body: bytes, fault: FaultRule | None) -> Answer:
        if fault is None:
            return _handle(call, route, scope, body)
        instead = answer_instead(fault)
        if instead is not None:
            return instead
        if fault.mode is FaultMode.DELAY_THEN_PROCESS:
            await _work_slowly(call, fault.delay_seconds)
        call.ignores_idempotency = fault.mode is FaultMode.IGNORE_IDEMPOTENCY
        answer = _handle(call, route, scope, body)
        if fault.mode is FaultMode.SLOW:
            await asyncio.sleep(fault.delay_seconds)
        if fault.mode is FaultMode.INSERT_AFTER:
            insert(call.world, call.account, route.template)
        return spoil(answer, fault)

    def _is_known_to_api(self, path: str) -> bool:
        return not path.startswith(_EDGE_ONLY) and self._routes.knows(path)

    def _noted(self, answer: Answer, method: str, path: str, route: Route | None) -> Answer:
        self._note(method, path, route, None, answer.status, None)
        return answer

    def _note(
        self,
        method: str,
        path: str,
        route: Route | None,
        account_id: str | None,
        status: int | None,
        fault: FaultRule | None,
        **sent: str,
    ) -> None:
        self._world.journal.write(
            "call",
            account=account_id,
            method=method,
            path=path,
            route=route.template if route else None,
            status=status,
            fault=fault.mode.value if fault else None,
            **sent,
        )


def _handle(call: Call, route: Route, scope: Scope, body: bytes) -> Answer:
    try:
        call.query = wire.parse_query(scope["query_string"])
        call.expands = wire.parse_expands(call.query)
        if body:
            content_type = call.headers.get(b"content-type", b"").decode("latin-1")
            call.body = wire.parse_body(body, content_type)
        value: Any = route.handler(call)
    except ApiError as refusal:
        return Answer.of_error(refusal)
    except UnicodeError:
        return Answer.of_error(bad_request("The request holds text that is not valid."))
    # A document's content is no JSON: its handler says itself how it is answered.
    return value if isinstance(value, Answer) else Answer(200, wire.render(value))


async def _work_slowly(call: Call, seconds: float) -> None:
    """Take a while before the effect; meanwhile the call's idempotency key is at work."""
    key = call.header(KEY_HEADER)
    at_work = call.account.refund_keys_at_work
    is_first = key is not None and key not in at_work
    if key is not None:
        at_work.add(key)
    try:
        await asyncio.sleep(seconds)
    finally:
        if is_first:
            at_work.discard(str(key))


def _sent(headers: dict[bytes, bytes], body: bytes) -> dict[str, str]:
    """Return what tells whether two calls were the very same: the idempotency key, and a digest of the body."""
    key = headers.get(b"x-refund-idempotency")
    return ({"idempotency_key": key.decode("latin-1")} if key is not None else {}) | (
        {"body_sha256": hashlib.sha256(body).hexdigest()} if body else {}
    )


async def _read(receive: Receive) -> bytes:
    """Return the body; what is beyond the limit is read and dropped."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        chunk = message.get("body", b"")
        if size <= wire.MAX_UPLOAD_BYTES:
            chunks.append(chunk)
        size += len(chunk)
        if not message.get("more_body", False):
            break
    return b"".join(chunks)


def _base_url(scope: Scope, headers: dict[bytes, bytes]) -> str:
    host = headers.get(b"host", b"127.0.0.1").decode("latin-1")
    return f"{scope.get('scheme', 'http')}://{host}"
