"""Pages as a browser gets them: policy, escaping, language, zone, forms, errors, and files that may be kept."""

import re

import pytest

from app.pages.assets import Assets
from app.pages.render import Pages
from app.pages.security import VISITOR_COOKIE, FormTokens

SCRIPTS = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "javascript:alert(1)", "'\"&"]


def token_in(page):
    return re.search(r'name="form_token" value="([^"]+)"', page.text)[1]


async def test_s17_a_page_carries_a_strict_policy_with_a_nonce_of_its_own(browser):
    first, second = [await browser.get("/form") for _ in range(2)]
    nonces = [
        re.search(r"script-src 'nonce-([^']+)'", page.headers["content-security-policy"])[1] for page in (first, second)
    ]
    assert nonces[0] != nonces[1]
    assert set(re.findall(r'nonce="([^"]+)"', first.text)) == {nonces[0]}
    policy = first.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; ")
    assert "form-action 'self'; base-uri 'none'; frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["referrer-policy"] == "strict-origin"


async def test_a_policy_names_other_origins_only_where_a_page_says_so(browser):
    policy = (await browser.get("/far")).headers["content-security-policy"]
    assert re.search(r"script-src 'nonce-[\w-]+' https://a\.example;", policy)
    assert "form-action 'self' https://c.example;" in policy
    assert policy.endswith("frame-src https://b.example")


@pytest.mark.parametrize("text", SCRIPTS)
async def test_s17_what_people_wrote_stays_text(browser, text):
    page = await browser.get("/form", params={"name": text})
    shown = page.text.split("<h1>")[1].split("</h1>")[0]
    assert "<" not in shown
    assert "49" not in shown
    assert page.text.count("<script") == 1


async def test_a_form_goes_through_once_with_the_token_of_its_visitor_and_answers_with_another_page(browser):
    page = await browser.get("/form")
    assert "HttpOnly" in page.headers["set-cookie"]
    assert "SameSite=lax" in page.headers["set-cookie"]
    sent = await browser.post("/form", data={"form_token": token_in(page), "note": "नमस्ते\r\nवहाँ"})
    assert sent.status_code == 303
    assert "set-cookie" not in (await browser.get("/form")).headers
    shown = await browser.get(sent.headers["location"])
    assert "<h1>नमस्ते\nवहाँ</h1>" in shown.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Origin": "http://pay.example.com"}, 303),
        ({"Origin": "http://proxied.example", "Host": "proxied.example"}, 303),
    ],
)
async def test_s12_a_form_of_another_site_is_refused_with_a_page(browser, headers, status):
    page = await browser.get("/form")
    fields = {"form_token": token_in(page), "note": "x"}
    cookie = f"{VISITOR_COOKIE}={browser.cookies[VISITOR_COOKIE]}"
    sent = await browser.post("/form", data=fields, headers={**headers, "Cookie": cookie})
    assert sent.status_code == status
    if status == 403:
        assert "foreign_page" in sent.text
        assert sent.headers["content-type"].startswith("text/html")


async def test_s12_a_form_without_the_visitor_s_own_token_is_refused(browser, pages):
    page = await browser.get("/form")
    mine = token_in(page)
    others = FormTokens.of("a secret").token_of("somebody else")
    for token in ("", "x", "é", others, mine + "x"):
        assert (await browser.post("/form", data={"form_token": token, "note": "x"})).status_code == 403
    held_by_session = await browser.post("/form", data={"form_token": mine, "note": "x"}, headers={"X-Session": "s"})
    assert held_by_session.status_code == 403
    good = {"form_token": pages.tokens.token_of("s"), "note": "x"}
    assert (await browser.post("/form", data=good, headers={"X-Session": "s"})).status_code == 303
    browser.cookies.clear()
    assert (await browser.post("/form", data={"form_token": mine, "note": "x"})).status_code == 403


def test_tokens_survive_a_rotation_of_the_secret():
    token = FormTokens.of("old").token_of("me")
    assert FormTokens.of("new", "old").is_good(token, "me")
    assert not FormTokens.of("new").is_good(token, "me")
    assert "old" not in repr(FormTokens.of("old"))


async def test_a_browser_sees_a_problem_as_a_page_and_a_program_as_json(browser):
    page = await browser.get("/gone")
    assert page.status_code == 404
    assert "This &lt;b&gt;thing&lt;/b&gt; has gone." in page.text
    assert "not_found" in page.text
    assert page.headers["x-request-id"] in page.text
    assert "यहाँ कुछ नहीं है" in (await browser.get("/gone", headers={"Accept-Language": "hi"})).text
    for path in ("/nowhere", "/static/x/nothing.css"):
        assert "<h1>There is nothing here</h1>" in (await browser.get(path)).text
    for path, accept in (("/gone", "*/*"), ("/gone", "application/json"), ("/api/v1/gone", "text/html")):
        assert (await browser.get(path, headers={"Accept": accept})).json()["error"]["code"] == "not_found"


async def test_a_defect_is_a_page_that_tells_nothing(browser):
    page = await browser.get("/broken")
    assert page.status_code == 500
    assert "secret of the house" not in page.text
    assert page.headers["x-request-id"] in page.text


async def test_a_language_is_chosen_by_address_then_cookie_then_browser(browser):
    assert 'lang="en"' in (await browser.get("/form", headers={"Accept-Language": "de, fr;q=0.5"})).text
    assert 'lang="hi"' in (await browser.get("/form", headers={"Accept-Language": "en;q=0.3, hi-IN;q=0.9"})).text
    assert 'lang="en"' in (await browser.get("/form?lang=xx")).text
    assert 'html lang="hi"' in (await browser.get("/form?lang=hi")).text
    assert 'html lang="hi"' in (await browser.get("/form")).text
    assert 'html lang="en"' in (await browser.get("/form?lang=en")).text


async def test_files_are_kept_for_ever_at_an_address_that_changes_with_them(browser, pages):
    page = await browser.get("/form")
    address = re.search(r'href="(/static/[0-9a-f]{16}/pages\.css)"', page.text)[1]
    file = await browser.get(address)
    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert file.headers["content-type"].startswith("text/css")
    assert (await browser.get("/static/older/pages.css")).headers["cache-control"] == "no-cache"
    with pytest.raises(KeyError):
        pages.assets.url("nothing.css")


def test_two_rooms_may_not_have_a_file_or_a_text_of_one_name():
    with pytest.raises(ValueError, match="two rooms"):
        Assets.load(["app.pages", "app.pages"])
    with pytest.raises(ValueError, match="two rooms"):
        Pages.load(["app.pages", "app.pages"], tokens=FormTokens.of("x"), origin="http://x")


def test_cookies_are_for_https_alone_where_there_is_https():
    assert Pages.load(["app.pages"], tokens=FormTokens.of("x"), origin="https://x").is_https
    assert not Pages.load(["app.pages"], tokens=FormTokens.of("x"), origin="http://x").is_https
