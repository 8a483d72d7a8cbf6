"""Errors at the edge: which HTTP status a kind becomes, the handlers, and the web room's own problems."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pymongo.errors import ConnectionFailure, ExecutionTimeout, OperationFailure, PyMongoError, WTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.kit.clock import Clock, to_rfc3339
from app.kit.errors import Kind, Problem, catalogue

STATUS: Mapping[Kind, int] = {
    Kind.MALFORMED: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.METHOD_NOT_ALLOWED: 405,
    Kind.TOO_SLOW: 408,
    Kind.CONFLICT: 409,
    Kind.TOO_LARGE: 413,
    Kind.UNSUPPORTED: 415,
    Kind.INVALID: 422,
    Kind.RATE_LIMITED: 429,
    Kind.INTERNAL: 500,
    Kind.UNAVAILABLE: 503,
}
ERRORS_PAGE = "/docs/errors"

# Basic credentials are taken too, but not asked for: a browser would keep them and send them for any page (S12).
_CHALLENGE = 'Bearer realm="payment-gateway"'
_DEFAULT_RETRY_SECONDS = 1
_SHOWN_ERRORS = 20
_SHOWN_NAME = 64
_LEAST_ECHO = 3
_UNKNOWN_LABELS = ("UnknownTransactionCommitResult", "TransientTransactionError", "RetryableWriteError")
_log = structlog.get_logger("app.web")


class BadRequest(Problem):
    """The request can't be understood, for a reason that has no code of its own."""

    code = "bad_request"
    kind = Kind.MALFORMED
    message = "The request could not be understood."


class MalformedJson(Problem):
    """The body is not the strict JSON that the API reads."""

    code = "malformed_json"
    kind = Kind.MALFORMED
    message = "The body is not valid JSON."


class HttpsRequired(Problem):
    """A program called without TLS; the reverse proxy answers so, and nothing of the request reached the service."""

    kind = Kind.FORBIDDEN
    code = "https_required"
    message = (
        "This service is reached by HTTPS only; a credential that came without it is no secret any more: replace it."
    )


class HostNotAllowed(Problem):
    """The Host header names a service that this is not (failure row N9)."""

    code = "host_not_allowed"
    kind = Kind.MALFORMED
    message = "This service does not answer to that host name."


class Unauthenticated(Problem):
    """Nobody is signed in and the route needs somebody."""

    code = "unauthenticated"
    kind = Kind.UNAUTHENTICATED
    message = "Sign in or send an API key."


class Forbidden(Problem):
    """Somebody is signed in, but may not do this."""

    code = "forbidden"
    kind = Kind.FORBIDDEN
    message = "You may not do this."


class NotFound(Problem):
    """There is nothing at this address for this caller."""

    code = "not_found"
    kind = Kind.NOT_FOUND
    message = "There is nothing here."


class MethodNotAllowed(Problem):
    """The address exists, but not with this method."""

    code = "method_not_allowed"
    kind = Kind.METHOD_NOT_ALLOWED
    message = "This address does not take that method."


class BodyTooSlow(Problem):
    """The body did not arrive in time; whatever sends so slowly keeps others waiting (failure row N2)."""

    code = "body_too_slow"
    kind = Kind.TOO_SLOW
    message = "The body did not arrive in time."


class BodyTooLarge(Problem):
    """The body is longer than the route reads (failure row N1)."""

    code = "body_too_large"
    kind = Kind.TOO_LARGE
    message = "The body is too large."


class UnsupportedMediaType(Problem):
    """The body is not declared as JSON in UTF-8."""

    code = "unsupported_media_type"
    kind = Kind.UNSUPPORTED
    message = "Send the body as application/json in UTF-8."


class UnsupportedContentEncoding(Problem):
    """The body is compressed, which we never unpack (failure row N14)."""

    code = "unsupported_content_encoding"
    kind = Kind.UNSUPPORTED
    message = "Send the body uncompressed."


class ValidationFailed(Problem):
    """The request is well-formed, but its values are not acceptable."""

    code = "validation_failed"
    kind = Kind.INVALID
    message = "The request is not valid."


