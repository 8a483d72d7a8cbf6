"""The port's verbs against a host that answers as Razorpay does, and as it should not."""

import base64
import contextlib
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import __version__
from app.gateways.port import (
    AlreadyCaptured,
    AttemptStatus,
    Credentials,
    CredentialsRefused,
    DuplicateReceipt,
    GatewayError,
    NeverSent,
    OutcomeUnknown,
    Refused,
    UnknownAtGateway,
)
from app.gateways.razorpay.factory import RazorpayGateways
from app.gateways.razorpay.transport import Limits
from app.kit.clock import SystemClock
from app.kit.scope import Mode
from tests.gateways.razorpay.bench import CONTEST, REFUND_BODY, REQUEST, RUPEES_500, SECRET, VERBS, Bench
from tests.gateways.razorpay.host import answer, reset
from tests.gateways.razorpay.samples import (
    AT,
    ORDER_ID,
    OUR_ID,
    OUR_REFUND_ID,
    PAYMENT_ID,
    collection,
    dispute,
    error,
    order,
    payment,
    refund,
)
from tests.logs import captured_logs


async def test_an_order_is_created_with_our_receipt_and_the_merchants_key(bench: Bench) -> None:
    bench.play(answer(order()))

    found = await bench.gateway.create_order(REQUEST)

    assert (found.id, found.receipt, found.amount) == (ORDER_ID, OUR_ID, RUPEES_500)
    (request,) = bench.host.received
    assert (request.method, request.target) == ("POST", "/v1/orders")
    assert request.json["payment"]["capture"] == "automatic"
    assert request.headers["authorization"] == "Basic " + base64.b64encode(f"rzp_test_key:{SECRET}".encode()).decode()
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == f"payment-gateway-api/{__version__}"
    assert bench.seen == [("create_order", "ok")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        order(amount=49999),
        order(currency="USD"),
        order(receipt="pmt_other"),
        order(receipt=None),
        order(amount="50000"),
        order(amount=0),
        order(id=None),
    ],
)
async def test_r7_an_order_that_is_not_what_we_asked_for_leaves_the_outcome_unknown(bench: Bench, body: Any) -> None:
    bench.play(answer(body))

    with pytest.raises(OutcomeUnknown, match="answer_contradictory"):
        await bench.gateway.create_order(REQUEST)

    assert bench.seen == [("create_order", "unknown")]


@pytest.mark.parametrize(
    ("status", "body", "kind", "outcome"),
    [
        (400, error("Order receipt should be unique.", metadata={"order_id": ORDER_ID}), DuplicateReceipt, "refused"),
        (400, error("The amount must be at least INR 1.00", field="amount"), Refused, "refused"),
        (400, error("The id provided does not exist"), UnknownAtGateway, "refused"),
        (400, error("This payment has already been captured"), AlreadyCaptured, "refused"),
        (401, {"error": "Unauthorized"}, CredentialsRefused, "credentials_refused"),
        (409, error("Another request is still in progress."), OutcomeUnknown, "unknown"),
        (500, error("We are down", code="SERVER_ERROR"), OutcomeUnknown, "unknown"),
        (429, {"message": "slow down"}, NeverSent, "never_sent"),
    ],
)
@pytest.mark.parametrize("name", VERBS)
async def test_a13_r10_every_verb_ends_in_a_declared_error_that_is_logged_without_secrets(
    bench: Bench, name: str, status: int, body: Any, kind: type[GatewayError], outcome: str
) -> None:
    bench.play(answer(body, status=status))

    with captured_logs() as logs, pytest.raises(GatewayError) as caught:
        await VERBS[name](bench.gateway)

    assert type(caught.value) is kind
    assert set(bench.seen) == {(name, outcome)}
    assert len(logs) == 1
    assert logs[0]["operation"] == name
    said = str(logs) + str(caught.value) + repr(caught.value)
    assert SECRET not in said
    assert "Basic" not in said
    assert not any(word in said for word in ("INR 1.00", "We are down", "slow down", "should be unique"))


@pytest.mark.parametrize(
    "name", ["create_order", "capture_payment", "create_refund", "accept_dispute", "contest_dispute", "upload_document"]
)
async def test_a3_c3_a_write_whose_answer_is_lost_left_once(bench: Bench, name: str) -> None:
    bench.play(reset)

    with pytest.raises(OutcomeUnknown):
        await VERBS[name](bench.gateway)

    assert len(bench.host.received) == 1


