"""What can go wrong with a payment link, each with its permanent code."""

from app.kit.errors import Kind, Problem


class LinkNotFound(Problem):
    """No such link in this scope; another merchant's link, and an address with a wrong MAC, look the same (S13)."""

    code = "payment_link_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no payment link with this id."


class LinkBoundsRefused(Problem):
    """The bounds of an amount that the customer chooses make no sense."""

    code = "payment_link_bounds_refused"
    kind = Kind.INVALID
    message = "Send either amount, or min_amount and max_amount with the first below the second."


class LinkExpiryRefused(Problem):
    """A link that ends at once, or in more than a year."""

    code = "payment_link_expiry_refused"
    kind = Kind.INVALID
    message = "A payment link expires at least 15 minutes and at most 366 days from now."


class LinkClosed(Problem):
    """The link is paid, cancelled or expired; the details say which."""

    code = "payment_link_closed"
    kind = Kind.CONFLICT
    message = "Nothing can be paid through this link any more, or asked of it."


class LinkAmountRefused(Problem):
    """The amount that a customer chose is not one that the link takes."""

    code = "payment_link_amount_refused"
    kind = Kind.INVALID
    message = "This amount can't be paid through the link."


class LinkBusy(Problem):
    """Somebody else is at the same link in the same moment."""

    code = "payment_link_busy"
    kind = Kind.CONFLICT
    message = "Somebody else is using this link in the same moment; open it again."


class LinkTooOften(Problem):
    """More payments or messages than a link may cause in so short a time."""

    code = "payment_link_too_often"
    kind = Kind.RATE_LIMITED
    message = "This link was used too often in a short time; wait a little."
