"""People in Razorpay's events: found, masked, and taken out so that what is left can still be applied."""

import json

import pytest

from app.gateways.payer import Payer
from app.gateways.people import Mention, PeopleReader
from app.gateways.razorpay.events import RazorpayEventReader
from app.gateways.razorpay.people import MASK, RazorpayPeopleReader
from app.gateways.razorpay.translate.reading import at
from tests.gateways.razorpay.samples import AT, ORDER_ID, OUR_ID, PAYMENT_ID, dispute, event, order, payment, refund

PEOPLE: PeopleReader = RazorpayPeopleReader()
PERSON = {
    "email": "asha.canary@example.org",
    "contact": "+919812345670",
    "vpa": "ashacanary@okbank",
    "upi": {"vpa": "ashacanary@okbank", "flow": "collect"},
    "card": {"name": "Asha Canary", "last4": "1111", "network": "Visa", "iin": "411111"},
    "ip": "203.0.113.7",
    "billing_address": {"line1": "7 Canary Lane", "zipcode": 560001},
    "description": "For Asha Canary",
    "error_description": "Asha Canary has no money",
    "notes": {"payment_id": OUR_ID, "id": "Asha Canary", "ship_to": "7 Canary Lane", "asha.canary": 1},
    "customer": {"name": "Asha Canary", "contact": 919812345670},
}
TRACES = ("anary", "98123", "203.0.113", "560001", "411111")


def body_of(**entities):
    return json.dumps(event(**entities)).encode()


def test_t11_nobody_is_left_in_a_body_and_it_says_of_money_what_it_said():
    for entities in (
        {"payment": payment(**PERSON)},
        {"payment": payment(method="card", vpa=None, **{name: PERSON[name] for name in ("email", "contact", "card")})},
        {"payment": payment(**PERSON), "refund": refund(notes=PERSON["notes"])},
        {"payment": payment(**PERSON), "dispute": dispute(comments="Asha Canary")},
        {"order": order(receipt="asha.canary@example.org"), "payment": payment(**PERSON)},
    ):
        body = body_of(**entities)
        left = PEOPLE.without_people(body)
        assert not [trace for trace in TRACES if trace in left.decode()], left
        before, after = RazorpayEventReader().read(body), RazorpayEventReader().read(left)
        assert (after.type, after.account_id, after.created_at) == (before.type, before.account_id, before.created_at)
        assert (after.refunds, after.disputes) == (before.refunds, before.disputes)
        for one, other in zip(after.payments, before.payments, strict=True):
            assert one.payer is None
            facts = ("id", "order_id", "amount", "status", "method", "captured", "fee", "tax", "failure", "payment_ref")
            assert [getattr(one, name) for name in facts] == [getattr(other, name) for name in facts]
        assert PEOPLE.without_people(left) == left


def test_t6_a_mask_leaves_enough_to_recognise_whom_one_knows():
    said = PEOPLE.masked(body_of(payment=payment(**PERSON)))
    entity = said["payload"]["payment"]["entity"]
    assert (entity["email"], entity["contact"]) == ("a***@example.org", "+********5670")
    assert PEOPLE.masked(body_of(payment=payment(email=True)))["payload"]["payment"]["entity"]["email"] == MASK
    assert (entity["vpa"], entity["upi"]) == ("a***@okbank", {"vpa": "a***@okbank", "flow": "collect"})
    assert entity["card"] == {"name": MASK, "last4": "1111", "network": "Visa", "iin": MASK}
    assert (entity["ip"], entity["billing_address"]) == (MASK, {"line1": MASK, "zipcode": MASK})
    assert entity["notes"]["payment_id"] == OUR_ID
    assert entity["notes"]["id"] == MASK
    assert (entity["id"], entity["amount"], entity["fee"]) == (PAYMENT_ID, 50_000, 1180)
    assert not [trace for trace in TRACES if trace in json.dumps(said) and trace != "anary"]


def test_whoever_stands_in_an_event_is_found_with_the_payment_they_stand_in():
    found = PEOPLE.mentions(body_of(payment=payment(**PERSON)))
    first = Mention(Payer(PERSON["email"], PERSON["contact"]), (PAYMENT_ID,), ORDER_ID, at(AT))
    assert first in found
    assert [one.payer.phone for one in found if one.payer] == [PERSON["contact"], "919812345670"]
    of_refund = PEOPLE.mentions(body_of(refund=refund()))
    assert any(PAYMENT_ID in one.payment_ids for one in of_refund)


@pytest.mark.parametrize("value", [{"created_at": -1, "id": "x"}, {"created_at": True, "id": "x"}, {"id": "x"}])
def test_a_time_that_makes_no_sense_is_none(value):
    (found,) = PEOPLE.mentions(json.dumps([value]).encode())
    assert found.at is None


@pytest.mark.parametrize("body", [b"\xff", b"", b'{"a": NaN}', b'{"email": "a@b.c", "email": "d@e.f"}'])
def test_n3_what_is_no_json_is_not_read(body):
    for read in (PEOPLE.mentions, PEOPLE.masked, PEOPLE.without_people):
        with pytest.raises(ValueError, match=r".*"):
            read(body)


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'"text"', b'{"payload": [[{"email": ""}]]}'])
def test_a_body_in_which_nobody_stands_names_nobody(body):
    assert PEOPLE.mentions(body) == ()
