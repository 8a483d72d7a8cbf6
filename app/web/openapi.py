"""OpenAPI 3.1 as the house wants it: real error answers, security, idempotency headers, webhooks.

FastAPI describes what each operation takes and returns; what holds for all of them is added here in one place.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic.json_schema import models_json_schema

from app.kit.errors import Problem, catalogue
from app.web.envelope import Failure
from app.web.errors import (
    ERRORS_PAGE,
    STATUS,
    CardNumberRefused,
    MalformedJson,
    UnsupportedContentEncoding,
    UnsupportedMediaType,
)
from app.web.route import IDEMPOTENCY_EXTENSION, KeyPolicy

_EXAMPLE_REQUEST = "req_01JGFJJZ000000000000000000"
_EXAMPLE_TIME = "2026-01-01T00:00:00.000Z"
_UNSAFE = frozenset({"post", "put", "patch", "delete"})
_METHODS = frozenset({"get", "head", "options", *_UNSAFE})
_ALWAYS = (400, 422, 429, 500, 503)
# Only a body that is read as JSON can be wrong in these ways.
_OF_BODIES = frozenset({CardNumberRefused, MalformedJson, UnsupportedContentEncoding, UnsupportedMediaType})
_OF_THE_GUARD = frozenset({"token_invalid", "permission_denied"})
_TITLES = {
    400: "Malformed",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "TooSlow",
    409: "Conflict",
    413: "TooLarge",
    415: "Unsupported",
    422: "Invalid",
    429: "RateLimited",
    500: "Internal",
    503: "Unavailable",
}
_RETRY = {"Retry-After": {"description": "Seconds to wait before the next try.", "schema": {"type": "integer"}}}
_RATE_HEADERS = {
    "RateLimit-Policy": {
        "description": "The budget that the request was counted against: `q` requests in `w` seconds. Absent where "
        "nothing is counted.",
        "schema": {"type": "string", "examples": ['"reads";q=2000;w=2']},
    },
    "RateLimit": {
        "description": "How that budget stands: `r` more may follow at once, in `t` seconds it is whole again.",
        "schema": {"type": "string", "examples": ['"reads";r=1999;t=1']},
    },
}
_EXTRA_HEADERS: Mapping[int, Mapping[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "The schemes that are taken.", "schema": {"type": "string"}}},
    429: {**_RETRY, **_RATE_HEADERS},
    503: _RETRY,
}
_REQUEST_ID_HEADER = {"X-Request-Id": {"description": "Finds the request in our logs.", "schema": {"type": "string"}}}
_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token from sign-in, or the secret of an API key.",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "An API key: its id as the user name, its secret as the password.",
    },
}


def install_openapi(
    app: FastAPI,
    *,
    is_public: Callable[[str], bool],
    webhooks: Mapping[str, Any] | None = None,
    raised_below: Mapping[str, Collection[str]] | None = None,
    servers: Sequence[str] = (),
) -> None:
    """Make `app.openapi()` return the finished document.

    Args:
        app: the application; its routes are read at the first call.
        is_public: tells by operation id whether an operation needs no credentials.
        webhooks: the `webhooks` section, path items by event type.
        raised_below: by room, the rooms below it whose problems its operations may end in too.
        servers: addresses at which the API is reached.
    """

    def build() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
                servers=[{"url": server} for server in servers],
            )
            errors = _Errors(rooms=_rooms_of(app), raised_below=raised_below or {}, is_public=is_public)
            app.openapi_schema = _finish(document, errors=errors, webhooks=webhooks or {})
        return app.openapi_schema

    app.openapi = build  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


@dataclass(frozen=True, slots=True)
class _Errors:
    """Tells which problems an operation may end in.

    A room's operations end in problems of that room, of the rooms that its entry in `raised_below` names, of the edge
    and of the guard. An operation of no room may end in any.
    """

    rooms: Mapping[str, str | None]
    raised_below: Mapping[str, Collection[str]]
    is_public: Callable[[str], bool]

    def of(self, method: str, operation: Mapping[str, Any]) -> dict[int, list[type[Problem]]]:
        """Return the problems of an operation by status."""
        statuses = {*_ALWAYS, *_named_statuses(operation)}
        if not self.is_public(operation["operationId"]):
            statuses |= {401, 403}
        if any(parameter["in"] == "path" for parameter in operation.get("parameters", [])):
            statuses.add(404)
        if method in _UNSAFE:
            statuses |= {408, 409, 413}
        if "requestBody" in operation:
            statuses.add(415)
        by_status: dict[int, list[type[Problem]]] = {}
        for problem in catalogue():
            status = STATUS[problem.kind]
            if self._has(problem, status, method, operation, statuses=statuses):
                by_status.setdefault(status, []).append(problem)
        return by_status

    def _has(
        self, problem: type[Problem], status: int, method: str, operation: Mapping[str, Any], *, statuses: set[int]
    ) -> bool:
        room = self.rooms.get(operation["operationId"])
        origin = _room(problem.__module__)
        if origin == "web":
            has_key = method in _UNSAFE and _policy(operation) is not KeyPolicy.NONE
            is_read = "requestBody" in operation or (problem is CardNumberRefused and has_key)
            return status in statuses and (is_read or problem not in _OF_BODIES)
        if room is None:
            return status in statuses
        if origin == "idempotency":
            return method in _UNSAFE and _policy(operation) is not KeyPolicy.NONE
        if problem.code in _OF_THE_GUARD and status in statuses:
            return True
        is_possible = status in statuses if status == 404 else method in _UNSAFE or status >= 500
        return is_possible and (origin == room or origin in self.raised_below.get(room, ()))


def _room(module: str) -> str | None:
    """Return the room of a module's name, or None for one outside of the house."""
    parts = module.split(".")
    return parts[1] if parts[0] == "app" and len(parts) > 1 else None


