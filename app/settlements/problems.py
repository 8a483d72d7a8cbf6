"""What can go wrong with a settlement, each with its permanent code."""

from app.kit.errors import Kind, Problem


class SettlementNotFound(Problem):
    """No such settlement in this scope; another merchant's settlement looks the same (S13)."""

    code = "settlement_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no settlement with this id."


class SettlementNotPaid(Problem):
    """The processor has not paid it, so there is nothing to compare."""

    code = "settlement_not_paid"
    kind = Kind.CONFLICT
    message = "Only a settlement that the processor has paid can be compared with what is here."


class SettlementBusy(Problem):
    """Others kept changing it; nothing was written."""

    code = "settlement_busy"
    kind = Kind.UNAVAILABLE
    message = "The settlement is being changed; try again."
