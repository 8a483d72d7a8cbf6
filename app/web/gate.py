"""The strict JSON gate in front of every schema (failure rows N3, N8, N14, S18).

Python's own parser takes NaN, duplicate keys, lone surrogates and integers of any length, and later code then fails
in surprising places. Here each of those is refused before a schema, a log or a store sees it. The raw bytes say which
of the slower checks are needed, so that an ordinary small body pays for none of them.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from app.kit.bounds import JSON_DEPTH, JSON_INTEGER_DIGITS
from app.kit.pan import has_card_number
from app.web.errors import CardNumberRefused, MalformedJson, UnsupportedContentEncoding, UnsupportedMediaType

_PLAIN = "application/json"
_JSON_TYPE = re.compile(
    r'application/(?:json|[\w.!#$&^-]+\+json)\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?;?', re.IGNORECASE
)
_BOM = b"\xef\xbb\xbf"
# Something that could be a card number stands in the bytes; escapes and other scripts are looked at letter by letter.
_MANY_DIGITS = re.compile(rb"\d(?:[ -]?\d){12}")
# A text that never ends is taken to the end of the body: every byte is looked at once, whatever the body is.
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)


def check_content(content_type: str | None, content_encoding: str | None) -> None:
    """Refuse a body that is compressed or not declared as JSON in UTF-8.

    Raises:
        UnsupportedContentEncoding: there is a Content-Encoding other than identity.
        UnsupportedMediaType: the Content-Type is missing or another one.
    """
    if content_encoding is not None and content_encoding.strip().lower() not in {"", "identity"}:
        raise UnsupportedContentEncoding
    if content_type != _PLAIN and (content_type is None or _JSON_TYPE.fullmatch(content_type.strip()) is None):
        raise UnsupportedMediaType


def read_json(raw: bytes) -> Any:
    """Return the value of a strict JSON text.

    Raises:
        MalformedJson: the bytes are not strict JSON within our bounds; the message says which rule they break.
        CardNumberRefused: a card number stands in a string, a number or a key.
    """
    if raw.startswith(_BOM):
        raise MalformedJson("The body starts with a byte order mark.")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise MalformedJson("The body is not valid UTF-8.") from None
    if raw.count(b"[") + raw.count(b"{") > JSON_DEPTH:
        _refuse_depth(text)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedJson("The body is not valid JSON.", details={"position": error.pos}) from None
    if b"\\u" in raw or not raw.isascii() or _MANY_DIGITS.search(raw) is not None:
        fields = value.items() if isinstance(value, dict) else ((None, value),)
        for name, item in fields:
            _refuse_bad_texts(name)
            _refuse_bad_texts(item, param=name)
    return value


def _refuse_depth(text: str) -> None:
    depth = 0
    for match in _STRUCTURE.finditer(text):
        mark = match.group()
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
        if depth > JSON_DEPTH:
            message = f"The body is nested deeper than {JSON_DEPTH} levels."
            raise MalformedJson(message)


def _refuse_bad_texts(value: Any, *, param: str | None = None) -> None:
    for text in _texts(value):
        if "\x00" in text:
            raise MalformedJson("A text in the body contains a NUL character.")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise MalformedJson("A text in the body contains half of a surrogate pair.") from None
        if has_card_number(text):
            raise CardNumberRefused(param=param if param is not None and param.isidentifier() else None)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text, key and number (as text) of a JSON value, whose depth is bounded by now."""
    match value:
        case str():
            yield value
        case dict():
            for key, item in value.items():
                yield key
                yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)
        case int() | float():
            yield str(value)
        case _:
            return


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedJson("An object in the body has the same key twice.")
    return found


def _integer(digits: str) -> int:
    if len(digits) > JSON_INTEGER_DIGITS:
        message = f"A number in the body has more than {JSON_INTEGER_DIGITS} digits."
        raise MalformedJson(message)
    return int(digits)


def _fraction(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise MalformedJson("A number in the body is too large.")
    return number


def _constant(name: str) -> Any:
    message = f"{name} is not a JSON value."
    raise MalformedJson(message)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)
