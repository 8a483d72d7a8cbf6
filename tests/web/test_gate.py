"""Every malformed body is refused with 400, 415 or 422 before anybody works on it (N3, N8, N14, S18)."""

import json
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kit.bounds import JSON_DEPTH
from app.kit.errors import Problem
from app.web.gate import check_content, read_json

JSON = {"content-type": "application/json"}
DEEP = "[" * (JSON_DEPTH + 1) + "]" * (JSON_DEPTH + 1)

MALFORMED = {
    "nan": b'{"amount": NaN}',
    "infinity": b'{"amount": Infinity}',
    "minus infinity": b'{"amount": -Infinity}',
    "float overflow": b'{"amount": 1e999}',
    "5,000 digits": b'{"amount": ' + b"9" * 5000 + b"}",
    "21 digits": b'{"amount": 100000000000000000000}',
    "duplicate key": b'{"amount": 1, "amount": 2}',
    "duplicate key below": b'{"amount": 1, "metadata": {"a": "1", "a": "2"}}',
    "deep list": f'{{"amount": {DEEP}}}'.encode(),
    "deep object": b'{"a":' * 30 + b"1" + b"}" * 30,
    "very deep": b"[" * 60_000,
    "lone high surrogate": b'{"name": "\\ud800"}',
    "lone low surrogate": b'{"name": "x\\udc00y"}',
    "lone surrogate in a key": b'{"\\ud800": 1}',
    "escaped nul": b'{"name": "a\\u0000b"}',
    "raw nul": b'{"name": "a\x00b"}',
    "control character": b'{"name": "a\nb"}',
    "bad utf-8": b'{"name": "\xff\xfe"}',
    "utf-8 surrogate": b'{"name": "\xed\xa0\x80"}',
    "overlong": b'{"name": "\xc0\x80"}',
    "byte order mark": b'\xef\xbb\xbf{"amount": 1}',
    "utf-16": '{"amount": 1}'.encode("utf-16"),
    "utf-16 without mark": '{"amount": 1}'.encode("utf-16-le"),
    "utf-32": '{"amount": 1}'.encode("utf-32-be"),
    "single quotes": b"{'amount': 1}",
    "trailing comma": b'{"amount": 1,}',
    "comment": b'{"amount": 1} // yes',
    "two values": b'{"amount": 1}{"amount": 1}',
    "unfinished": b'{"amount": ',
    "unfinished text": b'{"name": "abc',
    "escaped quotes without end": b'{"name": "' + b'\\"' * 5000,
    "backslash at the end": b'{"a": "' + b"[" * 30 + b"\\",
    "hexadecimal": b'{"amount": 0x10}',
    "leading zero": b'{"amount": 010}',
    "plus": b'{"amount": +1}',
    "only spaces": b"   ",
    "word": b"undefined",
    "form": b"amount=1&name=x",
    "xml": b"<amount>1</amount>",
}
WRONG = {
    "list": b"[]",
    "text": b'"x"',
    "number": b"1",
    "null": b"null",
    "true": b"true",
    "empty": b"",
    "no amount": b"{}",
    "amount as text": b'{"amount": "1"}',
    "amount as fraction": b'{"amount": 1.5}',
    "amount as whole fraction": b'{"amount": 1.0}',
    "amount as exponent": b'{"amount": 1e2}',
    "amount as boolean": b'{"amount": true}',
    "amount as null": b'{"amount": null}',
    "amount as list": b'{"amount": [1]}',
    "operator for a number": b'{"amount": {"$gt": 0}}',
    "operator for a text": b'{"amount": 1, "name": {"$ne": null}}',
    "operator below": b'{"amount": 1, "metadata": {"a": {"$gt": ""}}}',
    "unknown field": b'{"amount": 1, "tenant": "mer_2"}',
    "status": b'{"amount": 1, "status": "captured"}',
    "prototype": b'{"amount": 1, "__proto__": {}}',
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_n3_a_malformed_body_is_400(client: httpx2.AsyncClient, world: Any, name: str) -> None:
    answer = await client.post("/api/v1/things", content=MALFORMED[name], headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_json")
    assert world.effects.done == []


@pytest.mark.parametrize("name", WRONG)
async def test_n3_n4_n7_a_wrong_value_is_422(client: httpx2.AsyncClient, world: Any, name: str) -> None:
    answer = await client.post("/api/v1/things", content=WRONG[name], headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "validation_failed")
    assert world.effects.done == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount": 1}',
        b' \n{"amount": -0}\n',
        '{"amount": 1, "name": "₹ रुपया 😀"}'.encode(),
        b'{"amount": 1, "name": "\\ud83d\\ude00 \\u20b9"}',
        b'{"amount": 99999999999999999999}',
        b'{"amount": 1, "name": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ \\" ]]"}',
        b'{"amount": 1, "metadata": {"a": "[[[[[[[[[[[[[", "b": "{{{{{{{{{{{{{{{{{{{{"}}',
    ],
)
async def test_good_json_passes_and_reaches_the_endpoint_as_it_was_sent(
    client: httpx2.AsyncClient, body: bytes
) -> None:
    answer = await client.post("/api/v1/things", content=body, headers=JSON)
    assert answer.status_code == 201
    assert answer.json()["data"]["body"].encode() == body


