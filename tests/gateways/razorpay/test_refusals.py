"""Every way Razorpay says no, as a table."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.port import (
    AlreadyCaptured,
    CredentialsRefused,
    DuplicateReceipt,
    GatewayError,
    NeverSent,
    OutcomeUnknown,
    Refused,
    UnknownAtGateway,
)
from app.gateways.razorpay.refusals import to_error
from tests.gateways.razorpay.samples import ORDER_ID, error

BAD_KEY = {"error": {"code": "BAD_REQUEST_ERROR", "description": "Authentication failed"}}
NO_SUCH_ROUTE = error("The requested URL was not found on the server.")
BUSY = error("Request failed because another payment operation is in progress.")
OTHER_REFUND = error("Different request with the same idempotency key has already been processed.")
NO_BALANCE = "Your account does not have enough balance to carry out the refund operation."
CAPTURED = error("This payment has already been captured")


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (400, error("The amount must be at least INR 1.00"), Refused, "input_validation_failed"),
        (400, error("No reason", reason="NA"), Refused, "bad_request_error"),
        (400, error("No reason", reason=None, code="GATEWAY_ERROR"), Refused, "gateway_error"),
        (400, {"error": {}}, Refused, "unspecified"),
        (400, error("Odd reason", reason="A sentence with a name."), Refused, "bad_request_error"),
        (400, error("Odd reason", reason="4111111111111111"), Refused, "bad_request_error"),
        (409, error("Something else is wrong."), Refused, "input_validation_failed"),
        (409, OTHER_REFUND, OutcomeUnknown, "key_taken"),
        (400, OTHER_REFUND, OutcomeUnknown, "key_taken"),
        (
            409,
            error("Another request with the same idempotency key is still in progress."),
            OutcomeUnknown,
            "in_progress",
        ),
        (400, error("Duplicate receipt found for this refund request."), DuplicateReceipt, "duplicate_receipt"),
        (400, error(NO_BALANCE, reason="refund_limit_crossed"), Refused, "refund_limit_crossed"),
        (400, error("Action not allowed when dispute is in lost status."), Refused, "dispute_not_open"),
        (400, error("Action not allowed as deadline to respond has elapsed."), Refused, "dispute_deadline_passed"),
        (400, error("contest amount cannot be greater than dispute amount."), Refused, "contest_exceeds_dispute"),
        (400, error("Invalid file id provided or so"), Refused, "evidence_unknown"),
        (401, BAD_KEY, CredentialsRefused, "authentication_failed"),
        (401, {"error": "Unauthorized"}, CredentialsRefused, "authentication_failed"),
        (401, None, CredentialsRefused, "authentication_failed"),
        (403, error("Not allowed"), CredentialsRefused, "input_validation_failed"),
        (403, {"message": "You cannot consume this service"}, CredentialsRefused, "edge_403"),
        (404, {"message": "no Route matched with those values"}, CredentialsRefused, "edge_404"),
        (400, NO_SUCH_ROUTE, CredentialsRefused, "no_such_route"),
        (400, error("The id provided does not exist"), UnknownAtGateway, "input_validation_failed"),
        (400, error("xyz is not a valid id"), UnknownAtGateway, "input_validation_failed"),
        (404, error("Nothing here"), UnknownAtGateway, "input_validation_failed"),
        (400, CAPTURED, AlreadyCaptured, "input_validation_failed"),
        (413, {"message": "Request size limit exceeded"}, Refused, "edge_413"),
        (400, {"status_code": 400, "success": False, "errors": []}, Refused, "edge_400"),
        (400, {"error": "Bad Request"}, Refused, "edge_400"),
        (400, BUSY, OutcomeUnknown, "in_progress"),
        (409, BUSY, OutcomeUnknown, "in_progress"),
        (400, None, OutcomeUnknown, "unexplained_400"),
        (403, None, OutcomeUnknown, "unexplained_403"),
        (400, [], OutcomeUnknown, "unexplained_400"),
        (400, {"error": 5}, OutcomeUnknown, "unexplained_400"),
        (400, {"detail": "a proxy's own words"}, OutcomeUnknown, "unexplained_400"),
    ],
)
def test_a13_a_refusal_is_named_by_its_meaning(status: int, body: Any, kind: type[GatewayError], reason: str) -> None:
    refusal = to_error(status, body)

    assert type(refusal) is kind
    assert str(refusal) == reason
    assert not isinstance(refusal, Refused) or refusal.status in {status, None}


@pytest.mark.parametrize(
    ("metadata", "order_id"),
    [({"order_id": ORDER_ID}, ORDER_ID), ({}, None), ([], None), ({"order_id": "../x"}, None), (None, None)],
)
def test_a3_a_duplicate_receipt_names_the_order_that_has_it(metadata: Any, order_id: str | None) -> None:
    refusal = to_error(400, error("Order receipt should be unique.", field="receipt", metadata=metadata))

    assert isinstance(refusal, DuplicateReceipt)
    assert refusal.order_id == order_id


@pytest.mark.parametrize(
    ("field", "kept"), [("amount", "amount"), ("notes[0].x", "notes[0].x"), ("a b", None), (5, None), (None, None)]
)
def test_the_field_at_fault_is_kept_when_it_is_a_name(field: Any, kept: str | None) -> None:
    refusal = to_error(400, error("The amount field is required.", field=field))

    assert isinstance(refusal, Refused)
    assert refusal.field == kept


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ERRORS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("code", "description", "source", "step", "reason", "metadata", "field"), JSON),
)


@given(st.integers(400, 499), st.one_of(JSON, st.fixed_dictionaries({"error": st.one_of(JSON, ERRORS)})))
def test_r7_any_4xx_becomes_a_declared_error_without_the_processors_sentence(status: int, body: Any) -> None:
    refusal = to_error(status, body)

    assert isinstance(refusal, (Refused, OutcomeUnknown))
    assert not isinstance(refusal, NeverSent)
    assert " " not in str(refusal)
