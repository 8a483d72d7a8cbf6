"""The short way to an endpoint that asks for nothing but the request and parts of its path.

FastAPI solves dependencies, opens three exit stacks and parses a body for every endpoint, also where there is nothing
to solve; that is a sixth of what an incoming event or a read costs in all. Such an endpoint is found by its signature
and called at once; everything else about its route (documentation, matching, errors) stays FastAPI's.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def direct_handler(route: APIRoute) -> Handler | None:
    """Return a handler that calls the route's endpoint itself, or None where FastAPI has something to do."""
    endpoint, asked, model = route.dependant.call, route.dependant, route.response_model
    shows_model = isinstance(model, type) and issubclass(model, BaseModel)
    if endpoint is None or not shows_model or not _asks_nothing_else(asked):
        return None
    status, name = route.status_code or 200, str(asked.request_param_name)

    async def handle(request: Request) -> Response:
        answer = await endpoint(**{name: request}, **request.path_params)
        if isinstance(answer, Response):
            return answer
        return Response(answer.model_dump_json(by_alias=True), status, media_type="application/json")

    return handle


def direct_app(handler: Handler) -> ASGIApp:
    """Return the ASGI application of a handler; what it raises is answered by the layers around every route."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        response = await handler(request)
        await response(scope, receive, send)

    return app


def _asks_nothing_else(asked: Dependant) -> bool:
    plain = asked.request_param_name is not None and all(
        field.field_info.annotation is str and not field.field_info.metadata for field in asked.path_params
    )
    more = (asked.dependencies, asked.query_params, asked.header_params, asked.cookie_params, asked.body_params)
    special = (asked.response_param_name, asked.background_tasks_param_name, asked.security_scopes_param_name)
    return plain and not any(more) and not any(special)
