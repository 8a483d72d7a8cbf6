"""What a foreign page could make a browser do: nothing, because nothing that a browser keeps admits anybody (S12)."""

import pytest

from app.auth.access import ROUTES, Access
from tests.api.callers import NONE_SUCH, all_operations, basic, bearer
from tests.api.conftest import ORIGIN
from tests.api.wire import send_raw

FOREIGN = {
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "a sister host": {"Sec-Fetch-Site": "same-site"},
    "an older browser": {"Origin": "https://evil.example"},
    "a sandbox": {"Origin": "null"},
    "an origin let in by CORS": {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
async def shop(world):
    return await world.merchant(webhooks=False)


def guarded(app):
    """Return every operation that needs somebody."""
    return [operation for operation in all_operations(app) if ROUTES[operation.id] is not Access.PUBLIC]


async def asked_by_form(world, method, path, *, body=b"", **headers):
    """Ask as a form does: with what the browser adds, and with a type that needs no preflight."""
    port = int(world.url.rpartition(":")[2])
    return await send_raw(port, method, path, body, **{"Content-Type": FORM, **headers})


async def test_s12_no_answer_sets_a_cookie_and_no_cookie_admits_anybody(world, app, shop):
    names = ("session", "token", "access_token", "refresh_token", "Authorization")
    jar = "; ".join(f"{name}={value}" for name in names for value in (shop.token, shop.secret, shop.refresh_token))
    for operation in guarded(app):
        answer = await asked_by_form(world, operation.method, operation.at(NONE_SUCH), Cookie=jar)
        is_open = ROUTES[operation.id] is Access.OPTIONAL
        assert answer.status == (200 if is_open else 401), operation
        assert "Set-Cookie" not in answer.headers
    body = {"email": shop.email, "password": "correct horse battery"}
    assert "Set-Cookie" not in (await world.ask("POST", "/api/v1/auth/signin", body)).headers


@pytest.mark.parametrize("page", FOREIGN)
async def test_s12_basic_credentials_that_a_browser_keeps_serve_no_foreign_page(world, app, shop, page):
    payment = await shop.create_payment()
    kept = basic(shop.key_id, shop.secret)
    ids = {**NONE_SUCH, "payment_id": payment["id"], "key_id": shop.key_id, "merchant": shop.id}
    for operation in guarded(app):
        answer = await asked_by_form(world, operation.method, operation.at(ids), **kept, **FOREIGN[page])
        assert (answer.status, answer.code) == (401, "token_invalid"), operation
    assert (await shop.payment(payment["id"]))["status"] == payment["status"]


async def test_s12_our_own_pages_other_programs_and_bearer_tokens_are_served(world, shop):
    host = world.url.partition("://")[2]
    path, credentials = f"/api/v1/payments/{(await shop.create_payment())['id']}", basic(shop.key_id, shop.secret)
    for headers in (
        credentials,
        {**credentials, "Sec-Fetch-Site": "none"},
        {**credentials, "Sec-Fetch-Site": "same-origin", "Origin": "https://pay.example.com"},
        {**credentials, "Origin": world.url},
        {**bearer(shop.secret), **FOREIGN["an origin let in by CORS"]},
        {**bearer(shop.token), **FOREIGN["an origin let in by CORS"]},
    ):
        assert (await asked_by_form(world, "GET", path, **{"Host": host, **headers})).status == 200, headers


async def test_s12_a_form_with_a_body_changes_nothing_whoever_sends_it(world, app, shop):
    """What takes a body takes JSON alone, and a page must ask by preflight before it may send that."""
    ids = {**NONE_SUCH, "key_id": shop.key_id}
    for operation in all_operations(app):
        if operation.takes_body:
            sent = {**bearer(shop.token), "Idempotency-Key": "k"}
            answer = await asked_by_form(world, operation.method, operation.at(ids), body=b"amount=100", **sent)
            assert answer.code == "unsupported_media_type", operation
