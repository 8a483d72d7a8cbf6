"""Items of the outbox: what makes two of them one."""

from app.outbox.models import TRANSITIONS, ItemKind, ItemState, Lane, event, job


def test_an_event_is_unique_by_its_subject_and_version():
    first, again, later = (event("payment.completed", "pmt_1", sequence=n, payload={}) for n in (3, 3, 4))
    assert first.key == again.key != later.key
    assert (first.kind, first.lane, first.sequence) == (ItemKind.EVENT, Lane.WEBHOOKS, 3)


def test_a_job_is_unique_by_its_subject_unless_it_says_otherwise():
    assert job("refund.send", "ref_1").key == job("refund.send", "ref_1").key
    assert job("refunds.import", "pmt_1", once="100").key != job("refunds.import", "pmt_1", once="200").key
    assert job("refund.send", "ref_1").payload == {}
    assert job("export", "x", lane=Lane.BULK, payload={"a": 1}).payload == {"a": 1}


def test_only_what_ended_can_be_taken_up_again():
    assert TRANSITIONS.sources(ItemState.WAITING) == {ItemState.DONE, ItemState.PARKED}
