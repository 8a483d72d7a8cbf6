"""What a question to the processor that told nothing comes to, for whoever asked it."""

from app.gateways.port import CredentialsRefused, GatewayError, NeverSent, Refused
from app.payments.problems import ProcessorCredentialsRefused, ProcessorOutcomeUnknown, ProcessorUnavailable

Unanswered = ProcessorOutcomeUnknown | ProcessorUnavailable | ProcessorCredentialsRefused


def problem_of(error: GatewayError) -> Unanswered:
    """Return the problem of a look that told nothing: whatever the reason, try again."""
    match error:
        case CredentialsRefused():
            return ProcessorCredentialsRefused()
        case NeverSent():
            return ProcessorUnavailable(retry_after_seconds=2)
        case Refused():
            return ProcessorOutcomeUnknown(details={"reason": error.reason}, retry_after_seconds=2)
        case _:
            return ProcessorOutcomeUnknown(details={"outcome": "unknown"}, retry_after_seconds=2)
