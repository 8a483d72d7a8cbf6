"""Why a payment fails: the processor's code, source and step for each reason (razorpay.md section 2)."""

from razorpay_simulator.entities import Failure

_GATEWAY_REASONS = frozenset(
    {
        "authorisation_declined_by_psp",
        "bank_not_available",
        "beneficiary_account_does_not_exist",
        "credit_failed",
        "debit_declined",
        "gateway_technical_error",
        "invalid_response_from_gateway",
        "issuer_technical_error",
        "payment_collect_request_expired",
        "payment_declined",
        "payment_pending",
        "payment_session_expired",
        "psp_not_available",
        "request_timed_out",
        "vpa_resolution_failed",
    }
)
_SOURCES = {
    "payment_cancelled": "customer",
    "payment_timed_out": "customer",
    "incorrect_otp": "customer",
    "incorrect_cvv": "customer",
    "incorrect_pin": "customer",
    "card_number_invalid": "customer",
    "insufficient_funds": "customer",
    "gateway_technical_error": "gateway",
    "payment_risk_check_failed": "internal",
    "server_error": "internal",
}
_AUTHENTICATION = frozenset(
    {
        "payment_cancelled",
        "payment_timed_out",
        "incorrect_otp",
        "incorrect_cvv",
        "incorrect_pin",
        "authentication_failed",
    }
)
_SPELLINGS = {"insufficient_fund": "insufficient_funds"}


def failure(reason: str, method: str) -> Failure:
    """Return the failure for a reason of the vocabulary."""
    reason = _SPELLINGS.get(reason, reason)
    is_card_gateway = method == "card" and reason == "authentication_failed"
    is_gateway = reason in _GATEWAY_REASONS or is_card_gateway
    bank = {"card": "issuer_bank", "upi": "customer_psp"}.get(method, "bank")
    return Failure(
        code="GATEWAY_ERROR" if is_gateway else "BAD_REQUEST_ERROR",
        description=f"The payment was not completed: {reason.replace('_', ' ')}.",
        source=_SOURCES.get(reason, bank),
        step="payment_authentication" if reason in _AUTHENTICATION else "payment_authorization",
        reason=reason,
    )
