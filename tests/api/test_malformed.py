"""Whatever is wrong with a request, it ends in a 4xx with a code, and not one byte of the database changes."""

import copy
import json
import string
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.kit.bounds import PAGE_LIMIT
from app.kit.money import MAX_MINOR
from tests.api.callers import NONE_SUCH, all_operations, body_examples
from tests.api.wire import send_raw

PAYMENTS = "/api/v1/payments"
JSON = {"Content-Type": "application/json"}
GOOD = {"amount": 50000, "currency": "INR"}

# The gate itself is tested byte by byte in tests/web; here one of each kind meets every operation that takes a body.
MALFORMED = {
    "nothing finished": b'{"amount": ',
    "not json": b"amount=1",
    "two values": b"{}{}",
    "nan": b'{"amount": NaN}',
    "infinity": b'{"amount": -Infinity}',
    "beyond floats": b'{"amount": 1e999}',
    "5,000 digits": b'{"amount": ' + b"9" * 5000 + b"}",
    "the same key twice": b'{"amount": 1, "amount": 2}',
    "the same key twice below": b'{"metadata": {"a": "1", "a": "2"}}',
    "deep": b"[" * 21 + b"]" * 21,
    "very deep": b'{"a":' * 9000,
    "half a surrogate pair": b'{"description": "\\ud800"}',
    "half a surrogate pair in a key": b'{"\\udc00": 1}',
    "nul": b'{"description": "a\\u0000b"}',
    "raw nul": b'{"description": "a\x00b"}',
    "no utf-8": b'{"description": "\xff"}',
    "utf-16": '{"amount": 1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
}
SHAPES = {"a list": b"[]", "a text": b'"x"', "a number": b"1", "true": b"true", "a list of it": b"[{}]"}

OPERATORS = [{"$gt": ""}, {"$ne": None}, {"$where": "sleep(1)"}, [{"$regex": ".*"}]]
FOREIGN = ["id", "status", "tenant", "tenant_id", "merchant_id", "livemode", "user_id", "order_id", "_id", "$set",
           "amount_captured", "created_at", "permissions", "hashed_password", "__proto__"]  # fmt: skip

AMOUNTS = [0, -1, -0, MAX_MINOR + 1, 2**53 + 1, 2**63, 2**64, -(2**63), 10**19, 500.0, 0.5, 1e3, "50000", "₹500",
           True, None, [50000], {"minor": 50000}, "", "1e3"]  # fmt: skip
CURRENCIES = ["inr", "Inr", "INRR", "IN", "", "₹", "XYZ", "I\u0301NR", "INR\n", None, 356, ["INR"], {"code": "INR"}]


@pytest.fixture(scope="module")
async def shop(world):
    return await world.merchant(webhooks=False)


@pytest.fixture(scope="module")
async def described(app):
    return json.loads(json.dumps(app.openapi()))


@pytest.fixture
async def unchanged(world):
    """Fail the test if any document was added, removed or altered meanwhile."""
    before = await fingerprint(world)
    yield
    assert await fingerprint(world) == before


async def fingerprint(world):
    """Return a digest of every collection, as the database computes it."""
    found = await world.wiring.database.client[world.settings.database_name].command("dbHash")
    return found["collections"]


async def post(shop, path, raw, **headers):
    return await shop.world.ask(
        "POST", path, raw=raw, bearer=shop.token, headers={**JSON, "Idempotency-Key": "key-1", **headers}
    )


@pytest.mark.parametrize("name", MALFORMED)
async def test_n3_a_malformed_body_is_refused_by_every_operation(shop, described, unchanged, name):
    asked = 0
    for operation_id, method, path, _, _ in body_examples(described):
        headers = {**JSON, "Idempotency-Key": "key-1"}
        answer = await shop.world.ask(
            method, path.format_map(NONE_SUCH), raw=MALFORMED[name], bearer=shop.token, headers=headers
        )
        assert (answer.status, answer.code) == (400, "malformed_json"), operation_id
        asked += 1
    assert asked > 12


@pytest.mark.parametrize("name", SHAPES)
async def test_n3_json_that_is_no_object_is_refused_by_every_operation(shop, described, unchanged, name):
    for operation_id, method, path, _, _ in body_examples(described):
        headers = {**JSON, "Idempotency-Key": "key-1"}
        answer = await shop.world.ask(
            method, path.format_map(NONE_SUCH), raw=SHAPES[name], bearer=shop.token, headers=headers
        )
        assert (answer.status, answer.code) == (422, "validation_failed"), operation_id


async def test_n4_n7_no_field_of_any_body_takes_an_operator_or_a_foreign_field(shop, described, unchanged):
    wrong = []
    for operation_id, method, path, _, example in body_examples(described):
        bodies = [{**example, field: "x"} for field in FOREIGN if field not in example]
        bodies += [{**example, field: operator} for field in example for operator in OPERATORS]
        for body in bodies:
            answer = await shop.world.ask(
                method, path.format_map(NONE_SUCH), body, bearer=shop.token, headers={"Idempotency-Key": "key-1"}
            )
            if (answer.status, answer.code) != (422, "validation_failed"):
                wrong.append((operation_id, body, answer.body))
    assert wrong == []