async def test_an_order_is_found_by_its_receipt_the_oldest_first(bench: Bench) -> None:
    older = order(id="order_older", created_at=AT - 60)
    bench.play(answer(collection(order(), order(id="order_x", receipt="other"), older)))

    found = await bench.gateway.find_order(receipt=OUR_ID)

    assert found is not None
    assert found.id == "order_older"
    assert bench.host.received[0].target == f"/v1/orders?receipt={OUR_ID}&count=100&skip=0"


async def test_a_receipt_nobody_has_finds_none(bench: Bench) -> None:
    bench.play(answer(collection()))

    assert await bench.gateway.find_order(receipt="a b&c=d/é") is None
    assert bench.host.received[0].target == "/v1/orders?receipt=a%20b%26c%3Dd%2F%C3%A9&count=100&skip=0"


async def test_r9_the_search_goes_on_while_pages_are_full(bench: Bench) -> None:
    others = collection(*[order(id=f"order_{at}", receipt="other") for at in range(100)])
    bench.play(answer(others), answer(others), answer(collection(order())))

    found = await bench.gateway.find_order(receipt=OUR_ID)

    assert found is not None
    assert found.id == ORDER_ID
    assert [request.target[-8:] for request in bench.host.received] == ["0&skip=0", "skip=100", "skip=200"]


async def test_r9_a_list_without_end_does_not_prove_that_there_is_none(bench: Bench) -> None:
    others = collection(*[order(id=f"order_{at}", receipt="other") for at in range(100)])
    bench.play(answer(others))

    with pytest.raises(OutcomeUnknown, match="too_many_orders"):
        await bench.gateway.find_order(receipt=OUR_ID)

    assert len(bench.host.received) == 10


async def test_r7_an_unreadable_order_with_our_receipt_is_not_none(bench: Bench) -> None:
    bench.play(answer(collection(order(amount="50000"))))

    with pytest.raises(OutcomeUnknown, match="answer_contradictory"):
        await bench.gateway.find_order(receipt=OUR_ID)


async def test_orders_and_payments_are_read_by_id(bench: Bench) -> None:
    bench.play(answer(order()), answer(payment()), answer(collection(payment(status="failed"), payment(id="pay_2"))))

    assert (await bench.gateway.get_order(ORDER_ID)).id == ORDER_ID
    assert (await bench.gateway.get_payment(PAYMENT_ID)).status is AttemptStatus.CAPTURED
    attempts = await bench.gateway.list_order_payments(ORDER_ID)

    assert [(attempt.id, attempt.status) for attempt in attempts] == [
        (PAYMENT_ID, AttemptStatus.FAILED),
        ("pay_2", AttemptStatus.CAPTURED),
    ]
    assert [(request.method, request.target) for request in bench.host.received] == [
        ("GET", f"/v1/orders/{ORDER_ID}"),
        ("GET", f"/v1/payments/{PAYMENT_ID}"),
        ("GET", f"/v1/orders/{ORDER_ID}/payments"),
    ]


async def test_a_payment_without_a_time_was_seen_now(bench: Bench) -> None:
    bench.play(answer(payment(created_at=None)))

    found = await bench.gateway.get_payment(PAYMENT_ID)

    assert abs((datetime.now(UTC) - found.created_at).total_seconds()) < 60


async def test_a_capture_names_the_exact_amount(bench: Bench) -> None:
    bench.play(answer(payment()))

    found = await bench.gateway.capture_payment(PAYMENT_ID, RUPEES_500)

    assert found.captured
    (request,) = bench.host.received
    assert (request.method, request.target) == ("POST", f"/v1/payments/{PAYMENT_ID}/capture")
    assert request.json == {"amount": 50000, "currency": "INR"}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("get_order", order(id="order_other")),
        ("get_payment", payment(id="pay_other")),
        ("get_payment", []),
        ("capture_payment", payment(id="pay_other")),
        ("list_order_payments", collection(payment(order_id="order_other"))),
        ("list_order_payments", collection(payment(order_id=None))),
        ("list_order_payments", payment()),
        ("find_order", order()),
    ],
)
async def test_r7_an_answer_about_something_else_is_no_answer(bench: Bench, name: str, body: Any) -> None:
    bench.play(answer(body))

    with pytest.raises(OutcomeUnknown, match="answer_contradictory"):
        await VERBS[name](bench.gateway)


