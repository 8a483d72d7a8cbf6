"""What is looked at after a restore: the books from their beginning, the invariants, the audit logs, the secrets.

Nothing is written. What had waited when the backup was taken is not stuck for the time since: nobody was at work.
"""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.audit.service import Audit
from app.kit.clock import Clock
from app.kit.scope import Scope
from app.ledger.books_store import BookStore
from app.ledger.verification import BookChecks
from app.recovery.invariants import Invariants
from app.recovery.models import CHECKED_BY, Walk
from app.tenants.service import Merchants
from app.tenants.vault import SealBroken

_AT_ONCE = 200
_TOLD_MAX = 50
_WALKS = {
    Walk.PAYMENTS: "payments",
    Walk.SUSPENSE: "money in suspense",
    Walk.BACKLOG: "waiting work",
}

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is not as it must be: what was looked at, and what it is in machine words."""

    looked_at: str
    subject: str
    fact: str


@dataclass(slots=True)
class Verdict:
    """What all checks came to. Only the first flaws are kept; `count` tells of how many."""

    count: int = 0
    flaws: list[Flaw] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Tell whether everything is as it must be."""
        return not self.count

    def add(self, flaw: Flaw) -> None:
        """Note a flaw."""
        self.count += 1
        if len(self.flaws) < _TOLD_MAX:
            self.flaws.append(flaw)


@dataclass(frozen=True, slots=True)
class Checks:
    """Looks at everything that money rests on, once."""

    book_checks: BookChecks
    books: BookStore
    invariants: Invariants
    audit: Audit
    merchants: Merchants
    clock: Clock

    async def look(self, *, known_until: datetime, say: Say) -> Verdict:
        """Check all of it and return what was found; `say` hears of each part with its time.

        Args:
            known_until: the moment of the backup.
            say: hears of progress.
        """
        verdict = Verdict()
        parts = {
            "books (I4: chain, balances, days)": self._books(verdict),
            **{
                f"{name} ({', '.join(CHECKED_BY[walk])})": self._walk(walk, verdict, known_until=known_until)
                for walk, name in _WALKS.items()
            },
            "audit logs": self._audit_logs(verdict),
            "sealed secrets": self._secrets(verdict),
        }
        for name, part in parts.items():
            began, before = time.monotonic(), verdict.count
            looked_at = 0
            async for number in part:
                looked_at += number
            flaws = verdict.count - before
            end = "in order" if not flaws else f"{flaws} flaws"
            say(f"{name}: {looked_at} looked at in {time.monotonic() - began:.1f} s, {end}")
        return verdict

    async def _books(self, verdict: Verdict) -> AsyncIterator[int]:
        after = ""
        while rows := await self.books.measure_verdicts(after=after, limit=_AT_ONCE):
            for scope, _ in rows:
                after = f"{scope.tenant}:{scope.mode.value}"
                walked = await self.book_checks.walk_whole(scope)
                for one in walked.breaks:
                    where = one.entry_id or one.line or str(one.sequence)
                    verdict.add(Flaw("books", f"{after} {where}", one.flaw.value))
                yield 1

    async def _walk(self, walk: Walk, verdict: Verdict, *, known_until: datetime) -> AsyncIterator[int]:
        asleep = max(self.clock.now() - known_until, timedelta())
        async for looked in self.invariants.look_through(walk, asleep=asleep):
            for one in looked.violations:
                verdict.add(Flaw(_WALKS[walk], one.subject, f"{one.invariant.value} {one.fact}"))
            yield len(looked.subjects)

    async def _audit_logs(self, verdict: Verdict) -> AsyncIterator[int]:
        seen = ""
        async for scope in self._accounts():
            if scope.tenant == seen:
                continue
            seen = scope.tenant
            broken = await self.audit.find_break(scope.tenant)
            if broken is not None:
                verdict.add(Flaw("audit logs", scope.tenant, f"broken at {broken}"))
            yield 1

    async def _secrets(self, verdict: Verdict) -> AsyncIterator[int]:
        async for scope in self._accounts():
            try:
                await self.merchants.keys_of(scope)
                await self.merchants.webhook_secrets_of(scope)
            except SealBroken:
                verdict.add(Flaw("sealed secrets", scope.tenant, "does not open with this SECRET_KEY"))
            yield 1

    async def _accounts(self) -> AsyncIterator[Scope]:
        after = ""
        while scopes := await self.merchants.measure_accounts(after=after, limit=_AT_ONCE):
            for scope in scopes:
                yield scope
            after = scopes[-1].tenant
