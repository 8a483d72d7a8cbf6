"""Counts who asks: by what was verified, and by the address where nothing was."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from app.kit.errors import Kind, Problem
from app.kit.pace import Budget
from app.ratelimits.models import Buckets, Policy, headers_of, policy_of
from app.web.client import address_of
from app.web.errors import TooManyRequests
from app.web.principal import Principal

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Spends budgets. A policy without a budget is not counted, so without any nothing is.

    An asker without verified credentials is their address. A forged key therefore spends the forger's budget and never
    that of the key's owner.
    """

    buckets: Buckets
    budgets: Mapping[Policy, Budget]
    on_refusal: Callable[[Policy], None]

    async def check(self, request: Request, operation_id: str, principal: Principal | None) -> None:
        """Count a request before its body is read. Raises TooManyRequests, which says when to come again."""
        is_known = principal is not None
        policy = policy_of(operation_id, is_known=is_known, is_read=request.method in _READS)
        if policy is None:
            return
        subject = principal.subject_id if principal is not None else address_of(request)
        if policy is Policy.EVENTS:
            # Anybody may claim to be the processor: another address never spends the budget of the real one.
            subject = f"{request.path_params.get('merchant', '')}@{subject}"
        await self._spend(request, policy, subject)

    async def check_refused(self, request: Request) -> None:
        """Count credentials that were not good. Raises TooManyRequests."""
        await self._spend(request, Policy.REFUSALS, address_of(request))

    async def close(self) -> None:
        """Close what is open."""
        await self.buckets.close()

    async def _spend(self, request: Request, policy: Policy, subject: str) -> None:
        budget = self.budgets.get(policy)
        if budget is None:
            return
        decision = await self.buckets.spend(policy, subject, budget)
        request.scope["state"]["answer_headers"] = headers_of(policy, decision)
        if not decision.is_allowed:
            self.on_refusal(policy)
            raise TooManyRequests(
                details={"policy": policy.value, "quota": budget.quota, "window_seconds": budget.window_seconds},
                retry_after_seconds=decision.retry_after_seconds,
            )


class Guard(Protocol):
    """Who verifies credentials; the auth room implements it."""

    async def admit(self, request: Request, operation_id: str) -> Principal | None:
        """Return who asks, or None on a public route. Raises a Problem when the caller may not."""
        ...


@dataclass(frozen=True, slots=True)
class LimitedGuard:
    """Implements `web.route.Guard`: another guard's word, and the budget of whoever it let in."""

    guard: Guard
    limits: RateLimits

    async def admit(self, request: Request, operation_id: str) -> Principal | None:
        """Return who asks. Raises what the guard raises, or TooManyRequests."""
        try:
            principal = await self.guard.admit(request, operation_id)
        except Problem as problem:
            if problem.kind is Kind.UNAUTHENTICATED:
                await self.limits.check_refused(request)
            raise
        # The log line of a refused request says whose it was.
        request.state.principal = principal
        await self.limits.check(request, operation_id, principal)
        return principal
