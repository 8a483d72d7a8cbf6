"""Each check finds the contradiction that it is for, and finds none where there is none."""

import pytest

from tests.chaos.check import check
from tests.chaos.history import Type
from tests.chaos.samples import (
    AMOUNT,
    GATEWAY_ID,
    MERCHANT,
    PAYMENT,
    created,
    entry,
    events,
    evidence,
    facts,
    history,
    payment,
    received,
    settlement,
)

_SUSPENSE = {"_id": "sus_1", "tenant": MERCHANT, "gateway_payment_id": GATEWAY_ID, "amount": AMOUNT}
_REFUND = {"kind": "refund.created", "refund": "rfnd_1", "payment": GATEWAY_ID, "amount": AMOUNT + 1}
_OURS = {"_id": "ref_1", "tenant": MERCHANT, "payment_id": PAYMENT, "amount": 100, "status": "processed", "sends": 1}
_READ = {"payment": PAYMENT}


def _unbalanced():
    legs = [{"account": "a", "side": "debit", "amount": AMOUNT}, {"account": "b", "side": "credit", "amount": 1}]
    return entry(legs=legs)


def _seen(*statuses):
    reads = [("read", Type.OK, _READ, {"http": 200, "id": PAYMENT, "status": status}) for status in statuses]
    return history(created(), *reads)


BROKEN = {
    "captured money is nowhere": ("I1", {"dump": {"payments": [payment(attempts=[])]}}),
    "captured money is in two places": ("I1", {"dump": {"suspense": [_SUSPENSE]}}),
    "money counts that nobody captured": ("I1", {"did": facts()[:1]}),
    "another amount counts": ("I1", {"dump": {"payments": [payment(amount_captured=AMOUNT - 1)]}}),
    "a capture is not booked": ("I2", {"dump": {"ledger_entries": [entry("fee", "pay_2")]}}),
    "a capture is booked twice": ("I2", {"dump": {"ledger_entries": [entry(), entry(_id="ent_2")]}}),
    "two orders were shown": ("I3", {"saw": history(created(), created(order_id="order_2", digest="d"))}),
    "an entry does not balance": ("I4", {"dump": {"ledger_entries": [_unbalanced()]}}),
    "a snapshot did not balance": ("I4", {"snapshots": ("ledger: a snapshot was off by 1",)}),
    "a chain has a gap": (
        "I4",
        {"dump": {"ledger_entries": [entry(seal={"sequence": 2, "previous": "", "digest": "x"})]}},
    ),
    "a history goes back": (
        "I5",
        {"dump": {"payments": [payment(history=[{"status": "completed"}, {"status": "authorized"}])]}},
    ),
    "a client saw a payment fall": ("I5", {"saw": _seen("completed", "pending")}),
    "a change is not told": ("I6", {"dump": {"outbox": events("authorized")}, "receivers": received()[:1]}),
    "a change is told that never was": ("I6", {"dump": {"outbox": events("authorized", "completed", "failed")}}),
    "an event reached nobody": ("I6", {"receivers": ()}),
    "an event reached another merchant": ("I6", {"receivers": [*received(), *received("mer_2")]}),
    "a delivery does not verify": ("I6", {"receivers": received(is_signed=False)}),
    "a book differs from its entries": (
        "I4",
        {"dump": {"ledger_books": [{"tenant": MERCHANT, "mode": "test", "balances": {"INR": {"a": {"debit": 1}}}}]}},
    ),
    "more was refunded than captured": ("I7", {"did": [*facts(), _REFUND]}),
    "more is reserved than captured": ("I7", {"dump": {"payments": [payment(refunds_reserved=AMOUNT + 1)]}}),
    "a refund is not booked": ("I9", {"did": [*facts(), {**_REFUND, "amount": 100}]}),
    "a reservation is nobody's": ("I10", {"dump": {"payments": [payment(refunds_reserved=100)]}}),
    "a refund reserves nothing": ("I10", {"dump": {"refunds": [_OURS]}}),
    "a stranger reads": ("I11", {"saw": history(created(), ("read-other", Type.OK, _READ, {"http": 200}))}),
    "a payment is lost": ("I12", {"dump": {"payments": []}, "did": []}),
    "a completion is lost": ("I12", {"dump": {"payments": [payment(status="authorized")]}, "saw": _seen("completed")}),
    "a read misses a payment": ("I12", {"saw": history(created(), ("read", Type.FAIL, _READ, {"http": 404}))}),
    "one key has two answers": ("I13", {"saw": history(created(), created(digest="e"))}),
    "one key has two payments": (
        "I13",
        {"dump": {"payments": [payment(), payment(_id="pmt_2", order_id=None, attempts=[], natural_key="order-2")]}},
    ),
    "an order stays unknown": ("I14", {"dump": {"payments": [payment(order_state="unknown")]}}),
    "an event waits": ("I14", {"dump": {"inbox_events": [{"_id": "evt_1", "state": "received"}]}}),
    "an item is parked": (
        "I14",
        {"dump": {"outbox": [{"_id": "job_1", "kind": "job", "state": "parked", "name": "x"}]}},
    ),
    "a token outlives its sign-out": ("I14", {"live_tokens": ("token",)}),
    "the processor is stormed": ("I15", {"did": [*facts(), *[{"kind": "call", "path": "/v1/orders"}] * 50]}),
    "a settlement is nowhere": ("I2 (settlements)", {"dump": {"settlements": []}}),
    "a settlement is another's": ("I2 (settlements)", {"dump": {"settlements": [settlement(tenant="mer_2")]}}),
    "a settlement is not booked": ("I2 (settlements)", {"dump": {"ledger_entries": [entry()]}}),
    "a settlement was never paid": ("I2 (settlements)", {"did": facts()[:2]}),
    "a settlement differs": ("I14 (settlements)", {"dump": {"settlements": [settlement(agreement="differs")]}}),
    "an answer is 500": (
        "I16",
        {"saw": history(created(), ("read", Type.INFO, _READ, {"http": 500, "code": "internal_error"}))},
    ),
    "a log tells of a defect": ("I16", {"logs": {"api-0": ['{"event":"worker_defect","level":"error"}']}}),
}


def test_where_everything_is_right_nothing_is_found():
    verdict = check(evidence())
    assert not verdict.violations
    assert verdict.not_run == []


def test_a_check_without_its_source_is_not_passed_but_not_run():
    assert check(evidence(receivers=None)).not_run == ["I6 (received)"]


@pytest.mark.parametrize("what", BROKEN)
def test_each_check_finds_what_it_is_for(what):
    invariant, part = BROKEN[what]
    assert invariant in {violation.invariant for violation in check(evidence(**part)).violations}


def test_without_books_their_checks_are_not_passed_but_not_run():
    verdict = check(evidence(modules=frozenset()))
    assert {"I2", "I4", "I6", "I8, I9", "I10", "I2 (settlements)"} <= set(verdict.not_run)
