"""Entries, counters, news and times of a refund, as tables."""

from datetime import timedelta

import pytest

from app.ledger.models import Account, CauseKind, Side
from app.refunds.counters import CounterMove, move_of
from app.refunds.events import SEND_DELAY, items
from app.refunds.models import Holding, RefundStatus
from app.refunds.postings import postings
from app.refunds.schedule import LISTED_WITHIN, is_no_believed, next_check, retry_of_unreachable
from tests.refunds.samples import MONEY, NOW, refund

S = RefundStatus
GIVEN = (CauseKind.REFUND, Account.REFUNDS, Account.CUSTOMER_CLEARING)
PAID_OUT = (CauseKind.REFUND_PAYOUT, Account.CUSTOMER_CLEARING, Account.PROCESSOR_RECEIVABLE)
BACK_FROM_CLEARING = (CauseKind.REFUND_REVERSAL, Account.CUSTOMER_CLEARING, Account.REFUNDS)
BACK_FROM_PROCESSOR = (CauseKind.REFUND_REVERSAL, Account.PROCESSOR_RECEIVABLE, Account.REFUNDS)


@pytest.mark.parametrize(
    ("before", "after", "booked", "move"),
    [
        (None, S.REQUESTED, [], CounterMove.RESERVE),
        (None, S.PENDING, [GIVEN], CounterMove.ADOPT),
        (None, S.PROCESSED, [GIVEN, PAID_OUT], CounterMove.ADOPT),
        (None, S.FAILED, [], CounterMove.NONE),
        (S.REQUESTED, S.REQUESTED, [], CounterMove.NONE),
        (S.REQUESTED, S.CANCELLED, [], CounterMove.RELEASE),
        (S.REQUESTED, S.PENDING, [GIVEN], CounterMove.ACCEPT),
        (S.REQUESTED, S.PROCESSED, [GIVEN, PAID_OUT], CounterMove.ACCEPT),
        (S.REQUESTED, S.FAILED, [], CounterMove.RELEASE),
        (S.PENDING, S.PENDING, [], CounterMove.NONE),
        (S.PENDING, S.PROCESSED, [PAID_OUT], CounterMove.NONE),
        (S.PENDING, S.FAILED, [BACK_FROM_CLEARING], CounterMove.UNACCEPT),
        (S.PROCESSED, S.PROCESSED, [], CounterMove.NONE),
        (S.PROCESSED, S.FAILED, [BACK_FROM_PROCESSOR], CounterMove.UNACCEPT),
        (S.FAILED, S.FAILED, [], CounterMove.NONE),
    ],
)
def test_d5_i8_what_each_change_of_a_refund_books_and_counts(before, after, booked, move):
    was = refund(before) if before else None
    found = postings(was, refund(after))
    assert move_of(was, refund(after)) is move
    assert [(one.cause.kind, one.legs[0].account, one.legs[1].account) for one in found] == booked
    for one in found:
        assert (one.cause.id, one.currency, one.payment_id) == ("rfnd_A", "INR", refund().payment_id)
        assert [(leg.side, leg.amount) for leg in one.legs] == [
            (Side.DEBIT, MONEY.minor),
            (Side.CREDIT, MONEY.minor),
        ]


@pytest.mark.parametrize(
    ("from_suspense", "origin"),
    [
        (0, [(Account.REFUNDS, MONEY.minor)]),
        (5_000, [(Account.SUSPENSE, 5_000), (Account.REFUNDS, MONEY.minor - 5_000)]),
        (MONEY.minor, [(Account.SUSPENSE, MONEY.minor)]),
    ],
)
def test_money_out_of_suspense_is_no_refund_of_the_merchants_and_goes_back_where_it_came_from(from_suspense, origin):
    (given, _) = postings(None, refund(S.PROCESSED, from_suspense=from_suspense))
    (back,) = postings(refund(S.PROCESSED), refund(S.FAILED, from_suspense=from_suspense))
    assert [(leg.account, leg.amount) for leg in given.legs if leg.side is Side.DEBIT] == origin
    assert [(leg.account, leg.amount) for leg in back.legs if leg.side is Side.CREDIT] == origin


@pytest.mark.parametrize("status", S)
def test_what_a_refund_holds_of_its_payments_counters(status):
    amount = MONEY.minor
    expected = {S.REQUESTED: (amount, 0), S.PENDING: (amount, amount), S.PROCESSED: (amount, amount)}
    assert refund(status).holding == Holding(*expected.get(status, (0, 0)))


def test_a_new_refund_is_told_and_the_worker_sends_it_if_nobody_else_does():
    created, send = items(None, refund())
    assert (created.name, created.sequence, created.payload["amount"]) == ("refund.created", 1, MONEY.minor)
    assert (send.name, send.subject, send.delay) == ("refund.send", refund().id, SEND_DELAY)
    assert items(refund(), refund(version=2)) == ()


def test_c10_a_refund_heard_of_late_was_created_first():
    told = items(None, refund(S.PROCESSED, version=2))
    assert [(item.name, item.sequence) for item in told] == [("refund.created", 1), ("refund.processed", 2)]
    assert [item.payload["status"] for item in told] == ["requested", "processed"]


def ladder(status, days):
    """Return when a refund of this status is looked at, in minutes after its birth."""
    found, now = [], NOW
    while (due := next_check(refund(status), now=now)) is not None and due <= NOW + timedelta(days=days):
        found.append((due - NOW) // timedelta(minutes=1))
        now = due
    return found


@pytest.mark.parametrize("status", [S.REQUESTED, S.PENDING])
def test_d8_an_open_refund_is_looked_at_soon_and_then_daily(status):
    assert ladder(status, 3) == [1, 5, 15, 60, 360, 1440, 2 * 1440, 3 * 1440]


def test_d8_a_pending_refund_is_looked_at_until_day_thirty_and_a_requested_one_for_ever():
    assert ladder(S.PENDING, 60)[-1] == 30 * 1440
    assert ladder(S.REQUESTED, 60)[-1] == 60 * 1440


def test_c9_a_processed_refund_is_looked_at_a_few_times_still():
    assert ladder(S.PROCESSED, 60) == [1440, 3 * 1440, 7 * 1440]
    assert ladder(S.FAILED, 60) == ladder(S.CANCELLED, 60) == []


@pytest.mark.parametrize(
    ("age", "wait"),
    [(timedelta(0), 60), (timedelta(hours=1), 15 * 60), (timedelta(days=30), 6 * 3600)],
)
def test_i15_a_refund_that_can_not_be_looked_at_waits_longer_the_older_it_is(age, wait):
    assert retry_of_unreachable(refund(), now=NOW + age) == NOW + age + timedelta(seconds=wait)


def test_c6_a_no_is_believed_at_once_only_if_no_earlier_send_can_have_arrived():
    assert is_no_believed(refund(sends=1, sent_at=NOW), now=NOW)
    again = refund(sends=2, sent_at=NOW, sent_before=NOW)
    assert not is_no_believed(again, now=NOW + LISTED_WITHIN)
    assert is_no_believed(again, now=NOW + LISTED_WITHIN + timedelta(seconds=1))
