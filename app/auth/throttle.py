"""Budgets against guessing: per account, per address and for the whole service (S7).

An attempt is counted before the password is looked at, so that a burst of parallel guesses can't slip through; a
success gives the account its budget back. When the database can't count, nobody signs in: it fails closed.

Whoever is signed in and proves the current password again has a budget of their own: a thief of an access token must
not be able to guess without end, nor to lock the owner out of signing in, nor a stranger to stop a change of password.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from app.auth.keys_store import AttemptStore
from app.auth.problems import TooManyAttempts
from app.kit.clock import Clock

WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 10
PER_ADDRESS = 200
ALTOGETHER = 20_000
_FREE_ATTEMPTS = 3
_DELAY_SECONDS = 0.25
_LONGEST_DELAY_SECONDS = 2.0

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Throttle:
    """Counts attempts and slows them down."""

    store: AttemptStore
    clock: Clock
    sleep: Sleep = asyncio.sleep

    async def count(self, *, account: str, address: str) -> None:
        """Count one attempt, and delay it when the account has had several. Raises TooManyAttempts."""
        await self._count(("all", ALTOGETHER), (f"address:{address}", PER_ADDRESS), (_account(account), PER_ACCOUNT))

    async def forgive(self, *, account: str) -> None:
        """Give an account its budget back after a success."""
        await self.store.forget_attempts(_counter(_account(account)))

    async def count_proof(self, *, user_id: str) -> None:
        """Count one attempt of a signed-in user to prove their password again. Raises TooManyAttempts."""
        await self._count((_proof(user_id), PER_ACCOUNT))

    async def forgive_proofs(self, *, user_id: str) -> None:
        """Give a user the budget for proofs back after a success."""
        await self.store.forget_attempts(_counter(_proof(user_id)))

    async def _count(self, *budgets: tuple[str, int]) -> None:
        """Count one attempt against each budget, and delay it after several against the last."""
        now = self.clock.now()
        tries = 0
        for name, budget in budgets:
            tries, ends_at = await self.store.count_attempt(_counter(name), at=now, window=WINDOW)
            if tries > budget:
                wait = max(1, int((ends_at - now).total_seconds()))
                raise TooManyAttempts(retry_after_seconds=wait)
        if tries > _FREE_ATTEMPTS:
            await self.sleep(min((tries - _FREE_ATTEMPTS) * _DELAY_SECONDS, _LONGEST_DELAY_SECONDS))


def _account(account: str) -> str:
    return f"account:{account}"


def _proof(user_id: str) -> str:
    return f"proof:{user_id}"


def _counter(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
