"""The processor's payouts: what it settles, what the bank sends back, and the report of what each is made of.

A payout takes in all that moved since the last one. What the bank sends back is the processor's again: it is tried once
more under another number, or its money is part of the next payout.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from app.gateways.port import GatewayEvent, Listed, RefundStatus
from app.gateways.settlement import GatewaySettlement, GatewaySettlementStatus, RowKind, SettlementRow
from app.kit.money import Money
from tests.simulation.trail import Trail

if TYPE_CHECKING:
    from tests.simulation.processor import Processor

_INDIA = timezone(timedelta(hours=5, minutes=30))
_DAY = timedelta(days=1)
Status = GatewaySettlementStatus


@dataclass(frozen=True, slots=True)
class Part:
    """Something that was settled: `sign` is 1 for what it gave to the merchant, and what kind of line it is."""

    entity_id: str
    kind: RowKind
    amount: int
    sign: int
    fee: int = 0
    tax: int = 0
    payment_id: str | None = None
    dispute_id: str | None = None

    @property
    def net(self) -> int:
        """Return what it adds to its payout."""
        return self.sign * self.amount - self.fee

    @property
    def is_odd(self) -> bool:
        """Tell whether only people can say what it is."""
        return self.kind is RowKind.ADJUSTMENT and self.dispute_id is None


@dataclass(slots=True)
class Payout:
    """One transfer to the merchant's bank, with what it is made of."""

    id: str
    parts: tuple[Part, ...]
    created_at: datetime
    told_on: date
    status: Status = Status.CREATED
    tries: int = 1

    @property
    def amount(self) -> int:
        """Return what reaches the bank, in minor units."""
        return sum(part.net for part in self.parts)

    def shown(self) -> GatewaySettlement:
        """Return it as an answer."""
        return GatewaySettlement(
            id=self.id,
            amount=Money(self.amount, "INR"),
            fees=0,
            tax=0,
            status=self.status,
            utr=f"UTR{self.id[-6:]}N{self.tries}",
            created_at=self.created_at,
        )

    def rows(self) -> Iterable[SettlementRow]:
        """Return its lines as the report shows them."""
        for part in self.parts:
            yield SettlementRow(
                entity_id=part.entity_id,
                kind=part.kind,
                settlement_id=self.id,
                credit=max(0, part.net),
                debit=max(0, -part.net),
                amount=part.amount,
                fee=part.fee,
                tax=part.tax,
                currency="INR",
                created_at=self.created_at,
                settled_at=self.created_at,
                payment_id=part.payment_id,
                dispute_id=part.dispute_id,
            )


@dataclass(slots=True)
class Till:
    """Every payout of the processor. `lag` is how long the report of what one is made of takes."""

    processor: "Processor"
    now: Callable[[], datetime]
    announce: Callable[[GatewayEvent], None]
    trail: Trail
    lag: timedelta = timedelta(0)
    rows: dict[str, Payout] = field(default_factory=dict)

    @property
    def paid(self) -> int:
        """Return what is at the merchant's bank."""
        return sum(made.amount for made in self.rows.values() if made.status is Status.PROCESSED)

    def settle(self, *, is_told_next_day: bool) -> Payout | None:
        """Make a payout of all that was not settled yet; None when that is nothing."""
        settled = self._settled()
        parts = tuple(part for part in self._parts(settled) if part not in settled)
        if sum(part.net for part in parts) <= 0:
            return None
        told_on = self.now().astimezone(_INDIA).date() + is_told_next_day * _DAY
        made = Payout(f"setl_{len(self.rows) + 1:014}", parts, self.now(), told_on)
        self.rows[made.id] = made
        self.trail.remember(made)
        return made

    def pay(self, made: Payout) -> None:
        """Bring the money to the bank; nothing else of a payout is told by an event."""
        made.status = Status.PROCESSED
        self.trail.remember(made)
        self.tell(made.shown())

    def tell(self, paid: GatewaySettlement) -> None:
        """Tell that a payout was paid, for the first time or once more."""
        self.announce(GatewayEvent("settlement.processed", None, self.now(), (), settlements=(paid,)))

    def send_back(self, made: Payout) -> None:
        """Let the bank return the money; only the list tells so."""
        made.status = Status.FAILED
        self.trail.remember(made)

    def try_again(self, made: Payout) -> bool:
        """Pay once more what was sent back, under another number; tell whether it was still to be paid."""
        if self._settled() & set(made.parts):
            return False
        made.tries += 1
        self.pay(made)
        return True

    def list(self, *, since: datetime, until: datetime, skip: int) -> Listed[GatewaySettlement]:
        """Return a page of payouts, newest first."""
        rows = (made for made in self.rows.values() if since <= made.created_at <= until)
        return self.trail.page(rows, skip=skip)

    def report(self, *, day: date, skip: int) -> Listed[SettlementRow]:
        """Return a page of the lines of a day's payouts, as far as they are told yet."""
        newest = self.now() - self.lag
        told = [made for made in self.rows.values() if made.told_on == day and made.created_at <= newest]
        lines = [row for made in told for row in made.rows()]
        page = tuple(lines[skip : skip + self.trail.size])
        return Listed(page, is_last=len(page) < self.trail.size, next_skip=skip + len(page))

    def _settled(self) -> set[Part]:
        return {part for made in self.rows.values() if made.status is not Status.FAILED for part in made.parts}

    def _parts(self, settled: set[Part]) -> Iterable[Part]:
        """Yield everything that moved the merchant's money, whether settled or not."""
        for charge in self.processor.charges.values():
            if charge.captured_at is not None and charge.fee is not None:
                yield Part(charge.id, RowKind.PAYMENT, charge.amount.minor, 1, charge.fee, charge.tax or 0)
        for made in self.processor.repayments.values():
            back = Part(
                made.id, RowKind.REFUND, made.amount.minor, -1, made.fee, made.fee // 6, payment_id=made.payment_id
            )
            if made.status is RefundStatus.PROCESSED:
                yield back
            if made.status is RefundStatus.FAILED and back in settled:
                # What the customer's bank sends back of it names no dispute: people have to look at it.
                yield Part(f"adj_{made.id}", RowKind.ADJUSTMENT, made.amount.minor, 1)
        for quarrel in self.processor.bank.rows.values():
            for number, sign in enumerate(quarrel.moves):
                name = f"adj_{quarrel.id}_{number}"
                yield Part(name, RowKind.ADJUSTMENT, quarrel.amount.minor, sign, dispute_id=quarrel.id)
