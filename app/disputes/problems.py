"""What can go wrong with a dispute, each with its permanent code."""

from app.kit.errors import Kind, Problem


class DisputeNotFound(Problem):
    """No such dispute in this scope; another merchant's dispute looks the same (S13)."""

    code = "dispute_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no dispute with this id."


class DisputeNotOpen(Problem):
    """It has been answered for good, or decided."""

    code = "dispute_not_open"
    kind = Kind.CONFLICT
    message = "Only an open dispute can be answered; this one is under review or has been decided."


class DisputeAmountInvalid(Problem):
    """More is contested than is disputed, or in another currency."""

    code = "dispute_amount_invalid"
    kind = Kind.INVALID
    message = "What is contested is at most what is disputed, in its currency."


class DisputeAnswerRefused(Problem):
    """The processor did not take the answer; the dispute stands as it stood."""

    code = "dispute_answer_refused"
    kind = Kind.CONFLICT
    message = "The processor refused this answer to the dispute; `details.reason` says why."


class DocumentUnacceptable(Problem):
    """The processor takes no such document as evidence."""

    code = "document_unacceptable"
    kind = Kind.INVALID
    message = "A document is a PDF, JPEG or PNG in base64, of at most 3 MiB."


class DocumentNotFound(Problem):
    """No such document was added to this dispute here."""

    code = "dispute_document_not_found"
    kind = Kind.NOT_FOUND
    message = "This dispute has no document with this id."


class TooManyDocuments(Problem):
    """The dispute has as many documents as it may have."""

    code = "dispute_documents_too_many"
    kind = Kind.CONFLICT
    message = "This dispute has as many documents as it may have; remove one first."


class DisputeBusy(Problem):
    """Too many changes met at one dispute."""

    code = "dispute_busy"
    kind = Kind.UNAVAILABLE
    message = "This dispute is being changed by others; try again."
