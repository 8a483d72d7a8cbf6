"""What every answer carries, whatever was asked: the envelope, its headers, CORS as set; and the health routes."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.main import create_app
from tests.api.callers import NONE_SUCH, all_operations
from tests.api.conftest import ORIGIN, open_door
from tests.api.wire import send_raw

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
REQUEST_ID = re.compile(r"req_[0-7][0-9A-HJKMNP-TV-Z]{25}")
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
QUIET = ("/health", "/health/live", "/health/ready", "/db-status")


@pytest.fixture(scope="module")
async def shop(world):
    return await world.merchant(webhooks=False)


def check_envelope(answer):
    """Check the whole shape of an answer, good or bad."""
    body = answer.json
    assert TIME.fullmatch(body["timestamp"])
    assert abs(datetime.fromisoformat(body["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=1)
    if answer.status < 400:
        assert set(body) == {"status", "data", "message", "timestamp"}
        assert body["status"] == "success"
        assert body["message"].endswith(".")
        return
    assert set(body) == {"status", "error", "timestamp"}
    assert body["status"] == "error"
    error = body["error"]
    assert set(error) == {"code", "message", "details", "param", "doc_url", "request_id"}
    assert error["doc_url"] == f"/docs/errors#{error['code']}"
    assert error["request_id"] == answer.headers["X-Request-Id"]
    assert isinstance(error["details"], dict)


@pytest.mark.parametrize("who", ["nobody", "owner", "key"])
async def test_every_route_answers_in_the_envelope_with_the_headers_of_all(world, app, shop, who):
    bearer = {"nobody": None, "owner": shop.token, "key": shop.secret}[who]
    seen = set()
    for operation in all_operations(app):
        # Tables for machines and for sheets have a form of their own.
        if operation.id in {"get_metrics", "auth_signout", "ledger_export_get"}:
            continue
        body = {"no_such_field": 1} if operation.takes_body else None
        answer = await world.ask(operation.method, operation.at(NONE_SUCH), body, bearer=bearer, key="k")
        check_envelope(answer)
        for name, value in ALWAYS.items():
            assert answer.headers[name] == value, (operation, name)
        assert REQUEST_ID.fullmatch(answer.headers["X-Request-Id"])
        assert answer.headers["Content-Type"] == "application/json"
        assert ("WWW-Authenticate" in answer.headers) == (answer.status == 401)
        seen.add(answer.status)
    assert seen >= ({200, 401} if who == "nobody" else {200, 404, 422})


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/api/v1", 404, "not_found"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("POST", "/nothing/at/all", 404, "not_found"),
        ("DELETE", "/api/v1/payments", 405, "method_not_allowed"),
        ("PATCH", "/payments", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("TRACE", "/api/v1/payments", 405, "method_not_allowed"),
        ("CONNECT", "/api/v1/payments", 405, "method_not_allowed"),
        ("PROPFIND", "/api/v1/merchant", 405, "method_not_allowed"),
    ],
)
async def test_t7_an_address_or_method_that_is_not_there_is_told_in_the_envelope(world, method, path, status, code):
    answer = await send_raw(int(world.url.rpartition(":")[2]), method, path)
    assert (answer.status, answer.code) == (status, code)
    check_envelope(answer)
    if status == 405:
        assert answer.headers["Allow"]


async def test_a_clients_request_id_is_kept_and_a_bad_one_replaced(world):
    for given, is_kept in (("shop-4711.a_b", True), ("a" * 64, True), ("short", False), ("a" * 65, False)):
        answer = await world.ask("GET", "/api/v1/payments", headers={"X-Request-Id": given})
        assert (answer.headers["X-Request-Id"] == given) is is_kept
        assert answer.json["error"]["request_id"] == answer.headers["X-Request-Id"]


async def test_n8_no_header_of_ours_repeats_a_line_break_or_a_terminal_code(world):
    for given in ("abcdefgh%0d%0aSet-Cookie: a=b", "abcdefgh\x1b[31m", "abcdefgh\tijk"):
        answer = await send_raw(int(world.url.rpartition(":")[2]), "GET", "/health", **{"X-Request-Id": given})
        if answer.status == 200:
            assert REQUEST_ID.fullmatch(answer.headers["X-Request-Id"])
            assert "Set-Cookie" not in answer.headers


async def test_a_trace_comes_back(world):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert (await world.ask("GET", "/health", headers={"traceparent": trace})).headers["traceparent"] == trace


async def test_cors_lets_in_the_origins_that_are_set_and_no_other(world):
    wish = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}
    asked = await world.ask("OPTIONS", "/api/v1/payments", headers={"Origin": ORIGIN, **wish})
    assert asked.status == 200
    assert asked.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Credentials" not in asked.headers
    assert {"Authorization", "Idempotency-Key"} <= set(asked.headers["Access-Control-Allow-Headers"].split(", "))
    for origin in ("https://evil.example", "null", ORIGIN + ".evil.example", ORIGIN.replace("https", "http")):
        asked = await world.ask("OPTIONS", "/api/v1/payments", headers={"Origin": origin, **wish})
        assert asked.status == 400
        assert "Access-Control-Allow-Origin" not in asked.headers
        read = await world.ask("GET", "/health", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in read.headers


async def test_cors_lets_a_page_read_errors_and_their_ids_too(world):
    answer = await world.ask("GET", "/api/v1/payments", headers={"Origin": ORIGIN})
    assert answer.status == 401
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]


def check_readable(answer):
    """Check that a page of the right origin can read an answer and the id to report."""
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert {"X-Request-Id", "Retry-After"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert "Origin" in answer.headers["Vary"]
    check_envelope(answer)


async def test_cors_lets_a_page_read_a_defect_of_ours(world, shop):
    payment = await shop.create_payment()
    documents = world.wiring.database.collection("payments")
    await documents.update_one({"_id": payment["id"]}, {"$set": {"status": "no such status"}})
    answer = await shop.ask("GET", f"/api/v1/payments/{payment['id']}", headers={"Origin": ORIGIN})
    await documents.delete_one({"_id": payment["id"]})
    assert (answer.status, answer.code) == (500, "internal_error")
    check_readable(answer)


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_n1_cors_lets_a_page_read_that_its_body_is_too_large(world, is_chunked):
    port, body = int(world.url.rpartition(":")[2]), b'"' + b"x" * world.settings.max_body_bytes + b'"'
    sent = {"Content-Type": "application/json", "Origin": ORIGIN}
    answer = await send_raw(port, "POST", "/api/v1/auth/signin", body, is_chunked=is_chunked, **sent)
    assert (answer.status, answer.code) == (413, "body_too_large")
    check_readable(answer)


async def test_n9_cors_lets_a_page_read_that_the_host_is_not_ours(world):
    named = create_app(world.settings.model_copy(update={"allowed_hosts": ("pay.example.com",)}), wiring=world.wiring)
    async with open_door(named) as url:
        port = int(url.rpartition(":")[2])
        answer = await send_raw(port, "GET", "/api/v1/payments", Host="evil.example", Origin=ORIGIN)
        assert (answer.status, answer.code) == (400, "host_not_allowed")
        check_readable(answer)
        stranger = await send_raw(port, "GET", "/api/v1/payments", Host="evil.example", Origin="https://evil.example")
        assert stranger.code == "host_not_allowed"
        assert "Access-Control-Allow-Origin" not in stranger.headers


async def test_without_a_setting_no_origin_is_let_in(world):
    closed = create_app(world.settings.model_copy(update={"cors_origins": ()}), wiring=world.wiring)
    async with open_door(closed) as url, world.session.get(f"{url}/health", headers={"Origin": ORIGIN}) as answer:
        assert answer.status == 200
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


async def test_browsers_are_told_to_insist_on_tls_only_where_clients_use_it(world):
    assert "Strict-Transport-Security" not in (await world.ask("GET", "/health")).headers
    public = create_app(
        world.settings.model_copy(update={"public_url": "https://pay.example.com"}), wiring=world.wiring
    )
    async with open_door(public) as url, world.session.get(f"{url}/health") as answer:
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


async def test_n9_a_host_that_is_not_ours_is_refused_everywhere_but_at_the_probes(world):
    named = create_app(world.settings.model_copy(update={"allowed_hosts": ("pay.example.com",)}), wiring=world.wiring)
    async with open_door(named) as url:
        port = int(url.rpartition(":")[2])
        for path in ("/api/v1/payments", "/payments", "/docs", "/openapi.json", "/nothing"):
            answer = await send_raw(port, "GET", path, Host="evil.example")
            assert (answer.status, answer.code) == (400, "host_not_allowed")
        assert (await send_raw(port, "GET", "/health/live", Host="10.0.0.7:8000")).status == 200
        assert (await send_raw(port, "GET", "/docs", Host="PAY.example.com:443")).status == 200


@pytest.mark.parametrize("path", QUIET)
async def test_health_is_open_in_the_envelope_and_says_what_is_so(world, path):
    answer = await world.ask("GET", path)
    assert answer.status == 200
    check_envelope(answer)
    shown = {
        "/health": {"database": "connected"},
        "/health/live": {"alive": True},
        "/health/ready": {"database": True, "indexes": True, "accepting": True},
        "/db-status": {"status": "connected"},
    }
    assert shown[path].items() <= answer.data.items()


async def test_database_status_lists_the_collections_of_the_product(world, shop):
    stats = (await world.ask("GET", "/db-status")).data["stats"]
    found = {collection["name"]: collection for collection in stats["collections"]}
    assert {"users", "payments", "sessions"} <= set(found)
    assert found["users"]["documents"] >= 1
    assert stats["replica_set"]
    assert "127.0.0.1" not in str(found)


async def test_metrics_count_requests_by_route_without_ids_of_anybody(world, shop):
    await shop.ask("GET", f"/api/v1/payments/{NONE_SUCH['payment_id']}")
    answer = await world.ask("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    text = answer.body.decode()
    assert 'route="/api/v1/payments/{payment_id}"' in text
    assert not re.search(r"(pmt|mer|usr|key|ses|evt|req)_[0-9A-Z]{26}|@example", text)


async def test_metrics_with_a_token_are_for_the_scraper_alone(world, shop):
    guarded = create_app(
        world.settings.model_copy(update={"metrics_token": type(world.settings.secret_key)("scrape-me-4711")}),
        wiring=world.wiring,
    )
    async with open_door(guarded) as url:
        port = int(url.rpartition(":")[2])
        assert (await send_raw(port, "GET", "/metrics", bearer="scrape-me-4711")).status == 200
        for bearer in (None, "scrape-me", shop.token, "scrape-me-4711x"):
            answer = await send_raw(port, "GET", "/metrics", bearer=bearer)
            assert (answer.status, answer.code) == (401, "unauthenticated")
