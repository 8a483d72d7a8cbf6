"""How a settlement becomes known: webhook and list, both through `record_settlement` (D2)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import cast

import structlog
from pymongo.errors import DuplicateKeyError

from app.database import Database, Session
from app.gateways.settlement import GatewaySettlement, GatewaySettlementStatus
from app.kit.clock import Clock
from app.kit.faultpoints import faultpoint
from app.kit.ids import Ids, Prefix
from app.kit.money import Money
from app.kit.scope import Scope
from app.ledger.models import Posting
from app.payments.facts import Facts
from app.payments.store import Also
from app.settlements.events import items
from app.settlements.models import RANK, TRANSITIONS, Settlement, SettlementStatus
from app.settlements.postings import postings
from app.settlements.problems import SettlementBusy
from app.settlements.store import SettlementStore

_TRIES = 16
_LOG = structlog.get_logger(__name__)

OwnsAccount = Callable[[Scope], Awaitable[bool]]
"""Tells whether the account that a scope's calls go to is its merchant's."""

OnChange = Callable[[Settlement, Settlement | None], None]
"""Called after the commit with the settlement as it is and as it was (None: it is new)."""


class Match(StrEnum):
    """What became of a snapshot."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    UNREADABLE = "unreadable"
    FOREIGN = "foreign"
    """The account is not this merchant's alone, and so is what it is paid."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The settlement that a snapshot concerned, and whether the snapshot told anything new."""

    match: Match
    settlement: Settlement | None


@dataclass(frozen=True, slots=True)
class SettlementOutcomes:
    """Learns of settlements and writes them down."""

    database: Database
    store: SettlementStore
    facts: Facts
    clock: Clock
    ids: Ids
    owns_account: OwnsAccount
    on_change: OnChange

    async def record_settlement(
        self, scope: Scope, snapshot: GatewaySettlement, *, is_present: bool, also: Also | None = None
    ) -> Recorded:
        """Apply what the processor said of one settlement; the only way it moves by outside news.

        What contradicts itself, or what is known already, books nothing and is said in the log (R7).

        Args:
            scope: whose settlement.
            snapshot: what the processor said.
            is_present: whether it said so when it was asked; what came by itself may be old.
            also: a further write for the same transaction, such as the inbox's mark; it runs also when the snapshot
                told nothing new, but not when it could not be read or is of somebody else's account.

        Raises:
            SettlementBusy: others kept changing it; nothing was written.
        """
        if not await self.owns_account(scope):
            return Recorded(Match.FOREIGN, None)
        for _ in range(_TRIES):
            before = await self.store.find_by_gateway_id(scope, gateway_settlement_id=snapshot.id)
            if not _is_sound(snapshot, before):
                _LOG.warning("settlement_contradictory", tenant=scope.tenant, gateway_settlement_id=snapshot.id)
                return Recorded(Match.UNREADABLE, before)
            after = self._merged(scope, before, snapshot, is_present=is_present)
            if after is None:
                await self._beside(also)
                return Recorded(Match.UNCHANGED, before)
            if await self.write(scope, before, after, also=also):
                return Recorded(Match.APPLIED, after)
        raise SettlementBusy(retry_after_seconds=1)

    async def write(
        self, scope: Scope, before: Settlement | None, after: Settlement, *, also: Also | None = None
    ) -> bool:
        """Write a change with everything that it causes, in one transaction; tell whether it was still as `before`."""
        faultpoint("settlements.writing")

        async def work(session: Session) -> bool:
            if before is None:
                await self.store.insert_settlement(scope, after, session=session)
            elif not await self.store.save_settlement(scope, before, after, session=session):
                return False
            await self.facts.write(
                scope,
                postings=postings(before, after),
                items=items(before, after),
                at=after.updated_at,
                session=session,
            )
            if also is not None:
                await also(session)
            faultpoint("settlements.committing")
            return True

        try:
            written = await self.database.transaction(work)
        except DuplicateKeyError:
            return False
        faultpoint("settlements.written")
        if written:
            self.on_change(after, before)
        return written

    async def book(self, scope: Scope, booked: Sequence[Posting]) -> None:
        """Book what the lines of a settlement alone tell; what is booked already in the same way stays as it is.

        Raises:
            PostingConflict: something is booked in another way; nothing was written.
        """
        faultpoint("settlements.booking")

        async def work(session: Session) -> None:
            await self.facts.write(scope, postings=booked, at=self.clock.now(), session=session)

        await self.database.transaction(work)
        faultpoint("settlements.booked")

    def _merged(
        self, scope: Scope, before: Settlement | None, snapshot: GatewaySettlement, *, is_present: bool
    ) -> Settlement | None:
        """Return the settlement as the snapshot makes it, None when it tells nothing new."""
        at, status = self.clock.now(), SettlementStatus(snapshot.status)
        # That it has an amount was asked before: `_is_sound`.
        money = cast("Money", snapshot.amount)
        if before is None:
            return Settlement(
                id=self.ids.new(Prefix.SETTLEMENT),
                scope=scope,
                gateway_settlement_id=snapshot.id,
                money=money,
                fees=snapshot.fees,
                tax=snapshot.tax,
                status=status,
                paid_at=at if status is SettlementStatus.PROCESSED else None,
                utr=snapshot.utr,
                settled_at=snapshot.created_at,
                created_at=at,
                updated_at=at,
                razorpay_data=snapshot.raw,
            )
        # What comes by itself may be old: it only ever tells that something was paid.
        is_news = is_present or RANK[before.status] < RANK[status] < RANK[SettlementStatus.FAILED]
        moves = is_news and TRANSITIONS.allows(before.status, status)
        known = replace(
            before,
            money=money,
            fees=snapshot.fees,
            tax=snapshot.tax,
            utr=before.utr or snapshot.utr,
        )
        if moves:
            # One that is tried again has another number at the bank.
            known = replace(known, status=status, utr=snapshot.utr or before.utr)
        if moves and status is SettlementStatus.PROCESSED:
            known = replace(known, paid_at=at, tally=None)
        if known == before:
            return None
        return replace(known, updated_at=at, razorpay_data=snapshot.raw, version=before.version + 1)

    async def _beside(self, also: Also | None) -> None:
        if also is not None:
            faultpoint("settlements.marking")
            await self.database.transaction(also)
            faultpoint("settlements.marked")


def _is_sound(snapshot: GatewaySettlement, before: Settlement | None) -> bool:
    """Tell whether a snapshot can be believed: its amount never changes once it was paid and it is booked."""
    if snapshot.amount is None or snapshot.status is GatewaySettlementStatus.UNRECOGNIZED:
        return False
    is_booked = before is not None and before.status is not SettlementStatus.CREATED
    return before is None or not is_booked or snapshot.amount == before.money
