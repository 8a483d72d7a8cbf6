"""Which addresses a customer may be sent to: origins as merchants register them, and what belongs to one; pure.

Browsers read addresses in more generous ways than libraries do; an address that the two could read differently is
refused whole (failure row N16).
"""

import re
from urllib.parse import parse_qsl, urlsplit

from app.kit.errors import Kind, Problem

RESULT_NAMES = frozenset({"payment_id", "status", "reference", "at", "signature"})
"""What is added to an address; it may not hold these itself."""

_LONGEST = 2000
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[::1\]")
_PLAIN = re.compile(r"[!-~]+")
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORTS = {"https": 443, "http": 80}


class ReturnOriginInvalid(Problem):
    """A return origin is not one that could be registered."""

    code = "return_origin_invalid"
    kind = Kind.INVALID
    message = "A return origin is https://host or https://host:port, without a path; http is for localhost alone."


class ReturnUrlNotRegistered(Problem):
    """The address to return to is on no origin that the merchant registered (failure row N16)."""

    code = "return_url_not_registered"
    kind = Kind.INVALID
    message = "Register the origin of this address first, with return_origins of PATCH /api/v1/merchant."


def registrable_origin(text: str) -> str:
    """Return an origin in its one spelling. Raises ReturnOriginInvalid."""
    origin = origin_of(text)
    if origin is None or urlsplit(text).path not in {"", "/"} or "?" in text or "#" in text:
        raise ReturnOriginInvalid(param="return_origins")
    return origin


def origin_of(url: str) -> str | None:
    """Return the origin of an address that every browser reads as we do; None for any other."""
    if len(url) > _LONGEST or _PLAIN.fullmatch(url) is None or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not url.lower().startswith(f"{parts.scheme}://") or parts.scheme not in _PORTS or "@" in parts.netloc:
        return None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    if _HOST.fullmatch(host) is None or (parts.scheme == "http" and host not in _LOCAL):
        return None
    shown_port = "" if port is None or port == _PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{host}{shown_port}"


def is_local(origin: str) -> bool:
    """Tell whether an origin is a developer's own machine, unencrypted."""
    return origin.startswith("http://")


def may_return_to(url: str, *, origins: tuple[str, ...], livemode: bool) -> bool:
    """Tell whether a customer may be sent to an address."""
    origin = origin_of(url)
    if origin is None or origin not in origins or (livemode and is_local(origin)):
        return False
    parts = urlsplit(url)
    taken = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    return not parts.fragment and not taken & RESULT_NAMES
