"""The processor's refusals: three shapes, and the sentences that clients match on (razorpay.md section 2)."""

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """An answer that is not 200.

    Args:
        status: the HTTP status.
        body: the JSON value to answer with.
        headers: more headers.
    """

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def bad_request(
    description: str,
    *,
    field: str | None = None,
    reason: str = "input_validation_failed",
    metadata: Mapping[str, str] | None = None,
    status: int = 400,
) -> ApiError:
    """Return the usual refusal with its source, step and reason."""
    error: dict[str, Any] = {
        "code": "BAD_REQUEST_ERROR",
        "description": description,
        "source": "business",
        "step": "payment_initiation",
        "reason": reason,
        "metadata": dict(metadata or {}),
    }
    if field is not None:
        error["field"] = field
    return ApiError(status, {"error": error})


def authentication_failed() -> ApiError:
    """Return the measured answer to a wrong key."""
    return ApiError(401, {"error": {"code": "BAD_REQUEST_ERROR", "description": "Authentication failed"}})


def no_route() -> ApiError:
    """Return what the edge gateway says of an address that it doesn't know."""
    return ApiError(404, {"message": "no Route matched with those values"})


def url_not_found() -> ApiError:
    """Return what the API says of a known address with another method."""
    return bad_request("The requested URL was not found on the server.")


def unknown_id() -> ApiError:
    """Return the refusal of a well-formed id that nobody has; it is a 400."""
    return bad_request("The id provided does not exist")


def invalid_id(text: str) -> ApiError:
    """Return the refusal of something that is no id."""
    return bad_request(f"{text} is not a valid id")


def server_error(status: int = 500) -> ApiError:
    """Return an answer after which nobody knows what happened."""
    return ApiError(
        status,
        {
            "error": {
                "code": "SERVER_ERROR",
                "description": "The server had a problem with this request.",
                "source": "internal",
                "step": "NA",
                "reason": "server_error",
                "metadata": {},
            }
        },
    )