JUNK = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=10,
    ).map(lambda value: json.dumps(value).encode()),
    st.dictionaries(
        st.sampled_from(["amount", "name", "email", "metadata", "$where"]),
        st.none() | st.floats() | st.integers() | st.text() | st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
    ).map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
)


@given(body=JUNK)
@settings(max_examples=300, deadline=None)
async def test_n3_no_body_whatever_ends_in_a_5xx(gated_world: Any, body: bytes) -> None:
    async with gated_world.client() as client:
        answer = await client.post("/api/v1/things", content=body, headers=JSON)
    assert answer.status_code in {201, 400, 422}
    assert answer.json()["status"] in {"success", "error"}


@given(body=st.binary(max_size=100) | JUNK)
@settings(max_examples=300)
def test_what_the_gate_lets_through_can_be_written_and_read_again(body: bytes) -> None:
    try:
        value = read_json(body)
    except Problem:
        return
    assert json.loads(json.dumps(value, allow_nan=False)) == value


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "GZIP", "identity, gzip"])
async def test_n14_a_compressed_body_is_refused(client: httpx2.AsyncClient, encoding: str | None) -> None:
    headers = {**JSON, "content-encoding": encoding}
    answer = await client.post("/api/v1/things", content=b"\x1f\x8b", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_content_encoding")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "json",
        "",
        "text/json",
        "application/jsonx",
        "application/json, text/plain",
    ],
)
async def test_another_content_type_is_refused(client: httpx2.AsyncClient, content_type: str) -> None:
    answer = await client.post("/api/v1/things", content=b'{"amount": 1}', headers={"content-type": content_type})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


async def test_a_body_without_content_type_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/v1/things", content=b'{"amount": 1}')
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/vnd.api+json",
        "application/json;",
    ],
)
@pytest.mark.parametrize("encoding", [None, "identity", ""])
def test_json_in_utf8_is_taken_however_it_is_spelt(content_type: str, encoding: str | None) -> None:
    check_content(content_type, encoding)


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount": 1, "name": "4111 1111 1111 1111"}',
        b'{"amount": 1, "name": "card 4111111111111111, thanks"}',
        b'{"amount": 4111111111111111}',
        b'{"amount": 1, "metadata": {"note": "3782-822463-10005"}}',
        b'{"amount": 1, "metadata": {"4111111111111111": "x"}}',
        b'{"amount": 1, "name": "\\u0034111111111111111"}',
        b'{"amount": 1, "unknown": [[{"x": "5555555555554444"}]]}',
        '{"amount": 1, "name": "४१११११११११११११११"}'.encode(),
    ],
)
async def test_s18_a_card_number_is_refused_and_neither_stored_nor_logged(
    client: httpx2.AsyncClient, world: Any, body: bytes
) -> None:
    answer = await client.post("/api/v1/things", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "card_number_refused")
    assert answer.json()["error"].get("param") in {"name", "amount", "metadata", "unknown"}
    assert world.effects.done == []
    shown = answer.text + world.log.getvalue()
    assert not any(digits in shown for digits in ("1111", "4444", "10005"))


@pytest.mark.parametrize(
    "name", ["9f4111111111111111c0ffee9f4111111111111111c0ffee9f4111111111abcd", "c0ffee00-4111-1111-1111-1111c0ffee00"]
)
async def test_a_digest_that_looks_as_if_it_held_a_card_number_is_taken(
    client: httpx2.AsyncClient, world: Any, name: str
) -> None:
    answer = await client.post("/api/v1/things", content=json.dumps({"amount": 1, "name": name}), headers=JSON)
    assert answer.status_code == 201
    assert len(world.effects.done) == 1
