"""What can go wrong with customers, each with its permanent code."""

from app.kit.errors import Kind, Problem


class CustomerNotFound(Problem):
    """No such customer in this scope; another merchant's customer looks the same (S13)."""

    code = "customer_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no customer with this id."


class CustomerInDispute(Problem):
    """A bank is asking back money of theirs; what proves their payment is needed until that has ended (T11)."""

    code = "customer_in_dispute"
    kind = Kind.CONFLICT
    message = "A dispute of one of their payments is open; erase the customer when it has ended."


class ErasureNotFound(Problem):
    """Nobody has asked to erase this customer."""

    code = "erasure_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no erasure of a customer with this id."
