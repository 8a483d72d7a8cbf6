"""Signing in and out of the dashboard, and everything that somebody else might try at that door."""

import secrets

import pytest

from app.dashboard.route import local_path

SIGN_IN = "/dashboard/sign-in"


async def test_a_person_signs_in_looks_switches_the_mode_and_signs_out(merchant, browsers):
    browser = await browsers()
    wanted = await browser.get("/dashboard?days=7")
    assert (wanted.status, wanted.location) == (303, f"{SIGN_IN}?next=%2Fdashboard%3Fdays%3D7")
    answer = await browser.send(
        wanted.location, SIGN_IN, email=f" {merchant.email.upper()} ", password="correct horse battery"
    )
    assert (answer.status, answer.location) == (303, "/dashboard?days=7")
    cookie = answer.headers["Set-Cookie"]
    assert all(part in cookie for part in ("pg_session=", "HttpOnly", "SameSite=lax", "Path=/dashboard"))
    home = await browser.follow(answer)
    assert home.heading == "Home"
    assert 'data-mode="test"' in home.text
    assert (await browser.get(SIGN_IN)).location == "/dashboard"
    switched = await browser.send("/dashboard", "/dashboard/mode", mode="live")
    assert 'data-mode="live"' in (await browser.follow(switched)).text
    session = browser.cookies()["pg_session"]
    out = await browser.send("/dashboard", "/dashboard/sign-out")
    assert "You are signed out." in (await browser.follow(out)).words
    assert "pg_session" not in browser.cookies()
    assert (await browser.get("/dashboard", Cookie=f"pg_session={session}")).status == 303


async def test_s9_wrong_and_unknown_look_the_same_and_say_nothing_of_the_password(merchant, browsers):
    browser = await browsers()
    texts = set()
    for email in (merchant.email, f"nobody-{secrets.token_hex(4)}@example.com", "not an address", ""):
        page = await browser.send(SIGN_IN, SIGN_IN, email=email, password="my wrong password")
        assert page.status == 401
        assert "my wrong password" not in page.text
        assert "pg_session" not in browser.cookies()
        texts.add(page.words)
    assert len(texts) == 1


async def test_s7_guessing_is_locked_out_with_a_page_that_says_when_to_come_back(browsers):
    browser = await browsers()
    email = f"guessed-{secrets.token_hex(4)}@example.com"
    form = (await browser.get(SIGN_IN)).form(SIGN_IN)
    pages = [await browser.ask("POST", SIGN_IN, {**form.fields, "email": email, "password": "x"}) for _ in range(11)]
    assert pages[-1].status == 429
    assert int(pages[-1].headers["Retry-After"]) > 0
    assert pages[-1].heading == "Sign in to the dashboard"


async def test_s11_a_planted_cookie_is_never_a_session_and_each_sign_in_has_another(merchant, browsers):
    browser = await browsers()
    planted = "a" * 43
    browser.session.cookie_jar.update_cookies({"pg_session": planted})
    assert (await browser.get("/dashboard")).status == 303
    await browser.sign_in(merchant.email)
    first = browser.cookies()["pg_session"]
    assert first != planted
    form = (await browser.get("/dashboard")).form("/dashboard/sign-out")
    again = await browsers()
    again.session.cookie_jar.update_cookies({"pg_session": first})
    page = await again.get(SIGN_IN)
    assert page.status == 303  # the session works in another browser of the same person ...
    await browser.ask("POST", "/dashboard/sign-out", form.fields)
    assert (await again.get("/dashboard")).status == 303  # ... and ends in both


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example", "https://evil.example/dashboard", "/\\evil.example", "/dashboard/../../evil",
        "javascript:alert(1)", "/api/v1/payments",
        "/dashboardevil.example", "/dashboard@evil.example", "/dashboard\r\nX: y", "/dashboard//evil.example",
        "/dashboard/sign-in", "/dashboard?x=" + "y" * 2000, "/dashboard/%2e%2e/x", "",
    ],
)  # fmt: skip
async def test_s12_after_signing_in_nobody_is_led_away(merchant, browsers, wanted):
    assert local_path(wanted, otherwise="/dashboard") == "/dashboard"
    browser = await browsers()
    page = await browser.get(SIGN_IN)
    fields = {**page.form(SIGN_IN).fields, "email": merchant.email, "password": "correct horse battery", "next": wanted}
    assert (await browser.ask("POST", SIGN_IN, fields)).location == "/dashboard"


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_s12_a_foreign_page_can_neither_sign_in_nor_out_nor_switch(merchant, browsers, owner, headers):
    browser = await browsers()
    form = (await browser.get(SIGN_IN)).form(SIGN_IN)
    fields = {**form.fields, "email": merchant.email, "password": "correct horse battery"}
    assert (await browser.ask("POST", SIGN_IN, fields, headers=headers)).status == 403
    assert "pg_session" not in browser.cookies()
    for action in ("/dashboard/sign-out", "/dashboard/mode"):
        assert (await owner.send("/dashboard", action, headers=headers)).status == 403
    assert (await owner.get("/dashboard")).status == 200
