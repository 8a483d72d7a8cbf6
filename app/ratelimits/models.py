"""The budgets by name, which operation spends which, and how a decision is told to the client."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol

from app.kit.pace import Budget, Decision


class Policy(StrEnum):
    """What is counted apart. The word is permanent: clients read it in `RateLimit`, alerts in the metrics."""

    READS = "reads"
    """Reads of one API key or one user."""

    WRITES = "writes"
    """Everything else of one API key or one user."""

    SIGN_IN = "sign_in"
    """What proves a password or a refresh token, of one address; a change of password, of one user."""

    ANONYMOUS = "anonymous"
    """What needs nobody to be signed in, such as the hosted checkout, of one address."""

    REFUSALS = "refusals"
    """Credentials that were not good, of one address."""

    EVENTS = "events"
    """The processor's events for one merchant from one address."""


_FREE: Final = frozenset({"get_health", "get_liveness", "get_readiness", "get_metrics"})
_BY_OPERATION: Final[Mapping[str, Policy | None]] = {
    # Probes and scrapers ask all the time, and must get an answer most of all when there is too much to do.
    **dict.fromkeys(_FREE),
    "auth_signup": Policy.SIGN_IN,
    "auth_signin": Policy.SIGN_IN,
    "auth_refresh": Policy.SIGN_IN,
    "auth_password_change": Policy.SIGN_IN,
    "dashboard_sign_in": Policy.SIGN_IN,
    "dashboard_account_password": Policy.SIGN_IN,
    "webhooks_razorpay_receive": Policy.EVENTS,
}


def policy_of(operation_id: str, *, is_known: bool, is_read: bool) -> Policy | None:
    """Return which budget an operation spends; None for one that costs nothing.

    Args:
        operation_id: of the route.
        is_known: whether credentials were verified; only then they are what is counted by.
        is_read: whether the method promises to change nothing.
    """
    if operation_id in _BY_OPERATION:
        return _BY_OPERATION[operation_id]
    if not is_known:
        return Policy.ANONYMOUS
    return Policy.READS if is_read else Policy.WRITES


class Buckets(Protocol):
    """Where the budgets stand; in this process, or in Redis for all of them."""

    async def spend(self, policy: Policy, subject: str, budget: Budget) -> Decision:
        """Decide on one request and remember it. Never fails: who can't count lets pass or counts by itself."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


def headers_of(policy: Policy, decision: Decision) -> list[tuple[bytes, bytes]]:
    """Return the fields of draft-ietf-httpapi-ratelimit-headers-11: the budget, and how it stands.

    `r` requests may follow at once; in `t` seconds the budget is whole again.
    """
    budget = decision.budget
    return [
        (b"ratelimit-policy", f'"{policy}";q={budget.quota};w={budget.window_seconds}'.encode()),
        (b"ratelimit", f'"{policy}";r={decision.remaining};t={decision.whole_after_seconds}'.encode()),
    ]
