"""Whom the service takes for the client: who connected, or whom our proxy saw; never whom a client claims (S7)."""

import dataclasses

import pytest
import uvicorn

from app.main import create_app, server_options
from tests.api.conftest import open_door
from tests.ratelimits.conftest import Limited, new_address

PAGE = "/dashboard/sign-in"


async def left(limited, forwarded, **more):
    """Ask once as the proxy would pass it on; return how much is left of the budget of whoever that is."""
    headers = {"X-Forwarded-For": forwarded} if isinstance(forwarded, str) else {}
    answer = await limited.world.ask("GET", PAGE, headers={**headers, **more})
    assert answer.status in {200, 429}
    return int(answer.headers["RateLimit"].split("r=")[1].split(";")[0])


@pytest.fixture
async def nobody_trusted(limited):
    """The same product with no proxy before it."""
    settings = limited.world.settings.model_copy(update={"trusted_proxies": ()})
    async with open_door(create_app(settings, wiring=limited.world.wiring)) as url:
        yield Limited(dataclasses.replace(limited.world, url=url), limited.app)


async def test_s7_behind_our_proxy_each_client_has_a_budget_of_its_own(limited):
    one, other = new_address(), new_address()
    assert [await left(limited, one) for _ in range(2)] == [14, 13]
    assert await left(limited, other) == 14


async def test_s7_what_a_client_claims_to_the_left_gives_it_no_other_budget(limited):
    client = new_address()
    assert await left(limited, client) == 14
    assert await left(limited, f"{new_address()}, {client}") == 13
    assert await left(limited, f"127.0.0.1, {client}") == 12
    assert await left(limited, f"{client}, {new_address()}, {client}, 127.0.0.1") == 11


async def test_s7_one_customers_ipv6_network_is_one_asker(limited):
    assert await left(limited, "2001:db8:77:1::1") == 14
    assert await left(limited, "2001:db8:77:1:ffff::9") == 13
    assert await left(limited, "2001:db8:77:2::1") == 14


@pytest.mark.parametrize("forwarded", ["", "unknown", "-", "<script>", "a" * 300, "1.2.3.4:99999", "[::1", ", ,"])
async def test_n8_nonsense_from_the_proxy_breaks_nothing(limited, forwarded):
    await left(limited, forwarded)


async def test_s7_without_a_trusted_proxy_the_claim_of_whoever_connects_is_ignored(nobody_trusted):
    claims = [await left(nobody_trusted, new_address()) for _ in range(2)]
    assert claims[1] == claims[0] - 1 or claims == [0, 0]
    assert await left(nobody_trusted, None) == max(0, claims[1] - 1)


async def test_s7_the_server_itself_believes_no_proxy_either(limited):
    config = uvicorn.Config(limited.app, **server_options(limited.world.settings))
    config.load()
    assert config.loaded_app is limited.app
