"""Faults on request: which call goes wrong, how, and how often; the same seed gives the same faults."""

import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class FaultMode(StrEnum):
    """What can go wrong with one call, or with one settlement."""

    SLOW = "slow"
    DELAY_THEN_PROCESS = "delay_then_process"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    RATE_LIMIT = "rate_limit"
    HTML_502 = "html_502"
    TRUNCATED_JSON = "truncated_json"
    EMPTY_200 = "empty_200"
    UNAUTHORIZED_STRING = "unauthorized_string"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_CURRENCY = "wrong_currency"
    CONFLICT_409 = "conflict_409"
    IGNORE_IDEMPOTENCY = "ignore_idempotency"
    HUGE_BODY = "huge_body"
    CONTRADICTORY = "contradictory"
    INSERT_AFTER = "insert_after"
    RECON_ROW_MISSING = "recon_row_missing"
    RECON_FEE_DRIFT = "recon_fee_drift"
    RECON_LATE = "recon_late"
    SETTLEMENT_SHORT = "settlement_short"
    SETTLEMENT_FAILS = "settlement_fails"


OF_SETTLEMENTS = frozenset(
    {
        FaultMode.RECON_ROW_MISSING,
        FaultMode.RECON_FEE_DRIFT,
        FaultMode.RECON_LATE,
        FaultMode.SETTLEMENT_SHORT,
        FaultMode.SETTLEMENT_FAILS,
    }
)
"""These strike a settlement as it is made, not a call: whoever looks, and how often, sees the same wrong."""


@dataclass(slots=True, kw_only=True)
class FaultRule:
    """One rule: what to do to which calls.

    Args:
        id: its name in the control API.
        method: an HTTP method, or `*`.
        path: a route template (`/v1/orders/{id}`), or the beginning of a path when `is_prefix`.
        is_prefix: whether everything below the path is meant.
        mode: what goes wrong.
        times: how often, None for always.
        probability: how likely, instead of `times`.
        seed: decides the throws of `probability`.
        delay_seconds: for the slow modes; real seconds, as a client's time-out is real. For settlements simulated ones.
        retry_after: for `rate_limit`, the header's value.
        status: for the error modes.
        account_id: only for this account, None for all.
        size_bytes: for `huge_body`.
        amount: for `recon_fee_drift` and `settlement_short`, in paise.
    """

    id: str
    method: str
    path: str
    is_prefix: bool
    mode: FaultMode
    times: int | None = None
    probability: float = 1.0
    seed: int = 1
    delay_seconds: float = 1.0
    retry_after: int | None = None
    status: int = 500
    account_id: str | None = None
    size_bytes: int = 8 * 1024 * 1024
    amount: int = 100
    hits: int = 0
    dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311  faults must be reproducible

    def applies(self, method: str, template: str, path: str, account_id: str) -> bool:
        """Tell whether this call is meant; does not throw the dice."""
        if self.mode in OF_SETTLEMENTS:
            return False
        if self.method not in {"*", method} or self.account_id not in {None, account_id}:
            return False
        if self.is_prefix:
            return path.startswith(self.path)
        return self.path in {template, path}

    def strikes(self) -> bool:
        """Throw the dice and count a hit."""
        if self.times is not None and self.hits >= self.times:
            return False
        if self.probability < 1 and self.dice.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def to_wire(self) -> dict[str, Any]:
        """Return the rule as the control API shows it."""
        return {
            "id": self.id,
            "route": f"{self.method} {self.path}{'*' if self.is_prefix else ''}",
            "mode": self.mode.value,
            "times": self.times,
            "probability": self.probability,
            "seed": self.seed,
            "delay_seconds": self.delay_seconds,
            "retry_after": self.retry_after,
            "status": self.status,
            "account_id": self.account_id,
            "size_bytes": self.size_bytes,
            "amount": self.amount,
            "hits": self.hits,
        }


class Faults:
    """The rules in force, in the order in which they were made; the first that strikes wins."""

    def __init__(self) -> None:
        self.rules: dict[str, FaultRule] = {}

    def pick(self, method: str, template: str, path: str, account_id: str) -> FaultRule | None:
        """Return the rule that strikes this call."""
        for rule in self.rules.values():
            if rule.applies(method, template, path, account_id) and rule.strikes():
                return rule
        return None

    def of_settlement(self, account_id: str) -> list[FaultRule]:
        """Return the rules that strike this account's new settlement; they go together, so all that do."""
        return [
            rule
            for rule in self.rules.values()
            if rule.mode in OF_SETTLEMENTS and rule.account_id in {None, account_id} and rule.strikes()
        ]
