"""Whatever arrives of a refund, in whatever order and how often: the same end, the same counters, the same books.

What depends on the order is only how it was learnt: the history, and the processor's data as last shown.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.gateways.port import GatewayRefund
from app.gateways.port import RefundStatus as Said
from app.kit.money import Money
from app.ledger.models import Account, Posting, Side
from app.outbox.models import ItemKind
from app.refunds.counters import CounterMove, move_of
from app.refunds.events import items
from app.refunds.evidence import merge, moved, refused
from app.refunds.models import NOTHING, RANK, Holding, Origin, Refund, RefundStatus, Source
from app.refunds.postings import postings
from tests.refunds.samples import MONEY, NOW, refund, snapshot

_RANK = {Said.UNRECOGNIZED: 0, Said.PENDING: 1, Said.PROCESSED: 2, Said.FAILED: 3}
EFFECT = {
    CounterMove.NONE: (0, 0),
    CounterMove.RESERVE: (1, 0),
    CounterMove.RELEASE: (-1, 0),
    CounterMove.ACCEPT: (0, 1),
    CounterMove.ADOPT: (1, 1),
    CounterMove.UNACCEPT: (-1, -1),
}


@dataclass
class Shelf:
    """One refund that is told things, with what it does to counters, books and listeners."""

    refund: Refund
    is_foreign: bool = False
    held: Holding = NOTHING
    booked: list[Posting] = field(default_factory=list)
    told: list[tuple[str, int]] = field(default_factory=list)

    @classmethod
    def requested(cls) -> "Shelf":
        shelf = cls(refund())
        shelf._take(None, shelf.refund)
        return shelf

    @classmethod
    def foreign(cls) -> "Shelf":
        return cls(refund(origin=Origin.PROCESSOR, request_key=None), is_foreign=True)

    def learn(self, said: GatewayRefund) -> None:
        merged = merge(self.refund, said, source=Source.LIST, at=NOW + timedelta(minutes=len(self.refund.history)))
        assert merged.changed == (merged.refund is not self.refund)
        if merged.changed:
            before = None if self.is_foreign else self.refund
            self.is_foreign = False
            self._take(before, merged.refund)

    def learn_all(self, many: Iterable[GatewayRefund]) -> "Shelf":
        for said in many:
            self.learn(said)
        return self

    def _take(self, before: Refund | None, after: Refund) -> None:
        reserved, refunded = EFFECT[move_of(before, after)]
        amount = after.money.minor
        self.held = Holding(self.held.reserved + reserved * amount, self.held.refunded + refunded * amount)
        assert self.held == after.holding, "I10: the counters are what the refund holds"
        self.booked += postings(before, after)
        self.told += [(item.name, item.sequence or 0) for item in items(before, after) if item.kind is ItemKind.EVENT]
        self.refund = after

    @property
    def balances(self) -> Counter[Account]:
        found: Counter[Account] = Counter()
        for posting in self.booked:
            for leg in posting.legs:
                found[leg.account] += leg.amount if leg.side is Side.DEBIT else -leg.amount
        return Counter({account: amount for account, amount in found.items() if amount})


@st.composite
def deliveries(draw: st.DrawFn) -> list[GatewayRefund]:
    """Draw what arrives of one refund: words of its life and of nonsense, dropped, repeated, in any order."""
    last = draw(st.sampled_from((Said.PROCESSED, Said.FAILED)))
    life = [Said.PENDING, Said.PROCESSED, last, Said.UNRECOGNIZED]
    said = [
        snapshot(
            draw(st.sampled_from(life)),
            amount=draw(st.sampled_from((MONEY, MONEY, MONEY, MONEY, None, Money(1, "INR")))),
            speed_processed=draw(st.sampled_from((None, "instant", "normal"))),
            reference="123456789012",
        )
        for _ in range(draw(st.integers(1, 10)))
    ]
    return draw(st.permutations(said))


@given(said=deliveries(), is_foreign=st.booleans(), data=st.data())
def test_b6_i10_i5_any_order_any_repetition_and_any_loss_end_in_the_same_refund_counters_and_books(
    *, said: list[GatewayRefund], is_foreign: bool, data: st.DataObject
) -> None:
    new = Shelf.foreign if is_foreign else Shelf.requested
    forwards, backwards = new().learn_all(said), new().learn_all(reversed(said))
    shuffled = new().learn_all(data.draw(st.permutations([*said, *said])))
    sound = [one for one in said if one.amount == MONEY]
    furthest = max((one.status for one in sound), key=_RANK.__getitem__, default=Said.UNRECOGNIZED)
    for shelf in (forwards, backwards, shuffled):
        known = shelf.refund
        assert known.status.value == ("requested" if furthest is Said.UNRECOGNIZED else furthest.value)
        assert known.gateway_refund_id == ("rfnd_A" if sound else None)
        assert known.speed_processed == max((one.speed_processed for one in sound if one.speed_processed), default=None)
        assert known.reference == ("123456789012" if sound else None)
        assert known.review == forwards.refund.review
        assert shelf.balances == forwards.balances
        assert [RANK[entry.status] for entry in known.history] == sorted(RANK[entry.status] for entry in known.history)


@given(said=deliveries(), data=st.data())
def test_b5_replaying_everything_changes_nothing(said: list[GatewayRefund], data: st.DataObject) -> None:
    shelf = Shelf.requested().learn_all(said)
    before, booked = shelf.refund, list(shelf.booked)
    shelf.learn_all(data.draw(st.permutations(said)))
    assert shelf.refund == before
    assert shelf.booked == booked


@given(said=deliveries())
def test_d5_the_books_hold_exactly_what_is_away_or_on_its_way_and_one_entry_for_each_cause(
    said: list[GatewayRefund],
) -> None:
    shelf = Shelf.requested().learn_all(said)
    causes = [posting.cause for posting in shelf.booked]
    assert len(causes) == len(set(causes))
    amount = MONEY.minor
    expected = {
        RefundStatus.PENDING: {Account.REFUNDS: amount, Account.CUSTOMER_CLEARING: -amount},
        RefundStatus.PROCESSED: {Account.REFUNDS: amount, Account.PROCESSOR_RECEIVABLE: -amount},
    }
    assert shelf.balances == expected.get(shelf.refund.status, {})


@given(said=deliveries(), is_foreign=st.booleans())
def test_i6_every_status_is_told_once_and_the_sequence_only_grows(
    *, said: list[GatewayRefund], is_foreign: bool
) -> None:
    shelf = (Shelf.foreign() if is_foreign else Shelf.requested()).learn_all(said)
    names = [name for name, _ in shelf.told]
    moves = [entry.status for entry in shelf.refund.history]
    expected = [f"refund.{status}" for status in dict.fromkeys(moves) if status is not RefundStatus.REQUESTED]
    assert names == (["refund.created", *expected] if shelf.told else [])
    sequences = [sequence for _, sequence in shelf.told]
    assert sequences == sorted(set(sequences))


def test_a_refusal_and_a_cancellation_give_the_reservation_back_and_book_nothing() -> None:
    for end in (
        refused(refund(), reason="no", source=Source.SEND, at=NOW),
        moved(refund(), RefundStatus.CANCELLED, event="refund.cancelled", source=Source.API, at=NOW),
    ):
        assert move_of(refund(), end) is CounterMove.RELEASE
        assert postings(refund(), end) == ()
        assert [item.name for item in items(refund(), end)] == [f"refund.{end.status}"]
