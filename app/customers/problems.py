"""What can go wrong with customers, each with its permanent code."""

from app.kit.errors import Kind, Problem


class CustomerNotFound(Problem):
    """No such customer in this scope; another merchant's customer looks the same (S13)."""

    code = "customer_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no customer with this id."
