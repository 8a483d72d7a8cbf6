"""The verbs of the audit log: record, list, verify."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.audit.models import GENESIS, Actor, AuditEntry
from app.audit.store import AuditStore
from app.kit.clock import Clock
from app.kit.errors import Kind, Problem
from app.kit.ids import Ids, Prefix
from app.kit.turns import Turns
from app.web.paging import Slice, Window

__all__ = ["Actor", "Audit", "AuditBusy"]

_TRIES = 20
_TURN_SECONDS = 10.0
_PAUSE_SECONDS = 0.02
_LONGEST_PAUSES = 10
_CHUNK = 500


class AuditBusy(Problem):
    """Too many deeds at one moment; the deed itself was done."""

    is_after_the_deed = True
    code = "audit_busy"
    kind = Kind.UNAVAILABLE
    message = "The audit log is busy; look whether the change was made before repeating it."


@dataclass(frozen=True, slots=True)
class Audit:
    """Writes down who did what, in one chain per merchant (T10)."""

    store: AuditStore
    clock: Clock
    ids: Ids
    turns: Turns = field(default_factory=Turns)

    async def record(
        self,
        tenant: str,
        *,
        actor: Actor,
        action: str,
        target: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
    ) -> None:
        """Append one deed. `before` and `after` hold facts that may be shown: no secret, no personal datum.

        Raises:
            AuditBusy: others kept taking the next place in the chain.
        """
        deed = AuditEntry(
            id="",
            sequence=0,
            at=self.clock.now(),
            actor=actor,
            action=action,
            target=target,
            before=before,
            after=after,
            previous=GENESIS,
        )
        try:
            async with self.turns.turn(tenant, within_seconds=_TURN_SECONDS):
                await self._append(tenant, deed)
        except TimeoutError:
            raise AuditBusy(retry_after_seconds=1) from None

    async def _append(self, tenant: str, deed: AuditEntry) -> None:
        """Give a deed the next place in the chain, with the id and the time of that place."""
        for number in range(_TRIES):
            # Other processes take no turns here: who loses a place lets the others go first for a moment.
            await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS) * min(number, _LONGEST_PAUSES))  # noqa: S311  no secret
            last = await self.store.find_last(tenant)
            entry = replace(
                deed,
                id=self.ids.new(Prefix.AUDIT),
                at=self.clock.now(),
                sequence=last.sequence + 1 if last else 1,
                previous=last.digest if last else GENESIS,
            )
            if await self.store.append_entry(tenant, replace(entry, digest=entry.computed_digest())):
                return
        raise AuditBusy(retry_after_seconds=1)

    async def list_entries(self, tenant: str, *, window: Window) -> Slice[AuditEntry]:
        """Return one page of deeds, newest first."""
        rows = await self.store.list_entries(tenant, window=window)
        return Slice.cut(rows, window, id_of=lambda entry: entry.id)

    async def find_break(self, tenant: str) -> int | None:
        """Return the sequence number at which the chain is broken, or None when it is whole."""
        previous, expected = GENESIS, 1
        while entries := await self.store.list_chain(tenant, after=expected - 1, limit=_CHUNK):
            for entry in entries:
                holds = entry.sequence == expected and entry.previous == previous
                if not holds or entry.digest != entry.computed_digest():
                    return expected
                previous, expected = entry.digest, expected + 1
        return None
