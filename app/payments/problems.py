"""What can go wrong with a payment, each with its permanent code."""

from app.kit.errors import Kind, Problem


class PaymentNotFound(Problem):
    """No such payment in this scope; another merchant's payment looks the same (S13)."""

    code = "payment_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no payment with this id."


class AmountRefused(Problem):
    """The processor does not take this amount or currency (A14)."""

    code = "amount_refused"
    kind = Kind.INVALID
    message = "This amount can't be paid."


class ReferenceTaken(Problem):
    """Another payment carries this reference (A10)."""

    code = "reference_taken"
    kind = Kind.CONFLICT
    message = "Another payment carries this reference; use a new one, or fetch that payment."


class PaymentRefused(Problem):
    """The processor refused the order; no money can move (A13)."""

    code = "payment_refused"
    kind = Kind.INVALID
    message = "The processor refused this payment; nothing was charged."


class PaymentNotCancellable(Problem):
    """Money is on its way or has arrived."""

    code = "payment_not_cancellable"
    kind = Kind.CONFLICT
    message = "This payment can't be cancelled any more: it has been authorised, completed or cancelled."


class PaymentNotAuthorized(Problem):
    """There is nothing to capture."""

    code = "payment_not_authorized"
    kind = Kind.CONFLICT
    message = "Only an authorised payment can be captured."


class PaymentAlreadyCaptured(Problem):
    """The money is already the merchant's (C2)."""

    code = "payment_already_captured"
    kind = Kind.CONFLICT
    message = "This payment has been captured already."


class CaptureAmountMismatch(Problem):
    """Only the whole authorised amount can be captured (C2)."""

    code = "capture_amount_mismatch"
    kind = Kind.INVALID
    message = "The processor captures exactly the authorised amount; leave the amount out or send that one."


class CaptureRefused(Problem):
    """The processor refused the capture."""

    code = "capture_refused"
    kind = Kind.CONFLICT
    message = "The processor refused the capture; the payment is unchanged."


class CallbackInvalid(Problem):
    """The checkout's callback is not genuine, or belongs to another order (B15)."""

    code = "callback_invalid"
    kind = Kind.MALFORMED
    message = "The signature does not belong to this payment and order."


class OrderNotReady(Problem):
    """The payment has no order at the processor yet."""

    code = "order_not_ready"
    kind = Kind.CONFLICT
    message = "This payment has no order yet; repeat its creation with the same Idempotency-Key."


class PaymentBusy(Problem):
    """Too many changes met at one payment."""

    code = "payment_busy"
    kind = Kind.UNAVAILABLE
    message = "This payment is being changed by others; try again."


class ProcessorOutcomeUnknown(Problem):
    """No explicit answer from the processor: the effect may or may not have happened."""

    code = "processor_outcome_unknown"
    kind = Kind.UNAVAILABLE
    message = "The processor gave no clear answer; repeat the request with the same Idempotency-Key."


class ProcessorUnavailable(Problem):
    """The request did not reach the processor."""

    code = "processor_unavailable"
    kind = Kind.UNAVAILABLE
    message = "The processor can't be reached; nothing was sent. Repeat the request with the same Idempotency-Key."


class ProcessorCredentialsRefused(Problem):
    """The processor does not accept the merchant's key (R10)."""

    code = "processor_credentials_refused"
    kind = Kind.CONFLICT
    message = "The processor does not accept this merchant's API key; check it in the processor settings."
