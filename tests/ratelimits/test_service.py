"""Who is counted, by what, and what they are told: over HTTP, with the product's own wiring (S7, P5)."""

import asyncio
import base64

import pytest

from app.ratelimits.models import Policy
from tests.api.conftest import ORIGIN
from tests.ratelimits.conftest import new_address

PAYMENTS = "/api/v1/payments"


@pytest.fixture
async def shop(limited):
    return await limited.world.merchant(webhooks=False)


async def spend_all(shop, method="GET", path=PAYMENTS, **options):
    """Ask until a budget is spent; return the refusal and how many passed."""
    for number in range(100):
        answer = await shop.ask(method, path, **options)
        if answer.status == 429:
            return answer, number
    raise AssertionError("nothing was ever refused")


async def test_every_answer_says_which_budget_it_was_counted_against_and_how_that_stands(shop):
    for left in (11, 10):
        answer = await shop.ask("GET", PAYMENTS)
        assert answer.status == 200
        assert answer.headers["RateLimit-Policy"] == '"reads";q=12;w=36000'
        name, remaining, seconds = answer.headers["RateLimit"].split(";")
        assert (name, remaining) == ('"reads"', f"r={left}")
        assert 0 < int(seconds.removeprefix("t=")) <= 36000
    refused = await shop.ask("POST", PAYMENTS, {"amount": "many"}, key="k")
    assert refused.status == 422
    assert refused.headers["RateLimit-Policy"].startswith('"writes";q=8')


async def test_p5_a_spent_budget_is_refused_with_a_time_to_come_again_and_nobody_else_is_hurt(limited, shop):
    before = limited.counted("reads")
    refused, passed = await spend_all(shop)
    assert passed == 12
    assert refused.code == "too_many_requests"
    assert refused.json["error"]["details"] == {"policy": "reads", "quota": 12, "window_seconds": 36000}
    assert 1 <= int(refused.headers["Retry-After"]) <= 3000
    assert '"reads";r=0' in refused.headers["RateLimit"]
    assert limited.counted("reads") >= before + 1
    # The same key may still write, its owner may read, and another merchant notices nothing.
    assert (await shop.ask("POST", PAYMENTS, {"amount": 100}, key="k")).status == 201
    assert (await shop.ask_as_owner("GET", PAYMENTS)).status == 200
    other = await limited.world.merchant(webhooks=False)
    assert (await other.ask("GET", PAYMENTS)).status == 200


async def test_a_refused_request_does_nothing_and_its_body_is_not_looked_at(shop):
    refused, _ = await spend_all(shop, "POST", PAYMENTS, raw=b"{", headers={"Content-Type": "application/json"})
    assert refused.status == 429
    again = await shop.ask("POST", PAYMENTS, {"amount": 100}, key="never")
    assert again.status == 429
    listed = await shop.ask("GET", PAYMENTS)
    assert listed.data["items"] == []


async def test_however_many_ask_at_once_no_more_pass_than_the_budget_holds(shop):
    answers = await asyncio.gather(*(shop.ask("GET", PAYMENTS) for _ in range(30)))
    assert sorted(answer.status for answer in answers) == [200] * 12 + [429] * 18


async def test_s7_forged_credentials_spend_the_forgers_budget_and_never_the_owners(limited, shop):
    forger = new_address()
    forged = base64.b64encode(f"{shop.key_id}:{shop.secret[:-1]}x".encode()).decode()
    statuses = [
        (await limited.ask_from(forger, "GET", PAYMENTS, headers={"Authorization": f"Basic {forged}"})).status
        for _ in range(8)
    ]
    assert statuses == [401] * 5 + [429] * 3
    assert (await limited.ask_from(forger, "GET", PAYMENTS)).status == 429
    # The owner's key has its whole budget, also from the forger's own address.
    answer = await limited.ask_from(forger, "GET", PAYMENTS, bearer=shop.secret)
    assert answer.status == 200
    assert '"reads";r=11' in answer.headers["RateLimit"]


