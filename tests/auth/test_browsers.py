"""Sessions of browsers: what a cookie stands for, until when, and everything that ends it."""

import asyncio
import secrets
from datetime import timedelta

import pytest

from app.auth.browsers import IDLE
from app.auth.problems import InvalidCredentials, TooManyAttempts
from app.kit.scope import Mode
from tests.world import PASSWORD

MOST_SECONDS = 30
"""How long a cookie may outlive what ended it (S6)."""


@pytest.fixture
def browsers(world):
    return world.wiring.browsers


@pytest.fixture
def open_browser(browsers):
    async def open_browser(email, password=PASSWORD, **more):
        return await browsers.sign_in(email=email, password=password, address="127.0.0.1", user_agent="B/1", **more)

    return open_browser


async def test_a_cookie_stands_for_its_user_with_their_role_and_the_mode_they_chose(browsers, merchant, open_browser):
    opened = await open_browser(merchant.email)
    visitor = await browsers.find_visitor(opened.secret)
    assert (visitor.email, visitor.role.value, visitor.principal.tenant) == (merchant.email, "owner", merchant.id)
    assert visitor.principal.session_id == opened.session_id
    assert visitor.principal.mode is Mode.TEST
    live = await browsers.find_visitor(opened.secret, mode=Mode.LIVE)
    assert live.principal.scope.livemode
    assert opened.secret not in repr(opened)
    stored = await browsers.sessions.store.find_by_id(opened.session_id)
    assert opened.secret not in repr(stored)


async def test_s11_each_sign_in_has_a_new_id_and_secret_and_ends_the_browsers_former_session(
    browsers, merchant, open_browser
):
    first = await open_browser(merchant.email)
    second = await open_browser(merchant.email, former=first.secret)
    assert first.session_id != second.session_id
    assert first.secret != second.secret
    assert await browsers.find_visitor(first.secret) is None
    assert await browsers.find_visitor(second.secret) is not None


@pytest.mark.parametrize("secret", ["", "x", "a" * 43, "a" * 100_000, "\udcff", "é"])
async def test_a_cookie_that_we_did_not_give_stands_for_nobody(browsers, secret):
    assert await browsers.find_visitor(secret) is None
    await browsers.sign_out(secret)


async def test_s9_unknown_disabled_and_wrong_are_refused_alike_and_s7_guessing_is_locked_out(
    browsers, merchant, hire, open_browser
):
    member = await hire(merchant, "viewer")
    path = f"/api/v1/users/{member['user']['id']}"
    assert (await merchant.ask_as_owner("PATCH", path, {"status": "disabled"})).status == 200
    for email, password in (
        (merchant.email, "not my password"),
        (f"nobody-{secrets.token_hex(4)}@example.com", PASSWORD),
        (member["user"]["email"], PASSWORD),
    ):
        with pytest.raises(InvalidCredentials):
            await open_browser(email, password)
    guessed = f"guessed-{secrets.token_hex(4)}@example.com"
    outcomes = await asyncio.gather(*(open_browser(guessed, "wrong") for _ in range(12)), return_exceptions=True)
    assert {type(one) for one in outcomes} == {InvalidCredentials, TooManyAttempts}


@pytest.mark.parametrize("end", ["sign out", "password", "end the session", "disable"])
async def test_s6_what_ends_a_session_ends_its_cookie_within_30_seconds(
    world, clock, browsers, merchant, hire, open_browser, end
):
    tokens = await hire(merchant, "developer")
    email = tokens["user"]["email"]
    opened = await open_browser(email)
    assert await browsers.find_visitor(opened.secret) is not None  # it is in the cache now
    bearer = tokens["access_token"]
    match end:
        case "sign out":
            await browsers.sign_out(opened.secret)
            assert await browsers.find_visitor(opened.secret) is None  # here it acts at once
        case "password":
            body = {"current_password": PASSWORD, "new_password": "staple battery horse"}
            assert (await world.ask("POST", "/api/v1/auth/password", body, bearer=bearer)).status == 200
        case "end the session":
            path = f"/api/v1/auth/sessions/{opened.session_id}"
            assert (await world.ask("DELETE", path, bearer=bearer)).status == 200
        case "disable":
            path = f"/api/v1/users/{tokens['user']['id']}"
            assert (await merchant.ask_as_owner("PATCH", path, {"status": "disabled"})).status == 200
    clock.advance(seconds=MOST_SECONDS)
    assert await browsers.find_visitor(opened.secret) is None


async def test_a_silent_browser_has_to_sign_in_again_and_a_used_one_until_its_days_are_over(
    world, clock, browsers, merchant, open_browser
):
    silent, used = await open_browser(merchant.email), await open_browser(merchant.email)
    half = (IDLE / 2 + timedelta(minutes=1)).total_seconds()
    clock.advance(seconds=half)
    assert await browsers.find_visitor(used.secret) is not None
    clock.advance(seconds=half)
    assert await browsers.find_visitor(silent.secret) is None
    assert await browsers.find_visitor(used.secret) is not None
    days = world.settings.refresh_token_expire_days
    for _ in range(days * 4 + 1):
        clock.advance(seconds=6 * 3600)
        visitor = await browsers.find_visitor(used.secret)
    assert visitor is None
    assert used.expires_at <= clock.now()


async def test_a_cookies_session_is_listed_and_never_good_as_a_refresh_token(world, merchant, open_browser):
    opened = await open_browser(merchant.email)
    listed = (await merchant.ask_as_owner("GET", "/api/v1/auth/sessions")).data["items"]
    assert opened.session_id in {one["id"] for one in listed}
    for token in (opened.secret, f"pgr.{opened.session_id}.1.{opened.secret}"):
        assert (await world.ask("POST", "/api/v1/auth/refresh", {"refresh_token": token})).status == 401
