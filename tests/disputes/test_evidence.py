"""A dispute follows what the processor says now, and is not led back by what it said before."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.disputes.events import items
from app.disputes.evidence import answered, merge, opened
from app.disputes.models import RANK, TRANSITIONS, Dispute, DisputeStatus, ReviewReason, Source
from app.disputes.postings import postings
from app.gateways.port import DisputeStatus as Said
from app.ledger.models import Account, Side
from tests.disputes.samples import AMOUNT, NOW, SCOPE, dispute, said

snapshots = st.builds(
    lambda status, deducted: said(status.value, deducted=deducted),
    st.sampled_from(Said),
    st.sampled_from([0, AMOUNT // 2, AMOUNT]),
)


def learn(known: Dispute, *told, source: Source = Source.WEBHOOK) -> Dispute:
    for snapshot in told:
        known = merge(known, snapshot, source=source, at=NOW).dispute
    return known


def taken(entries) -> int:
    """Return what entries took from the merchant in all."""
    legs = [leg for entry in entries for leg in entry.legs if leg.account is Account.DISPUTES]
    return sum(leg.amount if leg.side is Side.DEBIT else -leg.amount for leg in legs)


@given(st.lists(st.tuples(snapshots, st.sampled_from([Source.WEBHOOK, Source.POLL, Source.ANSWER])), max_size=8))
def test_d5_i1_the_books_hold_what_the_processor_took_whatever_was_said_in_whatever_order(told):
    known = dispute()
    entries, causes = list(postings(None, known)), []
    for snapshot, source in told:
        merged = merge(known, snapshot, source=source, at=NOW)
        assert merged.changed == (merged.dispute is not known)
        assert merged.dispute.version == known.version + merged.changed
        entries += postings(known, merged.dispute)
        known = merged.dispute
    causes = [entry.cause for entry in entries]
    assert len(set(causes)) == len(causes)
    assert taken(entries) == known.amount_deducted


@given(snapshots, st.lists(snapshots, max_size=5))
def test_the_present_ends_every_doubt(last, before):
    known = learn(dispute(), *before)
    now = learn(known, last, source=Source.POLL)
    if last.status is Said.UNRECOGNIZED:
        assert now.status is known.status
    else:
        assert (now.status.value, now.amount_deducted) == (last.status.value, last.amount_deducted)


@given(snapshots, snapshots)
def test_b6_a_message_never_leads_a_dispute_back(first, second):
    known = learn(dispute(), first)
    merged = merge(known, second, source=Source.WEBHOOK, at=NOW)
    assert RANK[merged.dispute.status] >= RANK[known.status]
    assert merged.dispute.status is not known.status or merged.dispute.amount_deducted >= known.amount_deducted


@pytest.mark.parametrize(
    ("now", "old"),
    [
        (said("lost", deducted=AMOUNT), said("open")),
        (said("won"), said("under_review")),
        (said("won"), said("lost", deducted=AMOUNT)),
        (said("lost", deducted=AMOUNT), said("lost")),
    ],
)
def test_b6_an_old_message_changes_nothing_and_asks_for_a_look(now, old):
    known = learn(dispute(), now)
    merged = merge(known, old, source=Source.WEBHOOK, at=NOW)
    assert (merged.dispute, merged.changed, merged.is_doubtful) == (known, False, True)


def test_repeated_news_is_no_news():
    known = learn(dispute(), said("under_review"))
    again = merge(known, said("under_review"), source=Source.WEBHOOK, at=NOW)
    assert (again.dispute, again.changed, again.is_doubtful) == (known, False, False)


def test_more_evidence_may_be_asked_for():
    known = learn(dispute(), said("under_review"))
    assert merge(known, said("open"), source=Source.WEBHOOK, at=NOW).is_doubtful
    reopened = merge(known, said("open"), source=Source.POLL, at=NOW).dispute
    assert (reopened.status, reopened.review) == (DisputeStatus.OPEN, ())


def test_a_move_that_is_not_documented_is_believed_and_looked_at():
    known = learn(dispute(), said("lost", deducted=AMOUNT))
    moved = learn(known, said("open"), source=Source.POLL)
    assert (moved.status, moved.amount_deducted) == (DisputeStatus.OPEN, 0)
    assert moved.review == (ReviewReason.UNEXPECTED_MOVE,)
    assert taken(postings(known, moved)) == -AMOUNT


@pytest.mark.parametrize(
    ("odd", "doubt"),
    [
        (said("unrecognized"), ReviewReason.UNRECOGNIZED_STATUS),
        (said("lost", amount=AMOUNT + 1), ReviewReason.CONTRADICTORY_AMOUNT),
        (said("lost", amount=None), ReviewReason.CONTRADICTORY_AMOUNT),
        (replace(said("lost"), payment_id="pay_2"), ReviewReason.CONTRADICTORY_AMOUNT),
    ],
)
def test_r7_what_makes_no_sense_moves_nothing_and_is_noted_once(odd, doubt):
    merged = merge(dispute(), odd, source=Source.POLL, at=NOW)
    assert (merged.dispute.status, merged.dispute.review) == (DisputeStatus.OPEN, (doubt,))
    assert merged.dispute.history[-1].event == "dispute.noted"
    assert not merge(merged.dispute, odd, source=Source.POLL, at=NOW).changed


def test_a_first_word_without_an_amount_opens_nothing():
    assert opened(SCOPE, said(amount=None), dispute_id="dsp_1", payment_id="pmt_1", source=Source.POLL, at=NOW) is None


def test_a_first_word_that_nobody_knows_opens_a_dispute_for_a_human_to_look_at():
    odd = dispute(said("unrecognized"))
    assert (odd.status, odd.review) == (DisputeStatus.OPEN, (ReviewReason.UNRECOGNIZED_STATUS,))


def test_a_changed_deadline_is_kept_and_absence_forgets_nothing():
    later = NOW + timedelta(days=9)
    known = learn(dispute(), said(respond_by=later, phase=None, reason_code=None))
    assert (known.respond_by, known.phase, known.reason_code) == (later, "chargeback", "1062")
    assert known.history[-1].event == "dispute.changed"


def test_an_answer_is_noted_before_the_processor_hears_of_it():
    noted = answered(dispute(), "contested", at=NOW)
    assert (noted.answered, noted.status, noted.version) == ("contested", DisputeStatus.OPEN, 2)
    assert noted.history[-1].event == "dispute.contested"
    assert noted.razorpay_data == dispute().razorpay_data


@pytest.mark.parametrize(
    ("first", "told", "names"),
    [
        (said("open"), (), ["dispute.created"]),
        (said("lost", deducted=AMOUNT), (), ["dispute.created", "dispute.lost"]),
        (said("open"), (said("under_review"),), ["dispute.created", "dispute.under_review"]),
        (said("open"), (said("open", phase="arbitration"),), ["dispute.created"]),
        (said("open"), (said("won"), said("won")), ["dispute.created", "dispute.won"]),
    ],
)
def test_i6_every_state_is_told_once(first, told, names):
    known = dispute(first)
    events = list(items(None, known))
    for snapshot in told:
        after = learn(known, snapshot)
        events += items(known, after)
        known = after
    assert [one.name for one in events] == names
    assert len({one.key for one in events}) == len(events)


def test_the_table_and_the_order_name_every_state():
    for status in (DisputeStatus.OPEN, DisputeStatus.UNDER_REVIEW):
        assert all(TRANSITIONS.allows(status, ahead) for ahead in DisputeStatus if RANK[ahead] > RANK[status])
    assert [dispute(said(status.value)).is_over for status in DisputeStatus] == [False, False, True, True, True]
