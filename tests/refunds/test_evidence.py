"""What one snapshot means for a refund (C9, R7, D2, D3)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.gateways.port import RefundStatus as Said
from app.kit.money import Money
from app.refunds.evidence import FAILED_AT_BANK, is_about, merge, moved, refused
from app.refunds.models import RANK, TRANSITIONS, RefundStatus, ReviewReason, Source
from tests.refunds.samples import MONEY, NOW, refund, snapshot

LATER = NOW + timedelta(minutes=1)


def told(known, said):
    return merge(known, said, source=Source.WEBHOOK, at=LATER)


@pytest.mark.parametrize("said", [Said.PENDING, Said.PROCESSED, Said.FAILED])
def test_d2_an_explicit_word_moves_a_requested_refund(said):
    merged = told(refund(), snapshot(said))
    assert merged.changed
    assert merged.refund.status.value == said.value
    assert merged.refund.gateway_refund_id == "rfnd_A"
    assert (merged.refund.version, merged.refund.updated_at) == (2, LATER)
    assert merged.refund.history[-1].event == f"refund.{said.value}"
    assert not told(merged.refund, snapshot(said)).changed


@pytest.mark.parametrize("before", [RefundStatus.PENDING, RefundStatus.PROCESSED])
def test_c9_a_refund_that_was_under_way_may_still_fail(before):
    merged = told(refund(before), snapshot(Said.FAILED))
    assert (merged.refund.status, merged.refund.failure) == (RefundStatus.FAILED, FAILED_AT_BANK)


@pytest.mark.parametrize("before", RefundStatus)
@pytest.mark.parametrize("said", Said)
def test_i5_d3_no_snapshot_moves_a_refund_back_or_past_its_table(before, said):
    after = told(refund(before), snapshot(said)).refund
    assert RANK[after.status] >= RANK[before]
    assert after.status is before or TRANSITIONS.allows(before, after.status) or before is RefundStatus.CANCELLED
    assert after.money == MONEY


def test_i5_no_move_of_the_table_lowers_the_rank():
    for before in RefundStatus:
        for after in RefundStatus:
            assert not TRANSITIONS.allows(before, after) or RANK[after] > RANK[before]


@pytest.mark.parametrize("amount", [None, Money(19_999, "INR"), Money(20_000, "USD")])
def test_r7_a_snapshot_of_another_amount_moves_nothing_and_asks_for_a_review(amount):
    merged = told(refund(), snapshot(Said.PROCESSED, amount=amount))
    assert (merged.refund.status, merged.refund.gateway_refund_id) == (RefundStatus.REQUESTED, None)
    assert merged.refund.review == (ReviewReason.CONTRADICTORY_AMOUNT,)
    assert merged.refund.history[-1].event == "refund.noted"
    assert not told(merged.refund, snapshot(Said.PENDING, amount=amount)).changed
    assert told(merged.refund, snapshot(Said.PROCESSED)).refund.status is RefundStatus.PROCESSED


def test_r7_a_word_that_nobody_knows_proves_only_that_the_processor_has_the_refund():
    merged = told(refund(), snapshot(Said.UNRECOGNIZED))
    assert (merged.refund.status, merged.refund.gateway_refund_id) == (RefundStatus.REQUESTED, "rfnd_A")
    assert merged.refund.review == (ReviewReason.UNRECOGNIZED_STATUS,)


def test_a_refund_that_was_to_go_at_once_may_fall_back_and_the_bank_s_number_comes_with_the_money():
    quick = told(refund(), snapshot(Said.PENDING, speed_processed="instant")).refund
    slow = told(quick, snapshot(Said.PENDING)).refund
    assert (quick.speed_processed, slow.speed_processed, slow.reference) == ("instant", "normal", None)
    assert not told(slow, snapshot(Said.PENDING, speed_processed="instant")).changed
    assert told(slow, snapshot(Said.PROCESSED)).refund.reference == "123456789012"


def test_the_processors_own_data_is_kept_when_there_is_some():
    known = told(refund(), snapshot(Said.PENDING)).refund
    assert known.razorpay_data == {"id": "rfnd_A", "status": "pending"}
    assert told(known, snapshot(Said.PROCESSED, raw={})).refund.razorpay_data == known.razorpay_data


def test_c8_a_refund_is_known_again_by_its_id_else_by_the_receipt_that_only_we_could_send():
    ours, said = refund(), snapshot(Said.PENDING)
    assert is_about(ours, said)
    assert not is_about(ours, replace(said, receipt=None))
    assert is_about(ours, replace(said, receipt=None, refund_ref=ours.id))
    assert not is_about(ours, replace(said, payment_id="pay_B"))
    known = told(ours, said).refund
    assert is_about(known, replace(said, receipt=None))
    assert not is_about(known, replace(said, id="rfnd_B"))


def test_money_that_went_back_against_our_belief_is_a_refund_of_its_own():
    said_no = refused(refund(), reason="refund_limit_crossed", source=Source.SEND, at=LATER)
    given_up = moved(refund(), RefundStatus.CANCELLED, event="refund.cancelled", source=Source.API, at=LATER)
    for ended in (said_no, given_up):
        assert not is_about(ended, snapshot(Said.PROCESSED))


def test_i13_a_refusal_ends_the_refund_says_why_and_leaves_it_its_key():
    said_no = refused(refund(), reason="refund_limit_crossed", source=Source.SEND, at=LATER)
    assert (said_no.failure, said_no.request_key) == ("refund_limit_crossed", "k-1")
    assert said_no.is_refused
    assert not replace(said_no, gateway_refund_id="rfnd_A").is_refused
    assert (said_no.version, said_no.history[-1].event) == (2, "refund.refused")
