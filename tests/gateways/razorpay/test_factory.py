"""The factory: one host, many merchants."""

import random
from typing import Any

import pytest

from app.gateways.port import CaptureMethod, Credentials, NeverSent, OrderRequest, OutcomeUnknown
from app.gateways.razorpay.breaker import BreakerState
from app.gateways.razorpay.factory import RazorpayGateways
from app.gateways.razorpay.transport import Limits
from app.kit.clock import SystemClock
from app.kit.money import Money
from app.kit.scope import Mode
from tests.gateways.razorpay.host import answer, playing, reset
from tests.gateways.razorpay.samples import OUR_ID, order, payment


def gateways_at(url: str, **options: Any) -> RazorpayGateways:
    return RazorpayGateways(
        url,
        limits=Limits(),
        clock=SystemClock(),
        rng=random.Random(1),  # noqa: S311  jitter, no secret
        observer=lambda _operation, _outcome, _seconds: None,
        **options,
    )


def credentials(key: str = "rzp_test_a", secret: str = "", mode: Mode = Mode.TEST) -> Credentials:
    return Credentials(key, secret, mode)


def test_a_key_pair_has_one_gateway_until_it_changes() -> None:
    gateways = gateways_at("https://api.example")
    first = gateways.for_credentials(credentials())

    assert gateways.for_credentials(credentials()) is first
    assert gateways.for_credentials(credentials("rzp_test_b")) is not first
    rolled = gateways.for_credentials(credentials(secret="new"))
    assert rolled is not first
    assert gateways.for_credentials(credentials(secret="new")) is rolled


def test_the_cache_is_bounded() -> None:
    gateways = gateways_at("https://api.example")
    first = gateways.for_credentials(credentials())
    for at in range(4096):
        gateways.for_credentials(credentials(f"rzp_test_{at}"))

    assert len(gateways._known) == 4096
    assert gateways.for_credentials(credentials()) is not first


def test_a_live_key_never_travels_in_clear() -> None:
    live = credentials("rzp_live_a", mode=Mode.LIVE)

    with pytest.raises(ValueError, match="without TLS"):
        gateways_at("http://127.0.0.1:1").for_credentials(live)
    assert gateways_at("https://api.example").for_credentials(live).key_id == "rzp_live_a"


@pytest.mark.parametrize(("minutes", "sent"), [(1, 12), (60, 60), (100_000, 7200)])
async def test_the_capture_window_is_cut_to_what_razorpay_takes(minutes: int, sent: int) -> None:
    async with playing(answer(order())) as host:
        gateways = gateways_at(host.url, automatic_capture_minutes=minutes)
        await gateways.for_credentials(credentials()).create_order(
            OrderRequest(OUR_ID, Money(50000, "INR"), CaptureMethod.AUTOMATIC)
        )
        await gateways.close()

    assert host.received[0].json["payment"]["capture_options"]["automatic_expiry_period"] == sent


async def test_merchants_share_the_connection_and_the_breaker_but_not_their_keys() -> None:
    async with playing(answer(payment(id="pay_1"))) as host:
        gateways = gateways_at(host.url)
        for key in ("rzp_test_a", "rzp_test_b"):
            await gateways.for_credentials(credentials(key)).get_payment("pay_1")
        assert host.connections == 1
        assert len({request.headers["authorization"] for request in host.received}) == 2

        host.moves = [reset]
        for _ in range(10):
            with pytest.raises(OutcomeUnknown):
                await gateways.for_credentials(credentials()).get_payment("pay_1")
        assert gateways.breaker_state is BreakerState.OPEN
        with pytest.raises(NeverSent, match="breaker_open"):
            await gateways.for_credentials(credentials("rzp_test_b")).get_payment("pay_1")
        await gateways.close()


async def test_after_closing_every_merchants_calls_were_never_sent() -> None:
    async with playing(answer(payment(id="pay_1"))) as host:
        gateways = gateways_at(host.url)
        await gateways.for_credentials(credentials()).get_payment("pay_1")
        await gateways.close()
        with pytest.raises(NeverSent, match="closed"):
            await gateways.for_credentials(credentials()).get_payment("pay_1")