async def test_s7_a_good_key_without_the_permission_is_no_refused_credential(limited, shop):
    address = new_address()
    for _ in range(7):
        assert (await limited.ask_from(address, "GET", "/api/v1/users", bearer=shop.secret)).status == 403
    assert (await limited.ask_from(address, "GET", PAYMENTS)).status == 401


@pytest.mark.parametrize("path", ["/api/v1/auth/signin", "/api/v1/auth/signup", "/api/v1/auth/refresh"])
async def test_s7_signing_in_has_a_strict_budget_of_each_address(limited, path):
    address = new_address()
    answers = [await limited.ask_from(address, "POST", path, {}) for _ in range(102)]
    assert [answer.status for answer in answers] == [422] * 100 + [429] * 2
    assert answers[-1].json["error"]["details"]["policy"] == "sign_in"
    assert (await limited.ask_from(new_address(), "POST", path, {})).status == 422


async def test_p5_events_are_counted_by_merchant_and_address_so_that_a_stranger_stops_nobody(limited, shop):
    path, stranger, processor = f"/api/v1/webhooks/razorpay/{shop.id}", new_address(), new_address()
    forged = [(await limited.ask_from(stranger, "POST", path, raw=b"{}")).status for _ in range(8)]
    assert forged[:6] == [forged[0]] * 6
    assert forged[6:] == [429, 429]
    assert (await limited.ask_from(processor, "POST", path, raw=b"{}")).status == forged[0]
    other = await limited.world.merchant(webhooks=False)
    path_of_other = f"/api/v1/webhooks/razorpay/{other.id}"
    assert (await limited.ask_from(stranger, "POST", path_of_other, raw=b"{}")).status == forged[0]


async def test_pages_for_customers_are_counted_by_address_and_refused_as_a_page(limited, shop):
    payment = await shop.create_payment()
    path = payment["checkout_url"].removeprefix(limited.world.settings.public_address)
    address, browser = new_address(), {"Accept": "text/html"}
    for _ in range(15):
        assert (await limited.ask_from(address, "GET", path, headers=browser)).status == 200
    refused = await limited.ask_from(address, "GET", path, headers=browser)
    assert refused.status == 429
    assert refused.headers["Content-Type"].startswith("text/html")
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await limited.ask_from(new_address(), "GET", path, headers=browser)).status == 200


async def test_the_dashboard_is_counted_by_address_until_somebody_is_signed_in(limited):
    address, browser = new_address(), {"Accept": "text/html"}
    for _ in range(15):
        answer = await limited.ask_from(address, "GET", "/dashboard/sign-in", headers=browser)
        assert answer.status == 200
        assert answer.headers["RateLimit-Policy"].startswith('"anonymous"')
    for path in ("/dashboard/sign-in", "/dashboard/payments"):
        assert (await limited.ask_from(address, "GET", path, headers=browser)).status == 429


async def test_probes_and_scrapers_are_never_refused(limited):
    address = new_address()
    for path in ("/health", "/health/live", "/health/ready", "/metrics"):
        answers = [await limited.ask_from(address, "GET", path) for _ in range(20)]
        assert {answer.status for answer in answers} == {200}
        assert "RateLimit" not in answers[-1].headers


async def test_a_page_of_the_merchants_may_read_the_budgets(limited, shop):
    answer = await shop.ask("GET", PAYMENTS, headers={"Origin": ORIGIN})
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= exposed


async def test_switched_off_nothing_is_counted_or_told(shared_world):
    merchant = await shared_world.merchant(webhooks=False)
    answer = await merchant.ask("GET", PAYMENTS)
    assert "RateLimit" not in answer.headers
    assert not shared_world.wiring.limits.budgets


async def test_switched_on_every_policy_has_a_budget(limited):
    assert set(limited.world.wiring.limits.budgets) == set(Policy)