async def test_n4_no_query_path_or_header_takes_an_operator(shop, app, unchanged):
    for operation in all_operations(app):
        if operation.method != "GET" or operation.id == "get_metrics":
            continue
        hostile = dict.fromkeys(NONE_SUCH, "%7B%22$gt%22:%22%22%7D")
        answer = await shop.ask_as_owner("GET", operation.path.format_map(hostile))
        assert answer.status == (404 if operation.has_id else 200), operation
        if operation.id.endswith("_list") and operation.id != "auth_sessions_list":
            for query in ("status[$ne]=x", "limit[$gt]=0", "starting_after=%7B%22$gt%22:%22%22%7D", "$where=1"):
                answer = await shop.ask_as_owner("GET", f"{operation.path}?{query}")
                assert (answer.status, answer.code) == (422, "validation_failed"), (operation, query)


@pytest.mark.parametrize("amount", AMOUNTS, ids=repr)
async def test_n11_a14_an_amount_that_is_no_whole_number_in_bounds_is_refused(shop, unchanged, amount):
    answer = await post(shop, PAYMENTS, json.dumps({**GOOD, "amount": amount}).encode())
    assert answer.status == 422, answer.body
    assert answer.code == "validation_failed"
    assert answer.json["error"]["param"] == "amount"


@pytest.mark.parametrize("number", [b"-0", b"-0.0", b"0.0", b"5e4", b"50000.0", b"9007199254740993", b"1E0"])
async def test_n11_numbers_that_other_parsers_read_otherwise_are_refused(shop, unchanged, number):
    answer = await post(shop, PAYMENTS, b'{"amount": ' + number + b', "currency": "INR"}')
    assert (answer.status, answer.code) == (422, "validation_failed")


@pytest.mark.parametrize("currency", CURRENCIES, ids=repr)
async def test_a14_an_unknown_currency_is_refused(shop, unchanged, currency):
    answer = await post(shop, PAYMENTS, json.dumps({**GOOD, "currency": currency}).encode())
    assert (answer.status, answer.code) in {(422, "validation_failed"), (422, "amount_refused")}
    assert answer.json["error"]["param"] == "currency"


@pytest.mark.parametrize(
    ("amount", "currency"), [(99, "INR"), (1, "INR"), (12345, "KWD"), (100, "KPW"), (100, "XXX"), (100, "XAU")]
)
async def test_a14_what_the_processor_would_refuse_or_misread_is_not_sent(shop, unchanged, amount, currency):
    before = (await shop.world.simulate("GET", "/_sim/journal?kind=order.created")).json["entries"]
    answer = await post(shop, PAYMENTS, json.dumps({"amount": amount, "currency": currency}).encode())
    assert (answer.status, answer.code) == (422, "amount_refused")
    assert (await shop.world.simulate("GET", "/_sim/journal?kind=order.created")).json["entries"] == before


@pytest.mark.parametrize(
    "fields",
    [
        {"description": "x" * 256},
        {"description": 5},
        {"reference": ""},
        {"reference": "x" * 65},
        {"metadata": {f"k{number}": "v" for number in range(16)}},
        {"metadata": {"k" * 41: "v"}},
        {"metadata": {"a.b": "v"}},
        {"metadata": {"$where": "v"}},
        {"metadata": {"a": "v" * 257}},
        {"metadata": {"a": 5}},
        {"metadata": {"a": {"b": "c"}}},
        {"metadata": ["a"]},
        {"capture_method": "later"},
        {"capture_method": None},
    ],
    ids=str,
)
async def test_n7_a_field_beyond_its_bounds_is_refused_by_name(shop, unchanged, fields):
    answer = await post(shop, PAYMENTS, json.dumps({**GOOD, **fields}).encode())
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert answer.json["error"]["param"].split(".")[0] in fields


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "tab\there", "schlüssel", "🔑"])
async def test_n8_a_key_of_bad_form_is_refused(shop, unchanged, key):
    port = urlsplit(shop.world.url).port
    body = json.dumps(GOOD).encode()
    answer = await send_raw(port, "POST", PAYMENTS, body, bearer=shop.token, **{**JSON, "Idempotency-Key": key})
    assert (answer.status, answer.code) == (400, "idempotency_key_malformed")


