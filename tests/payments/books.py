"""One payment that is told things, what became of its money, and what was booked and told of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from app.gateways.port import AttemptStatus, GatewayPayment
from app.kit.money import Money
from app.ledger.models import Account, CauseKind, Posting, Side
from app.outbox.models import ItemKind, NewItem
from app.payments.events import items
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
    SuspenseEntry,
)
from app.payments.postings import postings
from tests.payments.samples import NOW, SCOPE, payment


@dataclass
class Books:
    """A payment as it grows, with what went to suspense on the way."""

    payment: Payment = field(default_factory=payment)
    suspense: list[Suspense] = field(default_factory=list)
    booked: list[Posting] = field(default_factory=list)
    told: list[NewItem] = field(default_factory=list)
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
        opened = [SuspenseEntry(id=f"sus_{one.gateway_payment_id}", scope=SCOPE, held=one) for one in merged.suspense]
        booked, told = postings(self.payment, merged.payment), items(self.payment, merged.payment, opened=opened)
        assert merged.changed or not (booked or told), "nothing new, but something is booked or told"
        self.booked += booked
        self.told += told
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
            moved = replace(self.payment, status=target, version=self.payment.version + 1)
            self.told += items(self.payment, moved)
            self.payment = moved


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


def assert_booked(books: Books) -> None:
    """I2: one entry for each capture, one for each known fee, and the sums are the money of each place."""
    causes = [one.cause for one in books.booked]
    assert len(causes) == len(set(causes)), "one fact was booked twice"
    captured = {one.id for one in books.payment.attempts if one.captured}
    with_fee = {one.id for one in books.payment.attempts if one.captured and one.fee}
    assert {cause.id for cause in causes if cause.kind is CauseKind.CAPTURE} == captured
    assert {cause.id for cause in causes if cause.kind is CauseKind.FEE} == with_fee
    assert {one.payment_id for one in books.booked} <= {books.payment.id}
    paid: Counter[str] = Counter()
    held: Counter[str] = Counter()
    if books.payment.amount_captured:
        paid[books.payment.money.currency] = books.payment.amount_captured
    for one in books.suspense:
        held[one.amount.currency] += one.amount.minor
    assert balance(books, Account.MERCHANT_PAYABLE, Side.CREDIT) == paid
    assert balance(books, Account.SUSPENSE, Side.CREDIT) == held


def balance(books: Books, account: Account, side: Side) -> Counter[str]:
    """Return what an account holds on one side, by currency."""
    held: Counter[str] = Counter()
    for posting in books.booked:
        for leg in posting.legs:
            if leg.account is account:
                held[posting.currency] += leg.amount if leg.side is side else -leg.amount
    return held


def assert_told(books: Books) -> None:
    """I6: each change of status has its event and no event is without its change; money in suspense has its own."""
    keys = [one.key for one in books.told]
    assert len(keys) == len(set(keys)), "one change was told twice"
    events = [one for one in books.told if one.kind is ItemKind.EVENT]
    moves = [one for one in events if one.name.startswith("payment.") and one.name != "payment.needs_review"]
    assert not moves or moves[-1].payload["status"] == books.payment.status
    assert bool(moves) == (books.payment.status is not PaymentStatus.PENDING)
    ranks = [RANK[PaymentStatus(one.payload["status"])] for one in moves]
    assert ranks == sorted(set(ranks))
    opened = [one.payload["gateway_payment_id"] for one in events if one.name == "suspense.opened"]
    assert opened == [one.gateway_payment_id for one in books.suspense]
    reasons = [reason for one in events if one.name == "payment.needs_review" for reason in one.payload["reasons"]]
    assert reasons == [reason.value for reason in books.payment.review]
