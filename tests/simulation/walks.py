"""What is seen of the walks through the processor's lists: which pages were answered, and which count as read.

A page that was read wrongly is read again the next day, for five days; so a walk is looked at on its way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from app.gateways.port import AttemptStatus, GatewayPayment, Listed
from app.recovery.models import EVERY, Swept
from tests.simulation.database import Database
from tests.simulation.expressions import Document
from tests.simulation.processor import Processor
from tests.simulation.violation import Violation, about

_WITH_MONEY = {AttemptStatus.AUTHORIZED, AttemptStatus.CAPTURED, AttemptStatus.REFUNDED}


@dataclass(frozen=True, slots=True)
class Page:
    """A page that somebody was given, and those of its rows that are ours to know."""

    size: int
    is_last: bool
    ours: tuple[Any, ...]


@dataclass(slots=True)
class Walks:
    """Compares each commit of a walk with the pages that were answered until then."""

    database: Database
    processor: Processor
    broken: list[Violation] = field(default_factory=list)
    _pages: dict[tuple[str, int], list[Page]] = field(default_factory=dict)

    def answered(self, swept: Swept, skip: int, listed: Listed[Any]) -> None:
        """Keep a page that has arrived."""
        ours = tuple(item for item in listed.items if self._is_ours(swept, item))
        self._pages.setdefault((swept.value, skip), []).append(Page(len(listed.items), listed.is_last, ours))

    def committed(self) -> None:
        """Look at what was written of a walk just now."""
        change = self.database.log[-1]
        if change.before is None or change.after is None:
            return
        self.broken += self._moved(change.before, change.after)

    def are_over(self) -> bool:
        """Tell whether every list was read twice since the processor changed last, so that nothing is to be found."""
        settled = self.processor.trail.changed_at + self.processor.trail.lag + EVERY
        walks = [row.get("last") if row["walk"] is None else None for row in self.database.rows("sweeps").values()]
        return all(walk is not None and walk["until"] > settled for walk in walks)

    def _moved(self, before: Document, after: Document) -> Iterator[Violation]:
        swept, was, walk = after["swept"], before["walk"], after["walk"]
        ended = after.get("last") if after.get("last") != before.get("last") else None
        if walk is not None and was is None and walk["until"] == after.get("last", walk | {"until": None})["until"]:
            yield Violation("P3", f"a walk through {swept} that was over goes on", about(swept))
        if walk is not None and was is not None and (walk["until"], walk["skip"]) < (was["until"], was["skip"]):
            yield Violation("P3", f"the walk through {swept} went back to {walk['skip']}", about(swept))
        if was is not None and walk is None and ended is None:
            yield Violation("R9", f"the walk through {swept} was given up", about(swept))
        reached = ended or walk
        begin = 0 if was is None else was["skip"]
        if reached is None or (ended is None and reached["skip"] == begin):
            return
        pages = [
            page
            for page in self._pages.pop((swept, begin), [])
            if begin + page.size == reached["skip"] and page.is_last is (ended is not None)
        ]
        if not pages:
            yield Violation("R9", f"no page of {swept} leads from {begin} to {reached['skip']}", about(swept))
        elif unknown := min((self._unknown(swept, page) for page in pages), key=len):
            yield Violation("R9", f"{unknown} count as read and are not here", about(swept, *unknown))

    def _is_ours(self, swept: Swept, item: Any) -> bool:
        """Tell whether we must know this once we were told: what a refund or a dispute is of may be news itself."""
        match swept:
            case Swept.PAYMENTS:
                return item.status in _WITH_MONEY and self._row_of(item) is not None
            case Swept.REFUNDS:
                return item.id in self._refunds() or self._has(item.payment_id, captured=True)
            case Swept.DISPUTES:
                return self._has(item.payment_id, captured=False)
            case Swept.SETTLEMENTS:
                return True

    def _unknown(self, swept: str, page: Page) -> list[str]:
        if swept == Swept.PAYMENTS:
            rows = ((item.id, self._row_of(item)) for item in page.ours)
            return [identity for identity, row in rows if row is None or identity not in row["attempt_ids"]]
        known = _KNOWN[Swept(swept)](self)
        return [item.id for item in page.ours if item.id not in known]

    def _row_of(self, item: GatewayPayment) -> Document | None:
        order = self.processor.orders[item.order_id or ""]
        return self.database.rows("payments").get(order.request.notes["payment_id"])

    def _has(self, gateway_payment_id: str, *, captured: bool) -> bool:
        attempts = (attempt for row in self.database.rows("payments").values() for attempt in row["attempts"])
        return any(one["id"] == gateway_payment_id and one["captured"] >= captured for one in attempts)

    def _refunds(self) -> set[str]:
        return {row["gateway_refund_id"] for row in self.database.rows("refunds").values()}

    def _disputes(self) -> set[str]:
        return {row["gateway_dispute_id"] for row in self.database.rows("disputes").values()}

    def _settlements(self) -> set[str]:
        return {row["gateway_settlement_id"] for row in self.database.rows("settlements").values()}


_KNOWN = {
    Swept.REFUNDS: Walks._refunds,
    Swept.DISPUTES: Walks._disputes,
    Swept.SETTLEMENTS: Walks._settlements,
}