class CardNumberRefused(Problem):
    """A card number was sent to an API that must never see one (failure row S18)."""

    code = "card_number_refused"
    kind = Kind.INVALID
    message = "The request seems to contain a card number; this API never takes one. Nothing was stored."


class TooManyRequests(Problem):
    """The caller asks more often than allowed."""

    code = "too_many_requests"
    kind = Kind.RATE_LIMITED
    message = "Too many requests; slow down."


class InternalError(Problem):
    """A defect of ours. The request id finds it in the log."""

    code = "internal_error"
    kind = Kind.INTERNAL
    message = "Something went wrong on our side."


class OutcomeUnknown(Problem):
    """The database did not confirm; the effect may or may not have happened (design letter D11)."""

    code = "outcome_unknown"
    kind = Kind.UNAVAILABLE
    message = "The outcome is not known yet; repeat the request with the same Idempotency-Key to learn it."


class ServiceUnavailable(Problem):
    """The service can't answer at the moment; nothing was done."""

    code = "service_unavailable"
    kind = Kind.UNAVAILABLE
    message = "The service is not available at the moment."


_BY_STATUS: Mapping[int, type[Problem]] = {
    400: BadRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: UnsupportedMediaType,
    422: ValidationFailed,
    429: TooManyRequests,
    503: ServiceUnavailable,
}


def request_id_of(scope: Mapping[str, Any]) -> str:
    """Return the id that the middleware gave to the request, or an empty text outside of it."""
    return str(scope.get("state", {}).get("request_id", ""))


class ProblemPages(Protocol):
    """Shows a problem to people; the kit of pages implements it."""

    def wants(self, scope: Scope) -> bool:
        """Tell whether whoever asks reads pages."""
        ...

    def show_problem(self, scope: Scope, problem: Problem, *, headers: Mapping[str, str]) -> Response:
        """Return the page of a problem."""
        ...


