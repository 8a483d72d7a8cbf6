"""SECRET_KEY is rotated: two processes on one database, one of them with the keys of after the rotation."""

import contextlib
import dataclasses

import pytest
from pydantic import SecretStr

from app.main import create_app
from app.wiring import wire
from tests.auth.test_keys import KEYS, works
from tests.auth.test_sessions import refreshed, status_of
from tests.world import _served

FORMER = "the secret key of before the rotation, long enough"
CURRENT = "the secret key of after the rotation, long enough"


@contextlib.asynccontextmanager
async def door(world, clock, secret, previous=""):
    """Serve the world's database from a process with these secret keys."""
    keys = {"secret_key": SecretStr(secret), "secret_key_previous": SecretStr(previous)}
    settings = world.settings.model_copy(update=keys)
    wiring = wire(settings, clock=clock)
    async with _served(create_app(settings, wiring=wiring)) as url:
        yield dataclasses.replace(world, url=url, wiring=wiring, settings=settings)
    await wiring.close()


@pytest.fixture
async def before(world, clock):
    async with door(world, clock, FORMER) as opened:
        yield opened


@pytest.fixture
async def ready(world, clock):
    """Before the rotation, but told the key that comes."""
    async with door(world, clock, FORMER, CURRENT) as opened:
        yield opened


@pytest.fixture
async def rotated(world, clock):
    async with door(world, clock, CURRENT, FORMER) as opened:
        yield opened


@pytest.fixture
async def after(world, clock):
    """After the former key was dropped."""
    async with door(world, clock, CURRENT) as opened:
        yield opened


async def stored_digest(world, key_id):
    return (await world.wiring.database.collection("api_keys").find_one({"_id": key_id}))["digest"]


async def test_s15_an_api_key_outlives_a_rotation_once_it_was_used(before, rotated, after):
    shop = await before.merchant(webhooks=False)
    unused = (await shop.ask_as_owner("POST", KEYS, {"name": "in a drawer"})).data
    assert await stored_digest(before, shop.key_id) == before.wiring.guard.tokens.digest_of_key(shop.secret)
    assert not await works(after, shop.secret)
    for _ in range(2):
        assert await works(rotated, shop.secret)
        assert await stored_digest(before, shop.key_id) == after.wiring.guard.tokens.digest_of_key(shop.secret)
    assert await works(after, shop.secret)
    assert not await works(after, unused["secret"])


async def test_s15_a_rotation_revives_no_key_that_was_revoked(before, rotated, clock):
    shop = await before.merchant(webhooks=False)
    assert (await shop.ask_as_owner("DELETE", f"{KEYS}/{shop.key_id}")).status == 200
    assert not await works(rotated, shop.secret)
    assert await stored_digest(before, shop.key_id) == before.wiring.guard.tokens.digest_of_key(shop.secret)


async def test_s15_processes_of_both_settings_take_turns_with_one_key(ready, rotated, clock):
    """While processes are restarted one by one, each moves the digest to its own key, and no caller notices."""
    shop = await ready.merchant(webhooks=False)
    for place in (ready, rotated, ready, rotated, rotated):
        clock.advance(seconds=10)  # what is kept in memory is forgotten
        assert await works(place, shop.secret)
    assert await stored_digest(ready, shop.key_id) == rotated.wiring.guard.tokens.digest_of_key(shop.secret)


async def test_s5_a_session_goes_on_through_a_rotation(before, rotated, after, clock):
    shop = await before.merchant(webhooks=False)
    assert await status_of(rotated, shop.token) == 200
    second = (await refreshed(rotated, shop.refresh_token)).data
    again = (await refreshed(rotated, shop.refresh_token)).data  # within the grace
    assert second["refresh_token"] == again["refresh_token"]
    third = (await refreshed(after, second["refresh_token"])).data
    assert await status_of(after, third["access_token"]) == 200
    assert (await refreshed(before, third["refresh_token"])).status == 401


async def test_s5_a_refresh_token_of_the_former_key_that_comes_back_ends_the_family(before, rotated, clock):
    shop = await before.merchant(webhooks=False)
    second = (await refreshed(rotated, shop.refresh_token)).data
    clock.advance(seconds=60)
    assert (await refreshed(rotated, shop.refresh_token)).status == 401
    assert (await refreshed(rotated, second["refresh_token"])).status == 401


async def test_s5_of_neither_key_nothing_is_taken(before, world, rotated):
    stranger = await world.merchant(webhooks=False)  # signed with the development key
    assert (await refreshed(rotated, stranger.refresh_token)).status == 401
    assert await status_of(rotated, stranger.token) == 401
    assert not await works(rotated, stranger.secret)
    assert (await refreshed(world, stranger.refresh_token)).status == 200
