"""The verbs of recovery for people: how the invariants stand, and what they found."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.kit.scope import Scope
from app.recovery.findings import FindingStore
from app.recovery.models import Found, Round
from app.web.paging import Slice, Window


@dataclass(frozen=True, slots=True)
class Recovery:
    """Shows what the checks on schedule came to."""

    findings: FindingStore

    async def list_rounds(self) -> Sequence[Round]:
        """Return how far every walk is, and when the last whole one ended."""
        return sorted(await self.findings.measure_rounds(), key=lambda one: one.walk)

    async def list_found(self, scope: Scope, *, is_open: bool, window: Window) -> Slice[Found]:
        """Return one page of this merchant's violations, newest first."""
        rows = await self.findings.list_found(scope, is_open=is_open, window=window)
        return Slice.cut(rows, window, id_of=lambda found: found.id)
