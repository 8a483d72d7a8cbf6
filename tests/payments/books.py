"""One payment that is told things, and what became of its money."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from app.gateways.port import AttemptStatus, GatewayPayment
from app.kit.money import Money
from app.payments.evidence import merge
from app.payments.models import (
    ATTEMPT_RANK,
    RANK,
    TRANSITIONS,
    Part,
    Payment,
    PaymentStatus,
    Source,
    Suspense,
)
from tests.payments.samples import NOW, payment


@dataclass
class Books:
    """A payment as it grows, with what went to suspense on the way."""

    payment: Payment = field(default_factory=payment)
    suspense: list[Suspense] = field(default_factory=list)
    accept_late: bool = True
    changes: int = 0

    def learn(self, said: GatewayPayment, source: Source = Source.WEBHOOK) -> None:
        merged = merge(
            self.payment,
            said,
            source=source,
            at=NOW + timedelta(minutes=len(self.payment.history)),
            accept_late=self.accept_late,
        )
        assert merged.changed == (merged.payment is not self.payment)
        assert merged.payment.version == self.payment.version + merged.changed
        assert len(merged.payment.history) == len(self.payment.history) + merged.changed
        self.payment = merged.payment
        self.suspense += merged.suspense
        self.changes += merged.changed

    def learn_all(self, many: Iterable[GatewayPayment]) -> "Books":
        for said in many:
            self.learn(said)
        return self

    def move(self, target: PaymentStatus) -> None:
        """Cancel or expire as the service does: only when the table allows it."""
        if TRANSITIONS.allows(self.payment.status, target):
            self.payment = replace(self.payment, status=target, version=self.payment.version + 1)


def furthest(said: Sequence[GatewayPayment]) -> dict[str, tuple[AttemptStatus, bool, int, Money | None]]:
    """Return what is true of each attempt, computed without the code under test."""
    truth = {}
    for attempt_id in {one.id for one in said}:
        own = [one for one in said if one.id == attempt_id]
        status = max((one.status for one in own), key=ATTEMPT_RANK.__getitem__)
        truth[attempt_id] = (
            status,
            any(one.captured for one in own),
            max(one.amount_refunded for one in own),
            own[0].amount,
        )
    return truth


def known(books: Books) -> dict[str, tuple[AttemptStatus, bool, int, Money | None]]:
    return {one.id: (one.status, one.captured, one.amount_refunded, one.amount) for one in books.payment.attempts}


def assert_conserved(books: Books) -> None:
    """I1: every captured attempt is the completed payment's own or one entry in suspense; nothing else is either."""
    paid = books.payment
    captured = {one.id: one.amount for one in paid.attempts if one.captured}
    suspended = [one.gateway_payment_id for one in books.suspense]
    assert len(suspended) == len(set(suspended)), "money went to suspense twice"
    own = [one.id for one in paid.attempts if one.part is Part.PRIMARY and one.captured]
    assert len([one for one in paid.attempts if one.part is Part.PRIMARY]) <= 1
    assert sorted(own + suspended) == sorted(captured)
    assert all(one.amount == captured[one.gateway_payment_id] for one in books.suspense)
    assert bool(own) == (paid.status is PaymentStatus.COMPLETED)
    assert paid.amount_captured == (paid.money.minor if own else 0)
    assert all(captured[one] == paid.money for one in own)


def assert_monotone(books: Books) -> None:
    ranks = [RANK[entry.status] for entry in books.payment.history]
    assert ranks == sorted(ranks), "I5: the rank of the status went down"