@pytest.mark.parametrize("path", [PAYMENTS, f"{PAYMENTS}/{NONE_SUCH['payment_id']}/capture"])
async def test_where_money_moves_a_key_is_demanded(shop, unchanged, path):
    answer = await shop.ask_as_owner("POST", path, GOOD)
    assert (answer.status, answer.code) == (400, "idempotency_key_required")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-Type": "text/plain"}, "unsupported_media_type"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "unsupported_media_type"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, "unsupported_media_type"),
        ({"Content-Type": "application/json; charset=utf-16"}, "unsupported_media_type"),
        ({"Content-Type": ""}, "unsupported_media_type"),
        ({**JSON, "Content-Encoding": "gzip"}, "unsupported_content_encoding"),
        ({**JSON, "Content-Encoding": "br, gzip"}, "unsupported_content_encoding"),
    ],
    ids=str,
)
async def test_n13_n14_another_type_or_encoding_is_refused_by_every_operation(
    shop, described, unchanged, headers, code
):
    for operation_id, method, path, _, example in body_examples(described):
        answer = await shop.world.ask(
            method,
            path.format_map(NONE_SUCH),
            raw=json.dumps(example).encode(),
            bearer=shop.token,
            headers={"Idempotency-Key": "key-1", **headers},
        )
        assert (answer.status, answer.code) == (415, code), operation_id


async def test_n1_a_body_beyond_the_limit_is_refused_whether_or_not_its_length_is_told(shop, unchanged):
    port = urlsplit(shop.world.url).port
    limit = shop.world.settings.max_body_bytes
    told = {**JSON, "Idempotency-Key": "key-1"}
    answer = await send_raw(port, "POST", PAYMENTS, b" " * (limit + 1), bearer=shop.token, **told)
    assert (answer.status, answer.code) == (413, "body_too_large")
    answer = await send_raw(port, "POST", PAYMENTS, b" " * (limit + 1), bearer=shop.token, is_chunked=True, **told)
    assert (answer.status, answer.code) == (413, "body_too_large")
    answer = await send_raw(port, "POST", PAYMENTS, b"", bearer=shop.token, **told, **{"Content-Length": "9" * 25})
    assert answer.status in {400, 413}
    event = f"/api/v1/webhooks/razorpay/{shop.id}"
    answer = await send_raw(port, "POST", event, b" " * (shop.world.settings.max_webhook_bytes + 1), **JSON)
    assert (answer.status, answer.code) == (413, "body_too_large")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/payments/..%2f..%2fmerchant",
        "/api/v1/payments/%2e%2e/merchant",
        "/api/v1//payments",
        "/api/v1/payments/",
        "/API/V1/PAYMENTS",
        "/api/v1/payments;a=b",
        "/api/v1/payments/pmt_1%00",
        "/api/v1/payments/" + "a" * 3000,
        "/api/v2/payments",
        "/api/v1/payments/%ff%fe",
        "/api/v1/payments/pmt_01kaq7x2v8m3tzb5c6d9efghjk",
    ],
)
async def test_n12_path_tricks_find_nothing(shop, path):
    answer = await send_raw(urlsplit(shop.world.url).port, "GET", path, bearer=shop.token)
    assert answer.status == 404
    assert answer.code in {"not_found", "payment_not_found"}


@pytest.mark.parametrize("query", ["limit=0", f"limit={PAGE_LIMIT + 1}", "limit=1000000000", "limit=1e2", "skip=5",
                                   "limit=9" + "9" * 5000, "page=2", "offset=10"])  # fmt: skip
async def test_n15_lists_are_bounded_on_every_route(shop, app, query):
    for operation in all_operations(app):
        if operation.id.endswith("_list") and operation.id != "auth_sessions_list":
            answer = await shop.ask_as_owner("GET", f"{operation.path}?{query}")
            assert (answer.status, answer.code) == (422, "validation_failed"), operation


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(string.printable), st.text(),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3),
)  # fmt: skip


@st.composite
def mutated(draw, example):
    """Return bytes that were the example before something happened to them."""
    body = copy.deepcopy(example)
    for field in draw(st.lists(st.sampled_from([*example, "extra"]), min_size=1, max_size=3)):
        body[field] = draw(JUNK)
    raw = json.dumps(body, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    if draw(st.booleans()):
        at = draw(st.integers(0, len(raw)))
        raw = raw[:at] + draw(st.binary(max_size=3)) + raw[at + draw(st.integers(0, 3)) :]
    return raw


@settings(
    max_examples=400, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(data=st.data())
async def test_n3_no_mutation_of_a_good_body_ends_in_a_5xx(shop, described, data):
    known = [one for one in body_examples(described) if not one[0].startswith("auth_sign")]
    _, method, path, _, example = data.draw(st.sampled_from(known))
    raw = data.draw(mutated(example))
    answer = await shop.world.ask(
        method,
        path.format_map(NONE_SUCH),
        raw=raw,
        bearer=shop.token,
        headers={**JSON, "Idempotency-Key": data.draw(st.text(string.ascii_letters, min_size=1, max_size=20))},
    )
    assert answer.status < 500, (raw, answer.body)
    assert answer.json["status"] == ("success" if answer.status < 300 else "error")