@pytest.mark.parametrize("odd", ["", "../orders", "a/b", "a?b", "a%2fb", "a b", "é", "a\r\nX: y", "x" * 65])
async def test_n12_an_odd_id_never_leaves_the_house(bench: Bench, odd: str) -> None:
    for verb in (
        bench.gateway.create_refund(odd, body=REFUND_BODY, key=OUR_REFUND_ID),
        bench.gateway.get_refund(odd),
        bench.gateway.get_dispute(odd),
        bench.gateway.accept_dispute(odd),
        bench.gateway.contest_dispute(odd, CONTEST),
        bench.gateway.list_payment_refunds(odd),
        bench.gateway.get_order(odd),
        bench.gateway.get_payment(odd),
        bench.gateway.list_order_payments(odd),
        bench.gateway.capture_payment(odd, RUPEES_500),
    ):
        with pytest.raises(UnknownAtGateway):
            await verb

    assert bench.host.received == []


@pytest.mark.parametrize(
    ("secret", "order_id", "payment_id", "signature"),
    [
        (
            SECRET,
            "order_IEIaMR65cu6nz3",
            "pay_IH4NVgf4Dreq1l",
            "0d4e745a1838664ad6c9c9902212a32d627d68e917290b0ad5f08ff4561bc50f",
        ),
        (
            "key_secret",
            "fake_order_id",
            "fake_payment_id",
            "b2335e3b0801106b84a7faff035df56ecffde06918c9ddd1f0fafbb37a51cc89",
        ),
    ],
)
def test_b15_a_callback_is_true_for_its_own_order_and_payment_only(
    bench: Bench, secret: str, order_id: str, payment_id: str, signature: str
) -> None:
    gateways = RazorpayGateways(
        "http://127.0.0.1:1",
        limits=Limits(),
        clock=SystemClock(),
        rng=random.Random(1),  # noqa: S311  jitter, no secret
        observer=lambda _operation, _outcome, _seconds: None,
    )
    gateway = gateways.for_credentials(Credentials("rzp_test_x", secret, Mode.TEST))

    assert gateway.is_callback_signature(signature, order_id=order_id, payment_id=payment_id)
    for changed in (signature.upper(), signature[:-1], "", "é" * 64, "0" * 64):
        assert not gateway.is_callback_signature(changed, order_id=order_id, payment_id=payment_id)
    assert not gateway.is_callback_signature(signature, order_id=payment_id, payment_id=order_id)
    assert not gateway.is_callback_signature(signature, order_id=f"{order_id}|{payment_id}", payment_id="")
    assert not gateway.is_callback_signature(signature, order_id=order_id, payment_id="\ud800")


def test_t6_the_representation_shows_no_secret(bench: Bench) -> None:
    assert repr(bench.gateway) == "RazorpayGateway(key_id='rzp_test_key')"
    assert bench.gateway.key_id == "rzp_test_key"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
ANSWERS = st.tuples(
    st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 404, 408, 409, 422, 429, 500, 502, 503]),
    st.one_of(
        st.binary(max_size=60),
        JSON,
        st.builds(lambda changes: payment(**changes), st.dictionaries(st.sampled_from(sorted(payment())), JSON)),
        st.builds(lambda changes: refund(**changes), st.dictionaries(st.sampled_from(sorted(refund())), JSON)),
        st.builds(lambda changes: dispute(**changes), st.dictionaries(st.sampled_from(sorted(dispute())), JSON)),
        st.builds(lambda changes: order(**changes), st.dictionaries(st.sampled_from(sorted(order())), JSON)),
        st.builds(collection, JSON),
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(played=ANSWERS, name=st.sampled_from(sorted(VERBS)))
async def test_r7_whatever_the_host_answers_a_verb_returns_or_raises_what_the_port_declares(
    bench: Bench, played: tuple[int, Any], name: str
) -> None:
    status, body = played
    bench.play(answer(body, status=status))
    bench.gateway._calls.transport.breaker._latest = 0

    with contextlib.suppress(Refused, OutcomeUnknown):
        await VERBS[name](bench.gateway)

    assert len(bench.seen) == 1
