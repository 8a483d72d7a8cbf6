"""What can go wrong with notices, each with its permanent code."""

from app.kit.errors import Kind, Problem


class NoticeNotFound(Problem):
    """No such notice in this scope; another merchant's looks the same (S13)."""

    code = "notice_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no notice with this id; they are kept for 90 days."


class NoticeNotSent(Problem):
    """The carrier has not taken it, or not said so; the outbox tries again."""

    code = "notice_not_sent"
    kind = Kind.UNAVAILABLE
    message = "The carrier did not take the message; it is tried again."


class TooManyNotices(Problem):
    """Nobody shall be pestered through us, and nobody's bill for SMS shall run away."""

    code = "too_many_notices"
    kind = Kind.RATE_LIMITED
    message = "This recipient, or all of yours together, got as many messages as may be sent in 24 hours."
