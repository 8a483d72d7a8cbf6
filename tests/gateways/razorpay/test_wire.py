"""The reader of their JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.razorpay.wire import read_json
from app.kit.bounds import JSON_DEPTH


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"id": "order_',
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"amount": NaN}',
        b'{"amount": -Infinity}',
        b'{"amount": 1, "amount": 2}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\xff"}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * (JSON_DEPTH + 1) + b"]" * (JSON_DEPTH + 1),
        b'{"a":' * 30 + b"1" + b"}" * 30,
        b"[" * 200_000,
        b"[" * 200_000 + b"]" * 200_000,
    ],
)
def test_r3_what_is_no_strict_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any text of a ValueError is right here
        read_json(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"[]", []),
        (b'{"a": [1, {"b": null}], "c": "\\/"}', {"a": [1, {"b": None}], "c": "/"}),
        (b"[" * JSON_DEPTH + b"]" * JSON_DEPTH, None),
        (b'"text"', "text"),
    ],
)
def test_json_within_the_bounds_is_read(body: bytes, value: object) -> None:
    assert read_json(body) == value if value is not None else read_json(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read_json(body)
    except ValueError:
        return
