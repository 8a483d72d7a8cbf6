"""The product without its worker, on a clock that the tests move, and people to sign in."""

import secrets

import pytest

from app.kit.clock import MovableClock, SystemClock
from tests.world import running_world


@pytest.fixture(scope="session")
def clock():
    """A clock that starts now, so that MongoDB's own expiry leaves what is alive alone."""
    return MovableClock(SystemClock().now())


@pytest.fixture(scope="session")
async def world(mongodb_url, database_name, clock):
    async with running_world(mongodb_url, f"{database_name}-auth", clock=clock, has_worker=False) as running:
        yield running


@pytest.fixture
async def merchant(world):
    return await world.merchant(webhooks=False)


@pytest.fixture
async def other(world):
    return await world.merchant(webhooks=False)


@pytest.fixture
def sign_in(world):
    """Sign in over HTTP and return the answer."""

    async def sign_in(email, password="correct horse battery"):  # noqa: S107  the world's password
        return await world.ask("POST", "/api/v1/auth/signin", {"email": email, "password": password})

    return sign_in


@pytest.fixture
def hire(world, sign_in):
    """Add a member to a merchant's team and return the tokens of their first sign-in."""

    async def hire(merchant, role):
        email = f"{role}-{secrets.token_hex(6)}@example.com"
        body = {"email": email, "password": "correct horse battery", "full_name": "A Member", "role": role}
        answer = await merchant.ask_as_owner("POST", "/api/v1/users", body)
        assert answer.status == 201, answer.body
        return (await sign_in(email)).data

    return hire
