"""OpenAPI 3.1 as the house wants it: real error answers, security, idempotency headers, webhooks.

FastAPI describes what each operation takes and returns; what holds for all of them is added here in one place.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app.kit.errors import Problem, catalogue
from app.web.envelope import Failure
from app.web.errors import ERRORS_PAGE, STATUS
from app.web.route import IDEMPOTENCY_EXTENSION, KeyPolicy

_EXAMPLE_REQUEST = "req_01JGFJJZ000000000000000000"
_EXAMPLE_TIME = "2026-01-01T00:00:00.000Z"
_UNSAFE = frozenset({"post", "put", "patch", "delete"})
_METHODS = frozenset({"get", "head", "options", *_UNSAFE})
_ALWAYS = (400, 422, 429, 500, 503)
_TITLES = {
    400: "Malformed",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    413: "TooLarge",
    415: "Unsupported",
    422: "Invalid",
    429: "RateLimited",
    500: "Internal",
    503: "Unavailable",
}
_RETRY = {"Retry-After": {"description": "Seconds to wait before the next try.", "schema": {"type": "integer"}}}
_EXTRA_HEADERS: Mapping[int, Mapping[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "The schemes that are taken.", "schema": {"type": "string"}}},
    429: _RETRY,
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
    servers: Sequence[str] = (),
) -> None:
    """Make `app.openapi()` return the finished document.

    Args:
        app: the application; its routes are read at the first call.
        is_public: tells by operation id whether an operation needs no credentials.
        webhooks: the `webhooks` section, path items by event type.
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
            app.openapi_schema = finish(document, is_public=is_public, webhooks=webhooks or {})
        return app.openapi_schema

    app.openapi = build  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def finish(
    document: dict[str, Any], *, is_public: Callable[[str], bool], webhooks: Mapping[str, Any]
) -> dict[str, Any]:
    """Add to FastAPI's document what holds for every operation."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for dead in ("HTTPValidationError", "ValidationError"):
        schemas.pop(dead, None)
    _, definitions = models_json_schema([(Failure, "serialization")], ref_template="#/components/schemas/{model}")
    schemas.update(definitions["$defs"])
    components["securitySchemes"] = _SECURITY_SCHEMES
    components["responses"] = _responses()
    for _path, method, operation in operations(document):
        _finish_operation(method, operation, is_public=is_public(operation["operationId"]))
    if webhooks:
        document["webhooks"] = dict(webhooks)
    return document


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every operation of a document with its path and method."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in _METHODS:
                yield path, method, operation


def _finish_operation(method: str, operation: dict[str, Any], *, is_public: bool) -> None:
    statuses = {*_ALWAYS}
    if not is_public:
        operation["security"] = [{"bearer": []}, {"basic": []}]
        statuses |= {401, 403}
    else:
        operation["security"] = []
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", [])):
        statuses.add(404)
    if method in _UNSAFE:
        statuses |= {409, 413}
        _add_key_header(operation)
    if "requestBody" in operation:
        statuses.add(415)
    responses = operation.setdefault("responses", {})
    for status in sorted(statuses):
        # What a room says about a status of its own operation stays; FastAPI's generic 422 does not.
        declared = responses.get(str(status))
        if declared is None or "HTTPValidationError" in str(declared):
            responses[str(status)] = {"$ref": f"#/components/responses/{_TITLES[status]}"}
    for status, response in responses.items():
        if status.startswith("2"):
            response.setdefault("headers", {}).update(_REQUEST_ID_HEADER)


def _add_key_header(operation: dict[str, Any]) -> None:
    policy = KeyPolicy(operation.get(IDEMPOTENCY_EXTENSION, KeyPolicy.OPTIONAL))
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


def _responses() -> dict[str, Any]:
    by_status: dict[int, list[type[Problem]]] = {status: [] for status in _TITLES}
    for problem in catalogue():
        by_status[STATUS[problem.kind]].append(problem)
    return {_TITLES[status]: _response(status, problems) for status, problems in by_status.items()}


def _response(status: int, problems: Iterable[type[Problem]]) -> dict[str, Any]:
    known = list(problems)
    codes = ", ".join(f"`{problem.code}`" for problem in known)
    return {
        "description": f"{_TITLES[status]}: {codes}.",
        "headers": {**_REQUEST_ID_HEADER, **_EXTRA_HEADERS.get(status, {})},
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Failure"},
                "examples": {problem.code: {"value": _example(problem)} for problem in known},
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
