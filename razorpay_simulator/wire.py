"""Reads what clients really send: JSON, forms with bracket keys, two spellings of `expand`, and trailing slashes."""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from razorpay_simulator.errors import ApiError, bad_request

MAX_BODY_BYTES = 1024 * 1024
MAX_UPLOAD_BYTES = 16 * 1024 * 1024
"""How much of a body is read at all; more than the limit above only in a form with a file."""

_KEY_PART = re.compile(r"\[([^\[\]]*)\]")
_BOUNDARY = re.compile(r"boundary=(?:\"(?P<quoted>[^\"]{1,70})\"|(?P<bare>[^\s;\"]{1,70}))", re.IGNORECASE)
_NAME = re.compile(r"[; ]name=\"([^\"]*)\"")
_FILE_NAME = re.compile(r"filename=\"([^\"]*)\"")
_TYPE = re.compile(r"^content-type:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_MAX_DEPTH = 8
_EXPANDS = frozenset({"expand", "expand[]", "expand[expand]"})


def render(value: Any) -> bytes:
    """Return a JSON value as the API writes it."""
    return json.dumps(value, separators=(",", ":")).encode()


def parse_query(raw: bytes) -> list[tuple[str, str]]:
    """Return the pairs of a query string in order; blank values stay."""
    return parse_qsl(raw.decode("latin-1"), keep_blank_values=True) if raw else []


def parse_expands(query: list[tuple[str, str]]) -> frozenset[str]:
    """Return what is to be expanded: `expand[]=card`, and node's `expand[expand]=card`."""
    return frozenset(value for name, value in query if name in _EXPANDS or name.startswith("expand["))


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file in a form."""

    name: str
    mime_type: str
    content: bytes = field(repr=False)


def parse_body(raw: bytes, content_type: str) -> dict[str, Any]:
    """Return the fields of a body, whatever its dialect; nothing at all is an empty object.

    Raises:
        ApiError: it is too large, or neither a JSON object nor a form.
    """
    boundary = _BOUNDARY.search(content_type) if content_type.lower().startswith("multipart/form-data") else None
    if len(raw) > (MAX_BODY_BYTES if boundary is None else MAX_UPLOAD_BYTES):
        raise bad_request("The request body is too large.", status=413)
    if boundary is not None:
        return parse_multipart(raw, boundary["quoted"] or boundary["bare"])
    text = raw.strip()
    if not text:
        return {}
    if "x-www-form-urlencoded" in content_type.lower() and not text.startswith(b"{"):
        return parse_form(text)
    return _parse_json(text)


def _parse_json(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise _unreadable() from None
    if value == []:
        return {}  # PHP writes an empty object so.
    if not isinstance(value, dict):
        raise _unreadable()
    return value


def _unreadable() -> ApiError:
    return bad_request("The request body is not a JSON object.")


def parse_form(text: bytes) -> dict[str, Any]:
    """Return a form whose keys may be nested by brackets: `notes[a]=1`, `events[]=x`.

    Raises:
        ApiError: the bytes are no text, or the brackets contradict each other.
    """
    fields: dict[str, Any] = {}
    try:
        pairs = parse_qsl(text.decode(), keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        raise bad_request("The request body is not a form.") from None
    for name, value in pairs:
        head, bracket, _ = name.partition("[")
        parts = [head, *_KEY_PART.findall(name[len(head) :])] if bracket else [name]
        if len(parts) > _MAX_DEPTH or not _put(fields, parts, value):
            raise bad_request("The request body is not a form.")
    listed: dict[str, Any] = {name: _to_lists(value) for name, value in fields.items()}
    return listed


def _put(fields: dict[str, Any], parts: list[str], value: str) -> bool:
    """Place a value under its nested keys; False when one of them already is something else."""
    here = fields
    for part in parts[:-1]:
        here = here.setdefault(part or str(len(here)), {})
        if not isinstance(here, dict):
            return False
    here[parts[-1] or str(len(here))] = value
    return True


def _to_lists(value: Any) -> Any:
    """Turn objects with the keys 0, 1, 2... into lists, as PHP's reader does."""
    if not isinstance(value, dict):
        return value
    inner = {name: _to_lists(child) for name, child in value.items()}
    if list(inner) == [str(number) for number in range(len(inner))]:
        return list(inner.values())
    return inner


def parse_multipart(raw: bytes, boundary: str) -> dict[str, Any]:
    """Return the fields of a form with files, which become `SentFile`.

    Raises:
        ApiError: it is no such form.
    """
    fields: dict[str, Any] = {}
    first, *parts = (b"\r\n" + raw).split(b"\r\n--" + boundary.encode())
    if first or not parts or not parts[-1].startswith(b"--"):
        raise bad_request("The request body is not a form.")
    for part in parts[:-1]:
        head, separator, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = head.decode("utf-8", "replace")
        name, file_name, kind = (found.search(headers) for found in (_NAME, _FILE_NAME, _TYPE))
        if not separator or name is None:
            raise bad_request("The request body is not a form.")
        if file_name is None:
            fields[name[1]] = content.decode("utf-8", "replace")
        else:
            fields[name[1]] = SentFile(file_name[1], kind[1].lower() if kind else "", content)
    return fields