def _rooms_of(app: FastAPI) -> dict[str, str | None]:
    return {
        str(route.operation_id): _room(route.endpoint.__module__)
        for route in (context.original_route for context in iter_route_contexts(app.routes))
        if isinstance(route, APIRoute)
    }


def _named_statuses(operation: Mapping[str, Any]) -> set[int]:
    """Return the error statuses that a route declares without saying more about them."""
    declared = operation.get("responses", {}).items()
    return {int(status) for status, response in declared if status[0] in "45" and _says_nothing(status, response)}


def _says_nothing(status: str, response: Mapping[str, Any]) -> bool:
    # FastAPI's generic 422, and the phrase that it puts where a route gave no description.
    is_bare = "content" not in response and response.get("description") == HTTPStatus(int(status)).phrase
    return is_bare or "HTTPValidationError" in str(response)


def _finish(document: dict[str, Any], *, errors: _Errors, webhooks: Mapping[str, Any]) -> dict[str, Any]:
    """Add to FastAPI's document what holds for every operation."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for dead in ("HTTPValidationError", "ValidationError"):
        schemas.pop(dead, None)
    _, definitions = models_json_schema([(Failure, "serialization")], ref_template="#/components/schemas/{model}")
    schemas.update(definitions["$defs"])
    components["securitySchemes"] = _SECURITY_SCHEMES
    components["examples"] = {problem.code: {"value": _example(problem)} for problem in catalogue()}
    for _path, method, operation in operations(document):
        _finish_operation(method, operation, errors)
    if webhooks:
        document["webhooks"] = dict(webhooks)
    return document


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every operation of a document with its path and method."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in _METHODS:
                yield path, method, operation


def _finish_operation(method: str, operation: dict[str, Any], errors: _Errors) -> None:
    is_public = errors.is_public(operation["operationId"])
    operation["security"] = [] if is_public else [{"bearer": []}, {"basic": []}]
    by_status = errors.of(method, operation)
    if method in _UNSAFE:
        _add_key_header(operation)
    responses = operation.setdefault("responses", {})
    for status in sorted(by_status):
        # What a room says about a status of its own operation stays.
        declared = responses.get(str(status))
        if declared is None or _says_nothing(str(status), declared):
            responses[str(status)] = _response(status, by_status[status])
    operation["responses"] = dict(sorted(responses.items()))
    for status, response in responses.items():
        if status.startswith("2"):
            response.setdefault("headers", {}).update({**_REQUEST_ID_HEADER, **_RATE_HEADERS})


def _policy(operation: Mapping[str, Any]) -> KeyPolicy:
    return KeyPolicy(operation.get(IDEMPOTENCY_EXTENSION, KeyPolicy.OPTIONAL))


def _add_key_header(operation: dict[str, Any]) -> None:
    policy = _policy(operation)
    if policy is KeyPolicy.NONE:
        return
    operation.setdefault("parameters", []).append(
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": policy in {KeyPolicy.REQUIRED, KeyPolicy.OWN_REQUIRED},
            "description": "Makes a retry safe: one key, one effect, for 30 days.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            "example": "order-4711-attempt-1",
        }
    )


def _response(status: int, problems: Sequence[type[Problem]]) -> dict[str, Any]:
    codes = ", ".join(f"`{problem.code}`" for problem in problems)
    return {
        "description": f"{_TITLES[status]}: {codes}.",
        "headers": {**_REQUEST_ID_HEADER, **_EXTRA_HEADERS.get(status, {})},
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Failure"},
                "examples": {problem.code: {"$ref": f"#/components/examples/{problem.code}"} for problem in problems},
            }
        },
    }


def _example(problem: type[Problem]) -> dict[str, Any]:
    return {
        "status": "error",
        "error": {
            "code": problem.code,
            "message": problem.message,
            "details": {},
            "param": None,
            "doc_url": f"{ERRORS_PAGE}#{problem.code}",
            "request_id": _EXAMPLE_REQUEST,
        },
        "timestamp": _EXAMPLE_TIME,
    }
