"""Razorpay's explicit no, in our words: pure.

Three error shapes exist: `{"error": {...}}` from the API, `{"error": "Unauthorized"}` when a product is not enabled,
and `{"message": ...}` from the edge gateway in front of it. Only a body of a known shape is an explicit answer; a
4xx with a foreign page in it may come from anything on the way, and then nobody knows.
"""

import re
from typing import Any

from app.gateways.port import (
    AlreadyCaptured,
    CredentialsRefused,
    DuplicateReceipt,
    GatewayError,
    OutcomeUnknown,
    Refused,
    UnknownAtGateway,
)
from app.gateways.razorpay.wire import ErrorShape

_UNAUTHORIZED = 401
_FORBIDDEN = 403
_NOT_FOUND = 404
_NOT_A_REASON = frozenset({None, "NA"})

# Razorpay's documented sentences. They are matched without regard to case and then forgotten.
_DUPLICATE_RECEIPT = re.compile(r"receipt should be unique|duplicate receipt found", re.IGNORECASE)
_ALREADY_CAPTURED = re.compile(r"already been captured", re.IGNORECASE)
_UNKNOWN_ID = re.compile(r"id provided does not exist|is not a valid id", re.IGNORECASE)
_NO_SUCH_ROUTE = re.compile(r"requested url was not found", re.IGNORECASE)
_KEY_TAKEN = re.compile(r"different request with the same idempotency key", re.IGNORECASE)
_REASONS = (
    (re.compile(r"action not allowed when dispute is in", re.IGNORECASE), "dispute_not_open"),
    (re.compile(r"deadline to respond has elapsed", re.IGNORECASE), "dispute_deadline_passed"),
    (re.compile(r"contest amount cannot be greater", re.IGNORECASE), "contest_exceeds_dispute"),
    (re.compile(r"invalid file id provided", re.IGNORECASE), "evidence_unknown"),
)
_IN_PROGRESS = re.compile(r"in progress", re.IGNORECASE)


def to_error(status: int, body: Any) -> GatewayError:
    """Return the error for a 4xx answer.

    Args:
        status: the HTTP status, 400 to 499.
        body: the parsed JSON, or None when there was none.
    """
    if status == _UNAUTHORIZED:
        return CredentialsRefused("authentication_failed", status=status)
    error = body.get("error") if type(body) is dict else None
    if type(error) is dict:
        return _from_error(status, error)
    is_known_shape = type(body) is dict and (
        type(error) is str or type(body.get("message")) is str or type(body.get("errors")) is list
    )
    if not is_known_shape:
        return OutcomeUnknown(f"unexplained_{status}")
    if status in {_FORBIDDEN, _NOT_FOUND}:
        # The edge gateway knows no such route or consumer: our address or account is wrong, never the payment.
        return CredentialsRefused(f"edge_{status}", status=status)
    return Refused(f"edge_{status}", status=status)


def _from_error(status: int, body: dict[str, Any]) -> GatewayError:
    error = ErrorShape.model_validate(body)
    said = error.description or ""
    if _IN_PROGRESS.search(said):
        # Another operation on the same object runs, perhaps our own that timed out: its end tells, not this answer.
        return OutcomeUnknown("in_progress")
    if _KEY_TAKEN.search(said):
        # Something was done under our key, if not in these words: no proof that nothing happened (C6).
        return OutcomeUnknown("key_taken")
    if _DUPLICATE_RECEIPT.search(said):
        return DuplicateReceipt(error.metadata.order_id if error.metadata is not None else None)
    if _NO_SUCH_ROUTE.search(said):
        return CredentialsRefused("no_such_route", status=status)
    reason = _reason(error, said)
    kind: type[Refused] = Refused
    if _ALREADY_CAPTURED.search(said):
        kind = AlreadyCaptured
    elif _UNKNOWN_ID.search(said) or status == _NOT_FOUND:
        kind = UnknownAtGateway
    elif status == _FORBIDDEN:
        kind = CredentialsRefused
    return kind(reason, field_name=error.field, status=status)


def _reason(error: ErrorShape, said: str) -> str:
    """Return our word where only the sentence tells, else theirs."""
    for sentence, reason in _REASONS:
        if sentence.search(said):
            return reason
    if error.reason not in _NOT_A_REASON:
        return str(error.reason)
    return error.code.lower() if error.code is not None else "unspecified"