@dataclass(frozen=True, slots=True)
class Failures:
    """Turns what was raised into the answer; one instance serves handlers and middleware."""

    clock: Clock
    pages: ProblemPages | None = None
    content_type: ClassVar[str] = "application/json"

    def answer_to(self, scope: Scope, problem: Problem, *, headers: Mapping[str, str] | None = None) -> Response:
        """Return a problem as whoever asks reads it: a page for a browser, else the envelope."""
        if self.pages is not None and self.pages.wants(scope):
            return self.pages.show_problem(scope, problem, headers={**_headers(problem), **(headers or {})})
        return self.answer(problem, request_id=request_id_of(scope), headers=headers)

    def answer(self, problem: Problem, *, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
        """Return the envelope of a problem with its status and headers."""
        error = {
            "code": problem.code,
            "message": problem.message,
            "details": problem.details,
            "param": problem.param,
            "doc_url": f"{ERRORS_PAGE}#{problem.code}",
            "request_id": request_id,
        }
        body = {"status": "error", "error": error, "timestamp": to_rfc3339(self.clock.now())}
        return Response(
            json.dumps(body, separators=(",", ":"), default=str).encode(),
            status_code=STATUS[problem.kind],
            media_type=self.content_type,
            headers={**_headers(problem), **(headers or {})},
        )

    async def on_problem(self, request: Request, error: Exception) -> Response:
        """Answer an expected failure."""
        problem = error if isinstance(error, Problem) else InternalError()
        if STATUS[problem.kind] >= 500:
            _log.warning("problem", code=problem.code, error=type(error).__name__)
        return self.answer_to(request.scope, problem)

    async def on_validation(self, request: Request, error: Exception) -> Response:
        """Answer values that the schemas refuse: which field, which rule, never the value."""
        errors = error.errors() if isinstance(error, RequestValidationError) else []
        return self.answer_to(request.scope, validation_problem(errors))

    async def on_http(self, request: Request, error: Exception) -> Response:
        """Answer what Starlette itself raises: no such route, no such method."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        problem = _BY_STATUS.get(status, BadRequest if 400 <= status < 500 else InternalError)()
        return self.answer_to(request.scope, problem, headers=headers)

    async def on_database(self, request: Request, error: Exception) -> Response:
        """Answer a database failure as unknown when it is; anything else is a defect of ours.

        Raises:
            PyMongoError: the same error, for the middleware to log with its traceback and answer as internal.
        """
        if not isinstance(error, PyMongoError) or not is_unknown_outcome(error):
            raise error
        _log.warning("database_outcome_unknown", error=type(error).__name__)
        problem = OutcomeUnknown(details={"outcome": "unknown"}, retry_after_seconds=_DEFAULT_RETRY_SECONDS)
        return self.answer_to(request.scope, problem)


def install_errors(app: FastAPI, *, clock: Clock, pages: ProblemPages | None = None) -> Failures:
    """Register every handler and return the `Failures` that `Middleware` needs for what nobody expected."""
    failures = Failures(clock=clock, pages=pages)
    app.add_exception_handler(Problem, failures.on_problem)
    app.add_exception_handler(RequestValidationError, failures.on_validation)
    app.add_exception_handler(HTTPException, failures.on_http)
    app.add_exception_handler(PyMongoError, failures.on_database)
    return failures


def status_of(error: Exception) -> int:
    """Return the HTTP status that an exception will be answered with."""
    if isinstance(error, Problem):
        return STATUS[error.kind]
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, RequestValidationError):
        return STATUS[ValidationFailed.kind]
    return 503 if isinstance(error, PyMongoError) and is_unknown_outcome(error) else 500


def is_unknown_outcome(error: PyMongoError) -> bool:
    """Tell whether a driver's error leaves open if the write happened (failure rows D11, G9)."""
    if isinstance(error, ConnectionFailure | ExecutionTimeout | WTimeoutError):
        return True
    if any(error.has_error_label(label) for label in _UNKNOWN_LABELS):
        return True
    # 50 is MaxTimeMSExpired, 64 WriteConcernFailed, 91 ShutdownInProgress, 11600 and 11602 interruptions.
    return isinstance(error, OperationFailure) and error.code in {50, 64, 91, 11600, 11602}


def validation_problem(errors: Sequence[Any]) -> ValidationFailed:
    """Return Pydantic's complaints as one problem: places, rules and sentences, never a value that was sent."""
    shown = [
        {"param": _place(error["loc"]) or None, "code": str(error["type"]), "message": _sentence(error)}
        for error in errors[:_SHOWN_ERRORS]
    ]
    first = shown[0]["param"] if shown else None
    return ValidationFailed(param=first, details={"errors": shown})


def errors_markdown() -> str:
    """Return the reference of every error code, drawn from the catalogue of the loaded rooms."""
    lines = ["# Errors", "", "Every code is permanent; the sentence beside it may change.", ""]
    for problem in catalogue():
        status = STATUS[problem.kind]
        fact = (problem.__doc__ or "").strip().splitlines()[0]
        lines += [f"## {problem.code}", "", f"HTTP {status}. {problem.message}", "", fact, ""]
    return "\n".join(lines)


def _headers(problem: Problem) -> dict[str, str]:
    headers = {}
    if problem.kind is Kind.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = _CHALLENGE
    if problem.kind is Kind.TOO_SLOW:
        # The rest of the body is not waited for.
        headers["Connection"] = "close"
    retry = problem.retry_after_seconds
    if retry is None and problem.kind in {Kind.RATE_LIMITED, Kind.UNAVAILABLE}:
        retry = _DEFAULT_RETRY_SECONDS
    if retry is not None:
        headers["Retry-After"] = str(max(1, retry))
    return headers


def _place(location: Sequence[str | int]) -> str:
    # The first element says body, query, path or header; clients know their fields by the rest.
    parts = location[1:] if len(location) > 1 else ()
    return ".".join(_printable(str(part)) for part in parts)


def _printable(name: str) -> str:
    # An unknown field's name comes from the client: shortened and made plain before it is shown.
    shown = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in name[:_SHOWN_NAME])
    return shown + ("..." if len(name) > _SHOWN_NAME else "")


def _sentence(error: Mapping[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if message.startswith("value is not a valid email address"):
        return "value is not a valid email address"
    value = error.get("input")
    echoes = isinstance(value, str) and len(value) >= _LEAST_ECHO and value in message
    if echoes or error["type"] == "union_tag_invalid":
        return "The value is not acceptable."
    return message
