"""The processor's books of disputes: customers' banks that ask money back, and how they decide."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.gateways.port import (
    DisputeStatus,
    GatewayDispute,
    GatewayEvent,
    GatewayPayment,
    Listed,
    Refused,
    UnknownAtGateway,
)
from app.kit.money import Money
from tests.simulation.trail import Trail

if TYPE_CHECKING:
    from tests.simulation.processor import Charge

_DAYS_TO_ANSWER = timedelta(days=7)


@dataclass(slots=True)
class Quarrel:
    """Money that a customer's bank asks back."""

    id: str
    payment_id: str
    amount: Money
    created_at: datetime
    status: DisputeStatus = DisputeStatus.OPEN
    deducted: int = 0
    moves: list[int] = field(default_factory=list)
    """1 for each time that the money came back, -1 for each that it was taken."""

    def shown(self) -> GatewayDispute:
        """Return it as an answer."""
        return GatewayDispute(
            id=self.id,
            payment_id=self.payment_id,
            amount=self.amount,
            amount_deducted=self.deducted,
            status=self.status,
            created_at=self.created_at,
            respond_by=self.created_at + _DAYS_TO_ANSWER,
        )


@dataclass(slots=True)
class Bank:
    """Every dispute at the processor. Only a lost one takes money."""

    now: Callable[[], datetime]
    announce: Callable[[GatewayEvent], None]
    trail: Trail
    rows: dict[str, Quarrel] = field(default_factory=dict)
    past: dict[str, list[DisputeStatus]] = field(default_factory=dict)
    told: dict[str, list[GatewayEvent]] = field(default_factory=dict)

    def open(self, charge: "Charge") -> Quarrel:
        """Ask a captured payment's money back."""
        made = Quarrel(f"disp_{len(self.rows) + 1:014}", charge.id, charge.amount, self.now())
        self.rows[made.id] = made
        self._announce("created", made, charge.shown())
        return made

    def get(self, dispute_id: str) -> GatewayDispute:
        """Return one."""
        return self._known(dispute_id).shown()

    def list(self, *, skip: int) -> Listed[GatewayDispute]:
        """Return a page of all of them, newest first."""
        return self.trail.page(self.rows.values(), skip=skip)

    def accept(self, dispute_id: str) -> GatewayDispute:
        """Let the customer have it."""
        made = self._known(dispute_id)
        if made.status not in {DisputeStatus.OPEN, DisputeStatus.UNDER_REVIEW}:
            raise Refused("dispute_not_open")
        self.decide(made, DisputeStatus.LOST)
        return made.shown()

    def contest(self, dispute_id: str) -> GatewayDispute:
        """Take evidence."""
        made = self._known(dispute_id)
        if made.status is not DisputeStatus.OPEN:
            raise Refused("dispute_not_open")
        made.status = DisputeStatus.UNDER_REVIEW
        self._announce("under_review", made)
        return made.shown()

    def decide(self, made: Quarrel, status: DisputeStatus) -> None:
        """End it; what is lost is taken from the merchant, what is won after all comes back."""
        made.status = status
        before, made.deducted = made.deducted, made.amount.minor if status is DisputeStatus.LOST else 0
        if made.deducted != before:
            made.moves.append(-1 if made.deducted else 1)
        self._announce(status.value, made)

    def tell_again(self, made: Quarrel) -> None:
        """Repeat the first event of a dispute, as a day's retries do: it tells of what is over."""
        self.announce(self.told[made.id][0])

    def _announce(self, what: str, made: Quarrel, *payments: GatewayPayment) -> None:
        self.trail.remember(made)
        self.past.setdefault(made.id, []).append(made.status)
        event = GatewayEvent(
            type=f"payment.dispute.{what}",
            account_id=None,
            created_at=self.now(),
            payments=payments,
            disputes=(made.shown(),),
        )
        self.told.setdefault(made.id, []).append(event)
        self.announce(event)

    def _known(self, dispute_id: str) -> Quarrel:
        if dispute_id not in self.rows:
            raise UnknownAtGateway("not_found")
        return self.rows[dispute_id]
