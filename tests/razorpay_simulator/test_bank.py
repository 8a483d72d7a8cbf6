"""At the bank's page: every method to success, failure and delay, without scripts and with every button twice."""

import pytest

from tests.razorpay_simulator.browsing import Person

METHODS = ("card", "upi", "netbanking", "wallet")
OTP = {"otp": "123456"}


@pytest.fixture
def person(call):
    return Person(call)


async def order_status(call, order_id):
    return (await call.ok("GET", f"/v1/orders/{order_id}"))["status"]


@pytest.mark.parametrize("method", METHODS)
async def test_a_customer_approves(call, person, method):
    order_id = await person.begin(method)
    assert "INR 1,234.56" in person.text
    assert await order_status(call, order_id) == "attempted"
    text = await person.answer("approve", **OTP)
    assert "Paid" in text
    assert "razorpay_signature" in text
    assert await order_status(call, order_id) == "paid"
    # A reload shows the same and repeats nothing.
    assert await person.open(person.path) == text
    assert len(await call.event_names()) == len(set(await call.event_names()))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("decline", "payment_declined"), ("leave", "payment_cancelled"), ("late", "payment_timed_out")],
)
@pytest.mark.parametrize("method", METHODS)
async def test_a_customer_says_no(call, person, method, answer, reason):
    order_id = await person.begin(method)
    text = await person.answer(answer, seconds="600")
    assert "Not paid" in text
    assert reason in text
    assert f"/checkout/{order_id}?" in text
    await call.advance(700)
    assert await order_status(call, order_id) == ("paid" if answer == "late" else "attempted")


@pytest.mark.parametrize("method", METHODS)
async def test_a_slow_bank_is_waited_for_and_answers_by_itself(call, person, method):
    order_id = await person.begin(method)
    text = await person.answer("slow", seconds="300", **OTP)
    assert "takes its time" in text
    assert await order_status(call, order_id) == "attempted"
    await person.answer("slow", seconds="300", **OTP)
    await call.advance(301)
    assert "Paid" in await person.open(person.path)
    assert await order_status(call, order_id) == "paid"


async def test_whoever_does_nothing_for_ten_minutes_has_not_paid(call, person):
    await person.begin("upi", vpa="asha@upi")
    assert "asha@upi" in person.text
    assert "waits ten minutes" in person.text
    await call.advance(601)
    assert "payment_timed_out" in await person.open(person.path)


async def test_of_two_answers_the_first_counts(call, person):
    order_id = await person.begin("netbanking")
    bank = person.path.partition("?")[0]
    await person.answer("approve")
    await person.send(bank, answer="decline")
    assert "Paid" in person.text
    assert await order_status(call, order_id) == "paid"


async def test_a_wrong_password_may_be_tried_three_times(call, person):
    order_id = await person.begin("card")
    for wrong in ("", "0000"):
        text = await person.answer("approve", otp=wrong)
        assert (person.status, 'aria-invalid="true"' in text) == (422, True)
        assert 'role="alert"' in text
    assert "incorrect_otp" in await person.answer("approve", otp="12x4")
    assert await order_status(call, order_id) == "attempted"


async def test_a_wrong_password_and_then_the_right_one(person):
    await person.begin("card")
    await person.answer("approve", otp="0000")
    assert "Paid" in await person.answer("approve", otp="1234")


@pytest.mark.parametrize("answer", ["approve", "slow"])
@pytest.mark.parametrize(
    ("method", "instrument", "reason"),
    [
        ("card", {"card_number": "4100280000080001"}, "insufficient_funds"),
        ("upi", {"vpa": "failure@razorpay"}, "payment_failed"),
    ],
)
async def test_a_test_value_that_fails_fails_although_its_owner_approves(person, method, instrument, reason, answer):
    await person.begin(method, **instrument)
    text = await person.answer(answer, **OTP)
    assert "Not paid" in text
    assert reason in text


async def test_what_the_shop_gave_is_kept_through_every_step(call, person):
    order = await call.order()
    back = "https://shop.example.com:8443/paid"
    fields = {"order_id": order["id"], "key_id": call.key_id, "callback_url": back, "name": "<b>Shop</b>"}
    await person.send("/v1/checkout/embedded", **fields)
    await person.send(f"/checkout/{order['id']}/pay", method="wallet", outcome="ask")
    assert "<b>Shop" not in person.text
    assert "&lt;b&gt;Shop" in person.text
    text = await person.answer("approve")
    assert f'action="{back}"' in text
    assert "razorpay_signature" in text


async def test_the_script_that_waits_learns_when_it_is_decided(call, person):
    await person.begin("upi")
    state = person.path.partition("?")[0] + "/state"
    assert await Person(call).open(state) == "created"
    await person.answer("approve")
    assert await Person(call).open(state) == "captured"


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/checkout/{order}/bank/pay_Nobody00000000", None, 400),
        ("/checkout/{order}/bank/pay_Nobody00000000/state", None, 404),
        ("/checkout/{order}/bank/{payment}?callback_url=javascript:alert(1)", None, 400),
        ("/checkout/{order}/bank/{payment}", {"answer": "perhaps"}, 400),
        ("/checkout/{order}/bank/{payment}", {"answer": "slow", "seconds": "-1"}, 400),
        ("/checkout/{other}/bank/{payment}", {"answer": "approve"}, 400),
    ],
)
async def test_what_makes_no_sense_is_a_sentence_for_people(call, person, path, form, status):
    order_id = await person.begin("netbanking")
    payment_id = person.path.partition("?")[0].rpartition("/")[2]
    other = (await call.order())["id"]
    path = path.format(order=order_id, payment=payment_id, other=other)
    stranger = Person(call)
    await (stranger.open(path) if form is None else stranger.send(path, **form))
    assert stranger.status == status
    assert await order_status(call, order_id) == "attempted"


async def test_an_order_that_is_paid_already_begins_no_payment(call, person):
    order_id = await person.begin("wallet")
    await person.answer("approve")
    await person.send(f"/checkout/{order_id}/pay", method="wallet", outcome="ask")
    assert person.status == 400
    assert "already" in person.text
